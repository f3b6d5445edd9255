/**
 * Our own client finds the leader by real Redis Sentinels and moves with it: the leader is killed,
 * stands still and goes on, and is asked to step down. What Sentinels do in odd moments is
 * client/sentinel.test.ts.
 * Invariant: every request settles within its time limit, whatever happens to the leader.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Client, type ConnectOptions, connect, MSCacheError } from "../../src/index.ts";
import {
  caseMsMax,
  redisInstalled,
  startNode,
  startRedis,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { replicationField } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { type Guarded, leaderName, startGuarded, startSentinel } from "../support/sentinels.ts";
import { redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const timeout = 1_000;
/** The codes of a request that did not reach a leader, or whose answer was lost. */
const unreached = /^(CONNECT_FAILED|CONNECTION_LOST|TIMEOUT|READ_ONLY)$/;
/** How late a time limit may be noticed on a busy machine. */
const slackMs = 5_000;
const options: ConnectOptions = {
  sentinel: leaderName,
  connectTimeoutMs: 1_000,
  requestTimeoutMs: 30_000,
  reconnect: { minDelayMs: 10, maxDelayMs: 100 },
};

const connectTo = (ports: readonly number[], more: ConnectOptions = {}) =>
  connect(
    ports.map((port) => `127.0.0.1:${port}`),
    { ...options, ...more },
  );

/** Writes until a write succeeds, and returns the longest time that one took. */
async function writeUntilStored(client: Client, key: string): Promise<number> {
  let longestMs = 0;
  await waitFor(async () => {
    const begin = performance.now();
    const stored = await client
      .with({ timeout })
      .set(key, key)
      .catch((error) => {
        if (!(error instanceof MSCacheError)) throw error;
        return false;
      });
    longestMs = Math.max(longestMs, performance.now() - begin);
    return stored;
  });
  return longestMs;
}

describe.skipIf(!redisInstalled())(`three sentinels and three nodes${redisNote}`, () => {
  let guarded: Guarded;
  beforeAll(async () => {
    guarded = await startGuarded("max-memory 64mb\n");
  });
  afterAll(() => guarded[Symbol.asyncDispose]());

  /** Once the followers have the keys, they can be read wherever the leader is. */
  async function replicated(key: string): Promise<void> {
    for (const { port } of guarded.members) {
      await using peer = await Peer.connect(port);
      await waitFor(async () => (await peer.ask("EXISTS", key)) === ":1");
    }
  }

  test("a killed leader is replaced, and a read waits for the next one", async () => {
    const former = await guarded.settled();
    await using client = await connectTo(guarded.sentinelPorts);
    expect(client.address).toBe(`127.0.0.1:${former.port}`);
    await client.set("before", "1");
    await replicated("before");
    await former.kill();
    const read = client.get("before");
    expect(await writeUntilStored(client, "after")).toBeLessThan(timeout + slackMs);
    expect(await read).toBe("1");
    expect(client.address).not.toBe(`127.0.0.1:${former.port}`);
    expect(await client.get("after")).toBe("after");
    await former.start();
  });

  test("a leader that stands still is left, and followed no more when it goes on", async () => {
    const former = await guarded.settled();
    await using client = await connectTo(guarded.sentinelPorts, { requestTimeoutMs: 500 });
    await client.set("still", "1");
    await replicated("still");
    former.signal("SIGSTOP");
    expect(await writeUntilStored(client, "moved")).toBeLessThan(timeout + slackMs);
    expect(client.address).not.toBe(`127.0.0.1:${former.port}`);
    former.signal("SIGCONT");
    const leader = await guarded.settled();
    expect(await client.with({ timeout: 30_000 }).set("again", "1")).toBe(true);
    expect(client.address).toBe(`127.0.0.1:${leader.port}`);
  });

  test("a shard whose leader is killed or stands still fails alone, and finds the next", async () => {
    await using rest = await startNode();
    await guarded.settled();
    const addresses = guarded.sentinelPorts.map((port) => `127.0.0.1:${port}`);
    await using client = await connect({
      ...{ ...options, sentinel: undefined, requestTimeoutMs: timeout },
      shards: [
        { name: "guarded", addresses, sentinel: leaderName },
        { name: "rest", addresses: rest.address },
      ],
    });
    const keyIn = (name: string, beginning: string): string => {
      for (let i = 0; ; i++) {
        if (client.shardOf(`${beginning}${i}`) === name) return `${beginning}${i}`;
      }
    };
    const failing = keyIn("guarded", "failing:");
    const [steady, besides] = [keyIn("rest", "steady:"), keyIn("rest", "besides:")];
    let isOver = false;
    const watched = (async () => {
      let longestMs = 0;
      let count = 0;
      for (; !isOver; count++) {
        const begin = performance.now();
        await client.set(steady, `${count}`);
        expect(await client.get(steady)).toBe(`${count}`);
        longestMs = Math.max(longestMs, performance.now() - begin);
        await Bun.sleep(20); // real time for the others: two failovers take many seconds
      }
      return { count, longestMs };
    })();
    for (const fault of ["killed", "stopped"]) {
      const former = await guarded.settled();
      await waitFor(() => client.set(failing, fault).catch(() => false));
      expect(client.shard("guarded").address).toBe(`127.0.0.1:${former.port}`);
      await replicated(failing);
      if (fault === "killed") await former.kill();
      else former.signal("SIGSTOP");
      const begin = performance.now();
      const both = failureOf(
        client.with({ timeout: 500 }).mset({ [failing]: "x", [besides]: "x" }),
      );
      // The first finds a connection that is lost or silent, a later one none until its time is up.
      expect(await both).toMatchObject({ code: expect.stringMatching(unreached) });
      expect(await client.get(besides)).toBe("x"); // the part of the other shard
      expect(performance.now() - begin).toBeLessThan(timeout + slackMs);
      const codes = new Set<string>();
      await waitFor(async () => {
        const error = await client.set(failing, `after ${fault}`).catch((cause: unknown) => cause);
        if (error === true) return true;
        codes.add((error as MSCacheError).code);
        return false;
      });
      for (const code of codes) expect(code).toMatch(unreached);
      expect(client.shard("guarded").address).not.toBe(`127.0.0.1:${former.port}`);
      expect(await client.get(failing)).toBe(`after ${fault}`);
      if (fault === "killed") await former.start();
      else former.signal("SIGCONT");
    }
    isOver = true;
    const { count, longestMs } = await watched;
    expect(count).toBeGreaterThan(100);
    expect(longestMs).toBeLessThan(timeout + slackMs); // and none has rejected
    await guarded.settled();
  });

  test("reads go to followers, and on while a follower is killed", async () => {
    const leader = await guarded.settled();
    await using client = await connectTo(guarded.sentinelPorts, { reads: "followers" });
    await client.set("read", "1");
    await replicated("read");
    expect(await client.info("replication")).toContain("role:slave");
    const port = Number(/tcp_port:(\d+)/.exec(await client.info("server"))?.[1]);
    expect(port).not.toBe(leader.port);
    const reader = guarded.members.find((member) => member.port === port);
    const reads = Array.from({ length: 20 }, () => client.get("read"));
    await reader?.kill();
    expect(new Set(await Promise.all(reads))).toEqual(new Set(["1"]));
    expect(await client.get("read")).toBe("1");
    await reader?.start();
  });
});

describe.skipIf(!redisInstalled())(`a sentinel and two redis-servers${redisNote}`, () => {
  test("the client moves with a failover on request", async () => {
    await using stack = new AsyncDisposableStack();
    const leader = stack.use(await startRedis());
    const follower = stack.use(await startRedis(["--replicaof", "127.0.0.1", String(leader.port)]));
    await waitFor(async () => {
      return (await replicationField(follower.port, "master_link_status")) === "up";
    });
    const directory = stack.use(await temporaryDirectory());
    const guard = await startSentinel(stack, directory.path, leader.port, [], 1);
    await using peer = await Peer.connect(guard);
    await using client = await connectTo([guard]);
    await client.set("before", "1");
    expect(await client.command("WAIT", 1, 60_000)).toBe(1); // the failover does not
    await waitFor(async () => (await peer.ask("SENTINEL", "FAILOVER", leaderName)) === "+OK");
    await waitFor(async () => (await replicationField(leader.port, "role")) === "slave");
    expect(await writeUntilStored(client, "after")).toBeLessThan(timeout + slackMs);
    expect([await client.get("before"), client.address]).toEqual([
      "1",
      `127.0.0.1:${follower.port}`,
    ]);
  });
});
