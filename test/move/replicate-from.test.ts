/**
 * `mscache replicate-from`: a real redis-server under load is moved over to a node, by the command
 * as a process of its own. What must be equal is read by the test itself, not by the command.
 */

import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import {
  caseMsMax,
  freePort,
  type LocalNode,
  noRedis,
  type RedisServer,
  redisInstalled,
  runMscache,
  startNode,
  startRedis,
  waitFor,
} from "../harness.ts";
import { infoField } from "../persistence/bed.ts";
import { collectText } from "../support/collected-text.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { Peer } from "../support/peer.ts";
import { nodeCommand } from "../support/programs.ts";
import { repetitions } from "../support/repetitions.ts";
import { numberFromEnvironment, Random } from "../support/seed.ts";
import { tlsBed } from "../support/tls-bed.ts";
import type { Argument } from "../support/wire.ts";
import {
  contentsOf,
  differences,
  fill,
  settledContentsOf,
  WriteLoad,
} from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

async function ask(port: number, ...commands: readonly Argument[][]): Promise<string[]> {
  await using peer = await Peer.connect(port);
  const answers: string[] = [];
  for (const [name = "", ...rest] of commands) answers.push(await peer.ask(String(name), ...rest));
  return answers;
}

/** The command while it runs. */
function start(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn([...nodeCommand, "replicate-from", ...args], {
    env: { ...process.env, NO_COLOR: "1", ...environment },
    ...{ stdin: "pipe", stdout: "pipe", stderr: "pipe" },
  });
  const out = collectText(child.stdout);
  const errors = collectText(child.stderr);
  const says = (text: string, times = 1) =>
    waitFor(() => out().split(text).length > times || child.exitCode !== null, {
      message: `"${text}" in ${out()} ${errors()}`,
    });
  return {
    ...{ out, errors, says },
    pressEnter: () => void child.stdin.write("\n"),
    interrupt: () => child.kill("SIGINT"),
    ended: async () => {
      const status = await child.exited;
      await Promise.all([out.end, errors.end]);
      return { status, out: out(), errors: errors() };
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Writes keys of other types until it is disposed of. */
function otherTypes(peer: Peer) {
  let isRunning = true;
  const work = (async () => {
    for (let i = 0; isRunning; i++) {
      const key = `other:${i % 50}`;
      peer.sendAll([
        ["HSET", `h:${key}`, "f", i],
        ["RPUSH", `l:${key}`, i],
        ["LTRIM", `l:${key}`, 0, 5],
        ["ZADD", `z:${key}`, i, "m"],
        ["SADD", `s:${key}`, i % 7],
        ["SUNIONSTORE", `u:${key}`, `s:${key}`],
        ["DEL", `u:${key}`],
      ]);
      await peer.replies(7);
      await Bun.sleep(10); // a load, not a flood: others run beside it
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      isRunning = false;
      await work;
    },
  };
}

function stringsOf(contents: Map<string, string>): Map<string, string> {
  return new Map([...contents].filter(([, text]) => !text.startsWith("-WRONGTYPE")));
}

describe.skipIf(!redisInstalled())(`a real redis-server is moved (${noRedis} if skipped)`, () => {
  let redis: RedisServer;
  let node: LocalNode;

  beforeAll(async () => {
    // The load may write more than its usual 1 MB while a link is cut.
    redis = await startRedis(["--databases", "20", "--repl-backlog-size", "64mb"]);
    node = await startNode();
  });

  afterAll(async () => {
    await redis[Symbol.asyncDispose]();
    await node[Symbol.asyncDispose]();
  });

  afterEach(async () => {
    await ask(node.port, ["REPLICAOF", "NO", "ONE"], ["FLUSHALL"]);
    await ask(redis.port, ["CLIENT", "UNPAUSE"], ["FLUSHALL"]);
  });

  const source = () => `redis://${redis.address}`;

  test("under write load with equal data, and it says what it left out", async () => {
    const seed = numberFromEnvironment("MSCACHE_TEST_SEED", Date.now() >>> 0);
    console.log(`seed ${seed}`);
    await fill(redis.port, 3_000, 100);
    const own: Argument[][] = [
      ["SELECT", 5],
      ["SET", "kept", "in 5"],
      ["SELECT", 18],
    ];
    await ask(
      redis.port,
      ...own,
      ["SET", "beyond", "x"],
      ["SELECT", 5],
      ["HSET", "hash", "f", "v"],
    );
    await using load = await WriteLoad.start(redis.port, new Random(seed));
    await using peer = await Peer.connect(redis.port);
    await using _ = otherTypes(peer);
    await load.more(repetitions(400, 4_000));
    await using run = start([source(), "--to", node.address, "--verify", "all"]);
    await run.says("live: ");
    await load.more(repetitions(400, 4_000));
    run.pressEnter();
    const { status, out, errors } = await run.ended();
    const moved = await settledContentsOf(node.port);
    const wanted = stringsOf(await settledContentsOf(redis.port));
    await ask(redis.port, ["CLIENT", "UNPAUSE"]);
    expect({ status, errors }).toEqual({ status: 0, errors: "" });
    wanted.delete("in 18: beyond");
    expect(moved.size).toBeGreaterThan(100); // the load flushes databases, too
    expect(differences(wanted, moved)).toEqual([]);
    expect(out).toContain('left out: database 5: 1 hash ("hash")');
    expect(out).toContain('left out: database 18: 1 string ("beyond")');
    expect(out).toMatch(/left out: database [0-2]: \d+ list \("l:other:\d+"/);
    expect(out).toMatch(/left out of the stream: [\d,]+ commands of other types/);
    expect(out).toMatch(/compared: [\d,]+ strings equal, none different/);
    expect(out).toMatch(/holds writes for another (5|6)\d s\n$/);
    expect(await infoField(node.port, "role")).toBe("master");
  });

  test("over a link that is cut: it continues by a partial resync", async () => {
    await using proxy = await LinkProxy.start(redis.port);
    await fill(redis.port, 500, 100);
    const before = Number(await infoField(redis.port, "sync_full"));
    await using load = await WriteLoad.start(redis.port, new Random(7), true);
    await using run = start([`redis://${proxy.address}`, "--to", node.address]);
    await run.says("live: ");
    proxy.cut();
    await run.says("do not answer this program");
    await load.more(200);
    proxy.heal();
    await run.says("live: ", 2);
    expect(Number(await infoField(redis.port, "sync_full"))).toBe(before + 1);
    run.pressEnter();
    const { status, errors } = await run.ended();
    const wanted = await settledContentsOf(redis.port);
    await ask(redis.port, ["CLIENT", "UNPAUSE"]);
    expect({ status, errors }).toEqual({ status: 0, errors: "" });
    expect(differences(wanted, await settledContentsOf(node.port))).toEqual([]);
  });

  test("not by Ctrl-C, after which the same command goes on", async () => {
    await fill(redis.port, 500);
    await using run = start([source(), "--to", node.address]);
    await run.says("live: ");
    run.interrupt();
    const { status, errors } = await run.ended();
    expect(status).toBe(1);
    expect(errors).toContain(`${redis.address} is as it was; ${node.address} goes on following it`);
    expect(await infoField(node.port, "role")).toBe("slave");
    expect(await ask(redis.port, ["SET", "later", "1"])).toEqual(["+OK"]);
    const again = await runMscache(["replicate-from", source(), "--to", node.address, "--cutover"]);
    expect(again).toMatchObject({ status: 0, errors: "" });
    expect(again.out).toContain(`${node.address} follows it already`);
    expect(await ask(node.port, ["GET", "later"])).toEqual(["$1"]);
  });

  test("not where the two differ: the source writes on, and the target follows", async () => {
    await using small = await startNode({ maxValueSize: 1_000_000 });
    await ask(redis.port, ["SET", "large", "x".repeat(1_500_000)], ["SET", "usual", "x"]);
    const args = ["replicate-from", source(), "--to", small.address, "--cutover"];
    const { status, errors } = await runMscache(args);
    expect(status).toBe(1);
    expect(errors).toContain(
      'no cut-over: source and target differ in 1 key: "large" in database 0',
    );
    expect(await ask(redis.port, ["SET", "later", "1"])).toEqual(["+OK"]);
    expect(await infoField(small.port, "role")).toBe("slave");
    const unverified = await runMscache([...args, "--verify", "none", "--keep-writing"]);
    expect(unverified).toMatchObject({ status: 0, errors: "" });
    expect(unverified.out).toContain("1 item had no room");
    expect(unverified.out).toContain("takes writes, which nobody moves any more");
    expect(await infoField(small.port, "role")).toBe("master");
  });

  test("only onto a node that is empty and leads, unless told otherwise", async () => {
    const move = (...args: string[]) => runMscache(["replicate-from", ...args, "--cutover"]);
    await ask(node.port, ["SET", "own", "1"]);
    await ask(redis.port, ["SET", "a", "1"]);
    const full = await move(source(), "--to", node.address);
    expect(full).toMatchObject({ status: 1, out: "" });
    expect(full.errors).toContain("has 1 key, which it would lose; --replace allows that");
    const dry = await move(source(), "--to", node.address, "--replace", "--dry-run");
    expect(dry.out).toContain("nothing was changed");
    expect(await ask(node.port, ["GET", "own"])).toEqual(["$1"]);
    expect((await move(source(), "--to", node.address, "--replace")).status).toBe(0);
    expect(await ask(node.port, ["GET", "own"], ["GET", "a"])).toEqual(["$null", "$1"]);
    expect((await move(node.address, "--to", node.address)).errors).toContain(
      "are the same server",
    );
    await using follower = await startNode();
    await ask(follower.port, ["REPLICAOF", "127.0.0.1", node.port]);
    expect((await move(source(), "--to", follower.address)).errors).toContain(
      `follows ${node.address}; REPLICAOF NO ONE ends that`,
    );
  });

  test.each([
    [["redis://127.0.0.1:1/3"], 2, "replication moves all databases of a server"],
    [["redis://127.0.0.1:1"], 1, "127.0.0.1:1: connection refused (ECONNREFUSED)"],
    [["redis://127.0.0.1:1", "--hold", "5"], 2, "--hold must be a whole number of seconds"],
    [["redis://127.0.0.1:1", "--verify", "some"], 2, "--verify must be all, none or a whole"],
    [["redis://127.0.0.1:1", "--source-ca", "x"], 2, "--source-ca needs a rediss:// address"],
  ])("not with %p", async (args, status, sentence) => {
    const result = await runMscache(["replicate-from", ...args, "--to", node.address]);
    expect(result).toMatchObject({ status, out: "" });
    expect(result.errors).toContain(sentence);
  });

  test("by TLS and a login, which the node has for as long as it follows", async () => {
    await using bed = await tlsBed();
    const port = await freePort();
    await using locked = await startRedis([
      ...[
        "--tls-port",
        `${port}`,
        "--tls-cert-file",
        bed.node.cert,
        "--tls-key-file",
        bed.node.key,
      ],
      ...["--tls-ca-cert-file", bed.authority.cert, "--tls-auth-clients", "no"],
      ...["--user", "mover", "on", ">secret", "~*", "&*", "+@all"],
      ...["--user", "reader", "on", ">secret", "~*", "&*", "+@all", "-psync"],
    ]);
    await fill(locked.port, 500);
    const ca = ["--source-ca", bed.authority.cert];
    const move = (user: string, password: string) =>
      runMscache(
        [
          ...["replicate-from", `rediss://127.0.0.1:${port}`, "--source-user", user, ...ca],
          ...["--to", node.address, "--cutover"],
        ],
        { environment: { MSCACHE_SOURCE_PASSWORD: password } },
      );
    const wrong = await move("mover", "wrong");
    expect(wrong).toMatchObject({ status: 1, out: "" });
    expect(wrong.errors).toContain(`127.0.0.1:${port}: WRONGPASS`);
    expect(wrong.errors).not.toContain("wrong\n");
    const barred = await move("reader", "secret");
    expect(barred.status).toBe(1);
    expect(barred.errors).toContain("refuses to be followed: NOPERM");
    expect(await infoField(node.port, "role")).toBe("master");
    expect(await move("mover", "secret")).toMatchObject({ status: 0, errors: "" });
    expect(differences(await contentsOf(locked.port), await contentsOf(node.port))).toEqual([]);
    const left = await ask(
      node.port,
      ["CONFIG", "GET", "masterauth"],
      ["CONFIG", "GET", "masteruser"],
      ["CONFIG", "GET", "tls-replication"],
      ["CONFIG", "GET", "tls-ca-cert-file"],
    );
    expect(left.map((text) => text.split(" $")[1])).toEqual(["]", "]", "no]", "]"]);
  });
});
