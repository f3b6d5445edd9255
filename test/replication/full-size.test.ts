/**
 * Full syncs between our nodes and real redis-servers by size: of nothing, of one key, and of many
 * under writes, a million of them in a long run. These go from a Redis to our node, which is
 * promoted and followed by both that Redis, partially, and a new one. Their digests, which Redis
 * makes faster than a test reads a million replies, then compare what was there before with what
 * our node has received and sent.
 * Invariant: the counters say which sync it was; smaller data are compared key by key elsewhere.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled, waitFor } from "../harness.ts";
import { lineUps, type Member, replicationField, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { oracle, ours, redisNote } from "../support/servers.ts";
import { textOf } from "../support/wire.ts";
import { contentsOf, WriteLoad } from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

const keyCount = repetitions(100_000, 1_000_000);
const valueBytes = 100;

async function askOnce({ port }: Member, ...command: (string | number)[]): Promise<string> {
  await using peer = await Peer.connect(port);
  return await peer.ask(...command);
}

async function statistic({ port }: Member, name: string): Promise<number> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO", "stats"));
  return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1]);
}

for (const lineUp of lineUps) {
  describe.skipIf(lineUp.isMissing)(lineUp.name, () => {
    test("the stream follows a full sync of one key, and of none", async () => {
      await using stack = new AsyncDisposableStack();
      const leader = stack.use(await lineUp.leader());
      const peer = stack.use(await Peer.connect(leader.port));
      const early = stack.use(await lineUp.follower(leader));
      await untilCaughtUp(leader, [early]);
      expect(await contentsOf(early.port)).toEqual(new Map());
      const key = Buffer.from([0, 255, 13, 10]);
      await peer.ask("SET", key, Buffer.from([254, 0]), "PXAT", "4102444800123");
      const late = stack.use(await lineUp.follower(leader));
      await waitFor(async () => (await statistic(leader, "sync_full")) === 2);
      await untilCaughtUp(leader, [early, late]);
      const one = new Map([[key.toString("latin1"), "$\\xfe\\x00 until :4102444800123"]]);
      expect(await contentsOf(leader.port)).toEqual(one);
      for (const { port } of [early, late]) expect(await contentsOf(port)).toEqual(one);
      await peer.ask("DEL", key);
      await untilCaughtUp(leader, [early, late]);
      for (const { port } of [early, late]) expect((await contentsOf(port)).size).toBe(0);
    });
  });
}

/** A Redis with many keys that Redis itself has made. */
async function startFullRedis(): Promise<Member> {
  const quick = ["--repl-diskless-sync-delay", "0", "--repl-backlog-size", "256mb"];
  const redis = (await oracle.start([...quick, "--enable-debug-command", "yes"])) as Member;
  expect(await askOnce(redis, "DEBUG", "POPULATE", keyCount, "crowd", valueBytes)).toBe("+OK");
  return redis;
}

/**
 * Has one node follow another while that one's leader is written to, and returns when it is over.
 */
async function syncUnderLoad(follower: Member, leader: Member, written: Member): Promise<void> {
  const random = new Random(seedFor("FULL_SIZE_SEED"));
  const load = await WriteLoad.start(written.port, random, true); // a flush would leave few keys
  await load.more(40);
  const before = load.written;
  await askOnce(follower, "REPLICAOF", "127.0.0.1", leader.port);
  const status = () => replicationField(follower.port, "master_link_status");
  await waitFor(async () => (await status()) === "up", {
    message: "the sync to be over",
    progress: () => syncProgress(follower),
  });
  expect(load.written).toBeGreaterThan(before); // it went on meanwhile
  await load[Symbol.asyncDispose]();
}

/** How much of a snapshot a follower has received, and how much of it a Redis has loaded then. */
async function syncProgress({ port }: Member): Promise<string> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO", "everything"));
  return `${text.match(/^(master_sync_read_bytes|loading_loaded_bytes):\d+/gm)}`;
}

/**
 * Waits for the short-lived keys of the load to be over, which the leader tells its followers one
 * by one: its keys dwindle as long as there is one left. A digest is dear, and is asked for only
 * then.
 */
async function expectSameDigest(leader: Member, followers: readonly Member[]): Promise<void> {
  const ask = (...command: string[]) => {
    return Promise.all(followers.map((it) => askOnce(it, ...command)));
  };
  const size = () => askOnce(leader, "DBSIZE");
  await waitFor(
    async () => {
      const wanted = await size();
      return (await ask("DBSIZE")).every((count) => count === wanted);
    },
    { message: "all to have as many keys", progress: size },
  );
  await waitFor(async () => new Set(await ask("DEBUG", "DIGEST")).size === 1, {
    message: "the digests to be equal",
    progress: size,
  });
}

describe.skipIf(!redisInstalled())(`${keyCount} keys under writes${redisNote}`, () => {
  test("go from a Redis to our node, and from there to another Redis", async () => {
    await using stack = new AsyncDisposableStack();
    const redis = stack.use(await startFullRedis());
    const node = stack.use(await ours.start());
    const other = stack.use((await oracle.start(["--enable-debug-command", "yes"])) as Member);
    await syncUnderLoad(node, redis, redis);
    // An expiry or a PING of the Redis that our node does not get any more would end its history.
    await askOnce(redis, "CLIENT", "PAUSE", caseMsMax, "WRITE");
    await untilCaughtUp(redis, [node]);
    expect(await statistic(redis, "sync_full")).toBe(1);
    const size = Number((await askOnce(redis, "DBSIZE")).slice(1));
    expect(size).toBeGreaterThanOrEqual(keyCount);

    expect(await askOnce(node, "REPLICAOF", "NO", "ONE")).toBe("+OK");
    await askOnce(redis, "REPLICAOF", "127.0.0.1", node.port);
    await askOnce(redis, "CLIENT", "UNPAUSE");
    await untilCaughtUp(node, [redis]);
    await syncUnderLoad(other, node, node);
    await untilCaughtUp(node, [redis, other]);
    await expectSameDigest(node, [redis, other]);
    expect(await askOnce(node, "DBSIZE")).toBe(await askOnce(other, "DBSIZE"));
    expect(await statistic(node, "sync_full")).toBe(1);
    expect(await statistic(node, "sync_partial_ok")).toBe(1);
  });
});
