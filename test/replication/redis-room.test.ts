/**
 * Debian's redis-server as the judge: it loads our snapshots, we read its dumps, it follows our
 * leader and we follow it, with cuts, chains and every type that its snapshot may have. The other
 * files test whole nodes; this one tests only the room, so that a failure points at it.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { RdbReader } from "../../src/rdb/reader.ts";
import { Snapshot } from "../../src/replication/snapshot.ts";
import {
  noRedis,
  type RespClient,
  redisInstalled,
  respClient,
  startRedis,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { Random, seedFor } from "../support/seed.ts";
import { SmallStore } from "../support/small-store.ts";
import { FakeClock } from "../unit/replication/fakes.ts";
import { TestNode } from "./in-process/test-node.ts";

const note = redisInstalled() ? "" : ` (skipped: ${noRedis})`;
const quick = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];
const framings = [
  ["length framing", ["--repl-diskless-sync", "no"]],
  ["EOF framing", ["--repl-diskless-sync", "yes"]],
] as const;

/** Everything in database 0 as SmallStore.dump() shows it. */
async function dump(client: RespClient): Promise<string[]> {
  const keys = (await client.call("KEYS", "*")) as string[];
  const lines: string[] = [];
  const questions = ["TYPE", "PEXPIRETIME", "GET"];
  client.sendAll(
    keys.flatMap((key) => questions.map((name) => [name, Buffer.from(key, "latin1")])),
  );
  for (const key of keys) {
    const [type, expiresAt, value] = [
      ...[await client.reply(), await client.reply(), await client.reply()],
    ].map((reply) => reply.value);
    if (type === "string") lines.push(`${key}=${value}@${Math.max(0, Number(expiresAt))}`);
  }
  return lines.sort();
}

async function info(client: RespClient): Promise<Record<string, string>> {
  const text = String(await client.call("INFO", "everything"));
  return Object.fromEntries(text.split("\r\n").map((line) => line.split(/:(.*)/s).slice(0, 2)));
}

/**
 * Items of many sizes, binary ones among them; all texts that Redis would pack are among them too.
 */
function fill(node: TestNode | SmallStore, random: Random, count: number): void {
  for (let i = 0; i < count; i++) {
    const value = random.weighted([
      [5, random.bytes(random.below(300))],
      [2, Buffer.from(String(random.between(-70_000, 70_000)))],
      [2, Buffer.from("pack me ".repeat(random.below(100)))],
      [1, random.bytes(random.below(40_000))],
    ]);
    const expiresAt = random.chance(0.3) ? 4_000_000_000_000 + i : 0;
    const name = random.chance(0.1) ? random.bytes(12).toString("latin1") : `key:${i}`;
    if (node instanceof SmallStore) node.put(name, value, expiresAt);
    else node.set(name, value, expiresAt);
  }
}

function snapshotOf(store: SmallStore): Buffer {
  const history = { replid: "a".repeat(40), offset: 7, streamDatabase: 0 };
  const snapshot = new Snapshot(store, new FakeClock(), history, "7.2.4");
  const slices: Buffer[] = [];
  for (let slice = snapshot.next(); slice !== null; slice = snapshot.next()) {
    slices.push(Buffer.from(slice));
  }
  return Buffer.concat(slices);
}

async function inStep(node: TestNode, client: RespClient): Promise<void> {
  await waitFor(async () => {
    const { master_repl_offset } = await info(client);
    return node.info.master_repl_offset === master_repl_offset;
  });
  expect(await dump(client)).toEqual(node.store.dump());
}

async function redisFollows(client: RespClient, node: TestNode): Promise<void> {
  await client.call("REPLICAOF", "127.0.0.1", `${node.port}`);
  await waitFor(async () => (await info(client)).master_link_status === "up");
  await waitFor(() => node.info.slave0?.includes("state=online"));
}

describe.skipIf(!redisInstalled())(`snapshots and redis-server${note}`, () => {
  test("redis-check-rdb accepts our file and redis-server loads it", async () => {
    await using directory = await temporaryDirectory();
    const store = new SmallStore({ memoryLimitBytes: 128 << 20 });
    fill(store, new Random(seedFor("SNAPSHOT_SEED")), 2000);
    store.put("large", Buffer.alloc(20 << 20, 7));
    const path = join(directory.path, "dump.rdb");
    await Bun.write(path, snapshotOf(store));
    const check = Bun.spawnSync(["redis-check-rdb", path]);
    expect(check.stdout.toString()).toContain("RDB looks OK!");
    expect(check.stdout.toString()).toContain(`${store.count()} keys read`);
    await using redis = await startRedis(["--dir", directory.path]);
    await using client = await respClient(redis.port);
    expect(await client.call("DBSIZE")).toBe(store.count());
    expect(await dump(client)).toEqual(store.dump());
  });

  test("an empty store makes a valid file", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await Bun.write(path, snapshotOf(new SmallStore()));
    expect(Bun.spawnSync(["redis-check-rdb", path]).stdout.toString()).toContain("RDB looks OK!");
  });

  test.each([
    ["compact encodings", []],
    ["large encodings", large()],
    ["without compression and checksum", ["--rdbcompression", "no", "--rdbchecksum", "no"]],
  ] as const)("a dump with every type is read: %s", async (_, args) => {
    await using redis = await startRedis([...args]);
    await using client = await respClient(redis.port);
    const strings = await everyType(client);
    await client.call("SAVE");
    const [, directory] = (await client.call("CONFIG", "GET", "dir")) as string[];
    const bytes = await Bun.file(join(directory, "dump.rdb")).bytes();
    for (const step of [bytes.length, 4096, 7]) {
      const { items, skipped } = readIn(bytes, step);
      expect(items).toEqual(strings);
      expect(skipped).toEqual({
        list: 3, // one of them in another database
        set: 3,
        zset: 2,
        hash: 2,
        stream: 2,
        function: 1,
        "other database": 1,
      });
    }
  });
});

/** Settings under which small collections are kept as tables already. */
function large(): string[] {
  const names = [
    "hash-max-listpack-entries",
    "zset-max-listpack-entries",
    "set-max-intset-entries",
  ];
  return [...names.flatMap((name) => [`--${name}`, "0"]), "--list-max-listpack-size", "1"];
}

async function everyType(client: RespClient): Promise<string[]> {
  const members = Array.from({ length: 40 }, (_, i) => `member ${i} ${"x".repeat(i * 3)}`);
  const numbered = members.flatMap((member, i) => [`${i}.5`, member]);
  await client.call("RPUSH", "list", ...members);
  await client.call("RPUSH", "long list", ...members.flatMap((one) => [one, one.repeat(200)]));
  await client.call("SADD", "intset", "1", "-5", "70000", "5000000000");
  await client.call("SADD", "set", ...members);
  await client.call("SADD", "one", "x");
  await client.call("ZADD", "zset", ...numbered);
  await client.call("ZADD", "inf", "-inf", "a", "+inf", "b", "0.1", "c");
  await client.call("HSET", "hash", ...members);
  await client.call("HSET", "hash2", "f", "x".repeat(10_000));
  for (let i = 0; i < 300; i++) await client.call("XADD", "stream", `${i + 1}-1`, "f", `v${i}`);
  await client.call("XGROUP", "CREATE", "stream", "group", "0");
  await client.call(
    "XREADGROUP",
    "GROUP",
    "group",
    "alice",
    "COUNT",
    "9",
    "STREAMS",
    "stream",
    ">",
  );
  await client.call("XGROUP", "CREATECONSUMER", "stream", "group", "bob");
  await client.call("XADD", "small", "1-1", "f", "v");
  await client.call(
    "FUNCTION",
    "LOAD",
    "#!lua name=lib\nredis.register_function('f', function() end)",
  );
  await client.call("SELECT", "3");
  await client.call("SET", "elsewhere", "string");
  await client.call("RPUSH", "elsewhere list", "a");
  await client.call("SELECT", "0");
  const values = ["", "1", "-129", "32768", "2147483648", "y".repeat(5000), "ab".repeat(40_000)];
  for (const [i, value] of values.entries()) await client.call("SET", `string ${i}`, value);
  await client.call("SET", "timed", "x", "PXAT", "4000000000123");
  return dump(client);
}

function readIn(bytes: Uint8Array, step: number): { items: string[]; skipped: object } {
  const items: string[] = [];
  const reader = new RdbReader({
    item: (key, ks, ke, value, vs, ve, expiresAt) => {
      const text = (from: Uint8Array, start: number, end: number) =>
        Buffer.from(from.subarray(start, end)).toString("latin1");
      items.push(`${text(key, ks, ke)}=${text(value, vs, ve)}@${expiresAt}`);
    },
  });
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.slice(at, at + step));
  reader.finish();
  return { items: items.sort(), skipped: Object.fromEntries(reader.skipped) };
}

describe.skipIf(!redisInstalled())(`redis-server as follower${note}`, () => {
  test("it has everything, with writes during the sync, and resumes after cuts", async () => {
    const random = new Random(seedFor("FOLLOWER_SEED"));
    await using node = new TestNode({ memoryLimitBytes: 16 << 20 });
    await using redis = await startRedis(quick);
    await using client = await respClient(redis.port);
    fill(node, random, 3000);
    await client.call("REPLICAOF", "127.0.0.1", `${node.port}`);
    await waitFor(() => node.info.slave0 !== undefined);
    fill(node, random, 500);
    node.delete("key:1");
    await waitFor(() => node.info.slave0?.includes("state=online"));
    await inStep(node, client);
    for (let cut = 1; cut <= 3; cut++) {
      node.cutFollowers();
      fill(node, random, 100);
      await waitFor(() => node.info.sync_partial_ok === String(cut));
    }
    node.set("huge", random.bytes(3 << 20)); // larger than the journal
    fill(node, random, 50);
    await inStep(node, client);
    expect(node.info.sync_full).toBe("1");
    node.flushAll();
    fill(node, random, 10);
    await inStep(node, client);
  });

  test("its acknowledgements reach the offset, and it answers GETACK", async () => {
    await using node = new TestNode();
    await using redis = await startRedis(quick);
    await using client = await respClient(redis.port);
    await redisFollows(client, node);
    node.set("a", "1");
    const { offset } = node.journal;
    node.replication.leader.requestAcknowledgements();
    await waitFor(() => node.replication.leader.acknowledgedBy(offset) === 1);
    await inStep(node, client);
  });

  test("an empty leader is followed too", async () => {
    await using node = new TestNode();
    await using redis = await startRedis(quick);
    await using client = await respClient(redis.port);
    await client.call("SET", "old", "data");
    await redisFollows(client, node);
    expect(await client.call("DBSIZE")).toBe(0);
  });
});

describe.skipIf(!redisInstalled())(`redis-server as leader${note}`, () => {
  for (const [name, args] of framings) {
    test(`${name}: snapshot, stream, transactions, cuts`, async () => {
      await using redis = await startRedis([...quick, ...args]);
      await using client = await respClient(redis.port);
      await using node = new TestNode();
      await everyType(client);
      node.follow(redis.port);
      await waitFor(() => node.info.master_link_status === "up");
      await inStep(node, client);
      await client.call("INCR", "string 1");
      await client.call("SET", "short", "x", "PX", "50");
      await client.call("MULTI");
      await client.call("INCR", "string 1");
      await client.call("SET", "in", "transaction");
      await client.call("EXEC");
      await client.call("SELECT", "5");
      await client.call("SET", "string 1", "of another database");
      await client.call("SELECT", "0");
      await client.call("MSET", "m1", "1", "m2", "2");
      await waitFor(() => !node.store.has("short")); // expired on the leader
      await inStep(node, client);
      for (let cut = 1; cut <= 3; cut++) {
        await client.call("CLIENT", "KILL", "TYPE", "replica");
        await client.call("INCR", "string 1");
        await waitFor(async () => (await info(client)).sync_partial_ok === String(cut));
      }
      await inStep(node, client);
      await client.call("FLUSHALL");
      await client.call("SET", "after", "all");
      await inStep(node, client);
      expect((await info(client)).sync_full).toBe("1");
    });
  }

  test("a password is sent", async () => {
    await using redis = await startRedis([...quick, "--requirepass", "secret"]);
    await using client = await respClient(redis.port);
    await client.call("AUTH", "secret");
    await client.call("SET", "a", "1");
    await using node = new TestNode({ leaderAuth: "secret" });
    node.follow(redis.port);
    await waitFor(() => node.info.master_link_status === "up");
    await inStep(node, client);
  });

  test("our leader becomes its follower, and the reverse, without a full sync", async () => {
    await using redis = await startRedis(quick);
    await using client = await respClient(redis.port);
    await using node = new TestNode();
    node.set("a", "1");
    await redisFollows(client, node);
    await inStep(node, client);
    await client.call("REPLICAOF", "NO", "ONE");
    node.follow(redis.port);
    await waitFor(() => node.info.master_link_status === "up");
    await client.call("SET", "b", "2");
    await inStep(node, client);
    expect(await info(client)).toMatchObject({ sync_full: "0", sync_partial_ok: "1" });
    node.replication.noOne();
    await client.call("REPLICAOF", "127.0.0.1", `${node.port}`);
    await waitFor(async () => (await info(client)).master_link_status === "up");
    node.set("c", "3");
    await inStep(node, client);
    expect(node.info).toMatchObject({ sync_full: "1", sync_partial_ok: "1" });
  });
});

describe.skipIf(!redisInstalled())(`chains with redis-server${note}`, () => {
  test("ours, redis, ours", async () => {
    await using first = new TestNode();
    await using redis = await startRedis(quick);
    await using client = await respClient(redis.port);
    await using last = new TestNode();
    fill(first, new Random(11), 500);
    await redisFollows(client, first);
    last.follow(redis.port);
    await waitFor(() => last.info.master_link_status === "up");
    fill(first, new Random(12), 100);
    await inStep(first, client);
    await waitFor(() => last.journal.offset === first.journal.offset);
    expect(last.store.dump()).toEqual(first.store.dump());
    expect(last.info.master_replid).toBe(first.info.master_replid);
  });

  test("redis, ours, redis: increments during the second full sync count once", async () => {
    await using leader = await startRedis(quick);
    await using writer = await respClient(leader.port);
    await using counter = await respClient(leader.port);
    await using middle = new TestNode();
    await using last = await startRedis(quick);
    await using client = await respClient(last.port);
    for (let i = 0; i < 3000; i++) writer.send("SET", `key:${i}`, "x".repeat(100));
    for (let i = 0; i < 3000; i++) await writer.reply();
    middle.follow(leader.port);
    await waitFor(() => middle.info.master_link_status === "up");
    let isSyncing = true;
    const count = async () => {
      while (isSyncing) await counter.call("INCR", "n");
    };
    const counting = count();
    await client.call("REPLICAOF", "127.0.0.1", `${middle.port}`);
    await waitFor(() => middle.info.slave0?.includes("state=online"));
    isSyncing = false;
    await counting;
    await inStep(middle, writer);
    await inStep(middle, client);
    expect(await client.call("GET", "n")).toBe(await writer.call("GET", "n"));
  });
});
