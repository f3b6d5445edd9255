/**
 * SHUTDOWN and SIGTERM as in Redis: a node ends only when its followers have had their time and its
 * data are saved; until then it serves reads, and the shutdown can be aborted. For repeated and
 * mixed signals, see signals.test.ts.
 * Invariant: where a redis-server can judge, the same steps run against one.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import {
  noRedis,
  redisInstalled,
  type SpawnedNode,
  spawnNode,
  startRedis,
  type TestNode,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { ask, fillMegabytes, infoField, start } from "../persistence/bed.ts";
import { Peer } from "../support/peer.ts";
import { nodeCommand } from "../support/programs.ts";
import { repetitions, whenLong, whenShort } from "../support/repetitions.ts";

setDefaultTimeout(120_000);
const patient = { timeoutMs: 60_000 };
/** More than the system's buffers of a connection hold. */
const lagMegabytes = repetitions(20, 40);
/** Of these, a full sync takes longer than its leader needs to hear of a signal. */
const syncedMegabytes = repetitions(30, 60);
/** Of these, a save takes longer than SHUTDOWN ABORT. */
const savedMegabytes = repetitions(80, 200);
/** In CLIENT LIST: two in SHUTDOWN and one whose write waits. */
const held = [" flags=b ", " flags=b ", " flags=b "];
const failed = "-ERR Errors trying to SHUTDOWN. Check logs.";

type Server = TestNode & { readonly process: Subprocess };

interface Pair extends AsyncDisposable {
  readonly leader: Server;
  readonly follower: Server;
  /** Stops and continues the follower's process. */
  stop(): void;
  go(): void;
}

async function pairOf(leader: Server, follower: Server): Promise<Pair> {
  await waitFor(async () => (await infoField(leader.port, "connected_slaves")) === "1", patient);
  await waitFor(
    async () => (await infoField(leader.port, "slave0")).includes("state=online"),
    patient,
  );
  return {
    leader,
    follower,
    stop: () => void follower.process.kill("SIGSTOP"),
    go: () => void follower.process.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      follower.process.kill("SIGCONT");
      await leader[Symbol.asyncDispose]();
      await follower[Symbol.asyncDispose]();
    },
  };
}

async function ourPair(...args: string[]): Promise<Pair> {
  const leader = await spawnNode(["--max-memory", "256mb", ...args]);
  const following = ["--leaderaddr", leader.address, "--max-memory", "256mb"];
  return await pairOf(leader, await spawnNode(following));
}

async function redisPair(...args: string[]): Promise<Pair> {
  const leader = await startRedis(args);
  const follower = await startRedis(["--replicaof", "127.0.0.1", `${leader.port}`]);
  return await pairOf(leader, follower);
}

/** It has begun to shut down, and what holds it up is its follower. */
async function isWaiting({ port }: Server): Promise<void> {
  await waitFor(async () => Number(await infoField(port, "shutdown_in_milliseconds")) > 0);
}

function pairOfKind(kind: string, ...args: string[]): Promise<Pair> {
  if (kind === "redis") return redisPair(...args);
  return ourPair(...args, ...(kind === "two threads" ? ["--threads", "2"] : []));
}

const kinds = ["one thread", "two threads", ...(redisInstalled() ? ["redis"] : [])];
if (!redisInstalled()) console.warn(noRedis);

describe.each(kinds)("a leader with a follower that lags (%s)", (kind) => {
  /** Two threads add little to these cases: they have their turn in long runs. */
  const unlessRepeated = kind === "two threads" ? whenLong : whenShort;

  test("waits for it at SIGTERM: all acknowledged megabytes arrive", async () => {
    await using pair = await pairOfKind(kind, "--shutdown-timeout", "60");
    pair.stop();
    await fillMegabytes(pair.leader.port, lagMegabytes);
    pair.leader.process.kill("SIGTERM");
    await isWaiting(pair.leader);
    pair.go();
    expect(await pair.leader.process.exited).toBe(0);
    expect(await ask(pair.follower.port, "DBSIZE")).toBe(`:${lagMegabytes}`);
    expect(await ask(pair.follower.port, "STRLEN", `large:${lagMegabytes - 1}`)).toBe(":1000000");
  });

  test("serves reads meanwhile, holds writes, and keeps running after SHUTDOWN ABORT", async () => {
    await using pair = await pairOfKind(kind, "--shutdown-timeout", "60");
    const { port, process } = pair.leader;
    pair.stop();
    expect(await ask(port, "SET", "a", "1")).toBe("+OK");
    await using first = await Peer.connect(port);
    await using second = await Peer.connect(port);
    await using writer = await Peer.connect(port);
    await using peer = await Peer.connect(port);
    first.send("SHUTDOWN");
    await waitFor(async () => Number(await infoField(port, "shutdown_in_milliseconds")) > 50_000);
    second.send("SHUTDOWN", "NOW", "NOSAVE", "FORCE");
    writer.send("SET", "b", "2");
    expect(await peer.ask("PING")).toBe("+PONG");
    expect(await peer.ask("GET", "a")).toBe("$1");
    expect(await peer.ask("GET", "b")).toBe("$null");
    // A link of a follower is no client, and who asked for the shutdown waits as the writer does.
    await waitFor(async () => (await infoField(port, "blocked_clients")) === "3", patient);
    await waitFor(async () => (await infoField(port, "connected_clients")) === "5", patient);
    const clients = await peer.ask("CLIENT", "LIST", "TYPE", "normal");
    expect(clients.match(/ flags=\w+ /g)?.sort()).toEqual([" flags=N ", ...held]);
    expect(await peer.ask("ROLE")).toStartWith("*[$master ");
    expect(await peer.ask("SHUTDOWN", "ABORT")).toBe("+OK");
    expect([await first.shown(), await second.shown()]).toEqual([failed, failed]);
    expect(await writer.shown()).toBe("+OK");
    expect(await peer.ask("GET", "b")).toBe("$2");
    expect(await infoField(port, "shutdown_in_milliseconds")).toBe("");
    expect(await peer.ask("SHUTDOWN", "ABORT")).toBe("-ERR No shutdown in progress.");
    expect(process.exitCode).toBeNull();
    pair.go();
    await waitFor(async () => (await ask(pair.follower.port, "GET", "b")) === "$2", patient);
  });

  unlessRepeated(() => {
    test("ends without it after the timeout, and at once with NOW", async () => {
      for (const words of [[], ["NOW"]]) {
        await using pair = await pairOfKind(kind, "--shutdown-timeout", words[0] ? "60" : "1");
        pair.stop();
        await ask(pair.leader.port, "SET", "a", "1");
        const before = performance.now();
        await using peer = await Peer.connect(pair.leader.port);
        peer.send("SHUTDOWN", ...words);
        expect(await pair.leader.process.exited).toBe(0);
        const tookMs = performance.now() - before;
        if (words.length === 0) expect(tookMs).toBeGreaterThan(900);
        expect(tookMs).toBeLessThan(30_000);
      }
    });
  });

  unlessRepeated(() => {
    test("does not wait after CONFIG SET shutdown-timeout 0", async () => {
      await using pair = await pairOfKind(kind, "--shutdown-timeout", "60");
      const { port, process } = pair.leader;
      expect(await ask(port, "CONFIG", "SET", "shutdown-timeout", "0")).toBe("+OK");
      expect(await ask(port, "CONFIG", "GET", "shutdown-timeout")).toContain("$0");
      pair.stop();
      await ask(port, "SET", "a", "1");
      process.kill("SIGTERM");
      expect(await process.exited).toBe(0);
    });
  });
});

describe("a leader that shuts down", () => {
  whenShort(() => {
    test("logs which follower it left behind", async () => {
      await using pair = await ourPair("--shutdown-timeout", "1");
      pair.stop();
      await ask(pair.leader.port, "SET", "a", "1");
      pair.leader.process.kill("SIGTERM");
      expect(await pair.leader.process.exited).toBe(0);
      const { log } = pair.leader as SpawnedNode;
      expect(log()).toMatch(/warn {2}follower \S+ lacks \d+ bytes when this node shuts down/);
    });
  });

  test("waits for a follower in the middle of its full sync, as Redis does", async () => {
    await using leader = await spawnNode(["--max-memory", "256mb", "--shutdown-timeout", "60"]);
    await fillMegabytes(leader.port, syncedMegabytes);
    await using follower = await spawnNode(["--max-memory", "256mb"]);
    await ask(follower.port, "REPLICAOF", "127.0.0.1", leader.port);
    await waitFor(async () => (await infoField(leader.port, "connected_slaves")) === "1");
    leader.process.kill("SIGTERM");
    expect(await leader.process.exited).toBe(0);
    expect(await ask(follower.port, "DBSIZE")).toBe(`:${syncedMegabytes}`);
  });

  whenShort(() => {
    test("sends its followers what it has if it is a follower itself", async () => {
      await using top = await spawnNode(["--max-memory", "256mb"]);
      await using pair = await ourPair("--shutdown-timeout", "60", "--leaderaddr", top.address);
      await waitFor(async () => (await infoField(pair.leader.port, "master_link_status")) === "up");
      pair.stop();
      await fillMegabytes(top.port, 10);
      await waitFor(async () => (await ask(pair.leader.port, "DBSIZE")) === ":10", patient);
      pair.leader.process.kill("SIGTERM");
      await isWaiting(pair.leader);
      pair.go();
      expect(await pair.leader.process.exited).toBe(0);
      expect(await ask(pair.follower.port, "DBSIZE")).toBe(":10");
    });
  });

  whenShort(() => {
    test("lets its followers resume by partial sync after its snapshot, however long they took", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "dump.rdb");
      await using pair = await ourPair("--shutdown-timeout", "60", "--snapshot-file", path);
      const { port } = pair.leader;
      pair.stop();
      await fillMegabytes(port, 10);
      pair.leader.process.kill("SIGTERM");
      pair.go();
      expect(await pair.leader.process.exited).toBe(0);
      await using again = await start(path, "--listenaddr", `127.0.0.1:${port}`);
      const state = async () => await infoField(pair.follower.port, "master_link_status");
      await waitFor(async () => (await state()) === "up", patient);
      expect(await infoField(again.port, "sync_full")).toBe("0");
      expect(await infoField(again.port, "sync_partial_ok")).toBe("1");
    });
  });
});

whenShort(() => {
  describe.each([1, 2])("a node with %d data threads whose snapshot cannot be saved", (threads) => {
    const home = () => join(directory.path, "home");
    let directory: AsyncDisposable & { readonly path: string };
    beforeAll(async () => {
      directory = await temporaryDirectory();
    });
    afterAll(async () => await directory[Symbol.asyncDispose]());

    async function startDoomed(): Promise<SpawnedNode> {
      mkdirSync(home(), { recursive: true });
      const node = await start(join(home(), "dump.rdb"), "--threads", `${threads}`);
      await ask(node.port, "SET", "a", "1");
      rmSync(home(), { recursive: true });
      return node;
    }

    async function expectAlive({ port, process }: SpawnedNode): Promise<void> {
      expect(await ask(port, "GET", "a")).toBe("$1");
      expect(await ask(port, "SET", "b", "2")).toBe("+OK");
      expect(await ask(port, "INFO", "server")).not.toContain("shutdown_in");
      expect(process.exitCode).toBeNull();
    }

    test("replies to SHUTDOWN with an error and keeps running, and ends when there is room", async () => {
      await using node = await startDoomed();
      await using peer = await Peer.connect(node.port);
      for (const words of [[], ["SAVE"], ["NOW"]]) {
        expect(await peer.ask("SHUTDOWN", ...words)).toBe(failed);
        await expectAlive(node);
      }
      mkdirSync(home());
      peer.send("SHUTDOWN");
      expect(await node.process.exited).toBe(0);
      expect(await Bun.file(join(home(), "dump.rdb")).exists()).toBe(true);
    });

    test("keeps running after SIGTERM and says why, each time", async () => {
      await using node = await startDoomed();
      for (const count of [1, 2]) {
        node.process.kill("SIGTERM");
        const line = /this node does not end: .* to \S+: .*\(ENOENT\); SHUTDOWN NOSAVE ends it/g;
        await waitFor(() => node.log().match(line)?.length === count);
        await expectAlive(node);
      }
      mkdirSync(home());
      node.process.kill("SIGTERM");
      expect(await node.process.exited).toBe(0);
    });

    // With two threads there is nothing else to each of them.
    const endings = [[["NOSAVE"]], [["FORCE"]], [["SAVE", "FORCE"]], [["NOSAVE", "NOW"]]];

    test.each(endings.slice(0, threads === 1 ? 4 : 2))("ends by SHUTDOWN %p", async (words) => {
      await using node = await startDoomed();
      await using peer = await Peer.connect(node.port);
      peer.send("SHUTDOWN", ...words);
      expect((await peer.raw.closed()).length).toBe(0);
      expect(await node.process.exited).toBe(0);
    });
  });
});

whenShort(() => {
  test("on a full disk a node keeps its data after SIGTERM, and the last good file", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    // A limit on the size of files is refused by the same call as a full disk, and needs no root.
    const command = ["bash", "-c", 'ulimit -f 3000; exec "$@"', "mscache", ...nodeCommand];
    await using node = await spawnNode(["--snapshot-file", path, "--max-memory", "64mb"], {
      command,
    });
    await waitFor(() => node.log().includes("is ready"));
    await ask(node.port, "SET", "kept", "good");
    expect(await ask(node.port, "SAVE")).toBe("+OK");
    const good = await Bun.file(path).bytes();
    await fillMegabytes(node.port, 8);
    node.process.kill("SIGTERM");
    await waitFor(() => node.log().includes("this node does not end: "));
    expect(await ask(node.port, "DBSIZE")).toBe(":9");
    expect(await Bun.file(path).bytes()).toEqual(good);
    await ask(node.port, "FLUSHALL");
    node.process.kill("SIGTERM");
    expect(await node.process.exited).toBe(0);
  });
});

test("SHUTDOWN ABORT ends a last save that is under way, and the node keeps running", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "dump.rdb");
  await using node = await start(path);
  await fillMegabytes(node.port, savedMegabytes);
  await using peer = await Peer.connect(node.port);
  await using other = await Peer.connect(node.port);
  peer.send("SHUTDOWN");
  await waitFor(() => node.log().includes("-> saving"));
  expect(await other.ask("SHUTDOWN", "ABORT")).toBe("+OK");
  expect(await peer.shown()).toBe(failed);
  expect(await other.ask("SET", "a", "1")).toBe("+OK");
  expect(await Bun.file(path).exists()).toBe(false);
  expect(await other.ask("FLUSHALL")).toBe("+OK"); // the next save need not be long
  node.process.kill("SIGTERM");
  expect(await node.process.exited).toBe(0);
  expect(await Bun.file(path).exists()).toBe(true);
});
