// Every method of a client over two shards, once: what it does with keys of both. And every command
// with keys of the server's table: it goes to the shard of its keys, or is split, or says why it
// cannot be. A method that is missing in the table here fails the first case.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Client } from "../../src/client/client.ts";
import { keyRows } from "../../src/client/shards/key-table.ts";
import { ShardedClient } from "../../src/client/shards/sharded-client.ts";
import { type CommandArgument, type CrossShardError, connect } from "../../src/index.ts";
import { caseMsMax, redisInstalled } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { patient } from "../support/patient-client.ts";
import { oracle, ours } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const stack = new AsyncDisposableStack();
let client: ShardedClient;
/** Keys of the two shards, and one that is in the shard of `a` by its {tag}. */
let a: string;
let b: string;
let near: string;

beforeAll(async () => {
  const [one, other] = await Promise.all([
    ours.start(),
    redisInstalled() ? oracle.start() : ours.start(),
  ]);
  stack.use(one);
  stack.use(other);
  const shards = [
    { name: "a", addresses: one.address },
    { name: "b", addresses: other.address },
  ];
  client = stack.use(await connect({ shards, ...patient }));
  const keyIn = (name: string): string => {
    for (let i = 0; ; i++) if (client.shardOf(`k${i}`) === name) return `k${i}`;
  };
  [a, b] = [keyIn("a"), keyIn("b")];
  near = `{${a}}:near`;
});
afterAll(() => stack.disposeAsync());

const apart = { code: "CROSS_SHARD" };
const noShard = { code: "INVALID_ARGUMENT" };

type Method = Exclude<keyof ShardedClient, symbol>;

/** What each method does with keys of both shards: a and b have the values "1" and "2". */
const methods: Readonly<Record<Method, () => unknown>> = {
  // ---- whatever has one key goes to its shard
  get: async () => expect([await client.get(a), await client.get(b)]).toEqual(["1", "2"]),
  getBytes: async () => expect(await client.getBytes(b)).toEqual(new TextEncoder().encode("2")),
  has: async () => expect([await client.has(a), await client.has(b)]).toEqual([true, true]),
  ttl: async () => expect(await client.ttl(b)).toBe(Number.POSITIVE_INFINITY),
  expiresAt: async () => expect(await client.expiresAt(b)).toBe(Number.POSITIVE_INFINITY),
  set: async () => expect(await client.set(b, "3")).toBe(true),
  append: async () => expect(await client.append(b, "3")).toBe(2),
  incr: async () => expect([await client.incr(a), await client.incr(b)]).toEqual([2, 3]),
  getDel: async () => expect(await client.getDel(b)).toBe("2"),
  getEx: async () => expect(await client.getEx(b, { ttl: 60_000 })).toBe("2"),
  delete: async () => expect(await client.delete(b)).toBe(true),
  expire: async () => expect(await client.expire(b, { ttl: 60_000 })).toBe(true),
  persist: async () => expect(await client.persist(b)).toBe(false),
  setBit: async () => expect(await client.setBit(b, 7, true)).toBe(false),
  getBit: async () => expect(await client.getBit(b, 2)).toBe(true),
  bitCount: async () => expect(await client.bitCount(b)).toBe(3),
  pfAdd: async () => expect(await client.pfAdd("pf", ["x"])).toBe(true),
  // ---- in parts
  mget: async () => expect(await client.mget([b, a, b])).toEqual(["2", "1", "2"]),
  mgetBytes: async () => expect(await client.mgetBytes([b, "none"])).toHaveLength(2),
  mset: async () => {
    expect(await client.mset({ [a]: "3", [b]: "4" })).toBe(true);
    expect(await client.mget([a, b])).toEqual(["3", "4"]);
    expect(
      await failureOf(client.mset({ [a]: "5", [b]: "6" }, { onlyIfAbsent: true })),
    ).toMatchObject(apart);
  },
  deleteMany: async () => expect(await client.deleteMany([a, b, "none"])).toBe(2),
  // ---- of one shard, or refused
  rename: async () => {
    expect(await failureOf(client.rename(a, b))).toMatchObject(apart);
    expect(await client.rename(a, near)).toBe(true);
  },
  copy: async () => {
    expect(await failureOf(client.copy(a, b))).toMatchObject(apart);
    expect(await client.copy(a, near)).toBe(true);
  },
  pfCount: async () => {
    expect(await failureOf(client.pfCount([a, b]))).toMatchObject(apart);
    expect(await client.pfCount([`${near}:pf`])).toBe(0);
  },
  pfMerge: async () => {
    expect(await failureOf(client.pfMerge(a, [b]))).toMatchObject(apart);
    expect(await client.pfMerge(`${near}:pf`, [`${near}:pf2`])).toBeUndefined();
  },
  transaction: async () => {
    const mixed = client.transaction([
      ["GET", a],
      ["GET", b],
    ]);
    expect(await failureOf(mixed)).toMatchObject(apart);
    expect(await client.transaction([["GET", b]])).toEqual(["2"]);
  },
  watch: async () => {
    expect(await failureOf(client.watch([a, b], async () => null))).toMatchObject(apart);
    expect(await client.watch([b], async () => [["GET", b]])).toEqual(["2"]);
  },
  script: async () => {
    const script = client.script("return redis.call('GET', KEYS[1])");
    expect(await failureOf(script.run([a, b]))).toMatchObject(apart);
    expect(await script.runReadOnly([b])).toBe("2");
  },
  // ---- all shards
  ping: async () => expect(await client.ping()).toBe("PONG"),
  size: async () => expect(await client.size()).toBe(2),
  flushDatabase: async () => {
    expect(await client.flushDatabase()).toBeUndefined();
    expect(await client.mget([a, b])).toEqual([null, null]);
  },
  flushAll: async () => {
    expect(await client.flushAll()).toBeUndefined();
    expect(await client.mget([a, b])).toEqual([null, null]);
  },
  scan: async () => {
    const found: string[] = [];
    for await (const key of client.scan({ match: "k*" })) found.push(key);
    expect(found.sort()).toEqual([a, b].sort());
  },
  deleteMisplaced: async () => expect(await client.deleteMisplaced("*")).toBe(0),
  // ---- each to its own
  pipeline: async () => {
    expect(
      await client.pipeline([
        ["GET", b],
        ["GET", a],
      ]),
    ).toEqual(["2", "1"]);
    expect(
      await failureOf(
        client.pipeline([
          ["GET", b],
          ["RENAME", a, b],
        ]),
      ),
    ).toMatchObject(apart);
  },
  command: async () => {
    expect(await client.command("EXISTS", a, b)).toBe(2);
    expect(await failureOf(client.command("CONFIG GET", "save"))).toMatchObject(noShard);
  },
  commandBytes: async () => expect(await client.commandBytes("KEYS", "k*")).toHaveLength(2),
  subscribe: async () => {
    await using news = await client.subscribe([a, b]);
    expect([await client.publish(a, "to a"), await client.publish(b, "to b")]).toEqual([1, 1]);
    const messages = [(await news.next()).value?.message, (await news.next()).value?.message];
    expect(messages.sort()).toEqual(["to a", "to b"]);
  },
  publish: async () => expect(await client.publish(b, "to nobody")).toBe(0),
  near: async () => {
    await using held = await client.near();
    expect([await held.get(a), await held.get(b)]).toEqual(["1", "2"]);
    expect([held.peek(a), held.peek(b)]).toEqual(["1", "2"]);
  },
  // ---- of the client itself
  info: async () => {
    expect(await failureOf(client.info())).toMatchObject(noShard);
    expect(await client.shard("b").info("server")).toContain("redis_version");
  },
  address: () => expect(client.address.split(", ")).toHaveLength(2),
  shards: () => expect(client.shards).toEqual(["a", "b"]),
  shardOf: () =>
    expect([client.shardOf(a), client.shardOf(b), client.shardOf(near)]).toEqual(["a", "b", "a"]),
  shard: async () => expect(await client.shard("a").get(b)).toBe(null),
  with: async () => {
    expect(await client.with({ timeout: 60_000 }).mget([a, b])).toEqual(["1", "2"]);
    expect(await client.with({ timeout: 60_000 }).shard("b").get(b)).toBe("2");
  },
  close: async () => {
    const shards = client.shards.map((name) => ({ name, addresses: client.shard(name).address }));
    const other = await connect({ shards, ...patient });
    await other.close();
    expect(await failureOf(other.get(a))).toMatchObject({ code: "CLOSED" });
    expect(await failureOf(other.get(b))).toMatchObject({ code: "CLOSED" });
  },
  // ---- of other parts of this package
  atLeader: async () =>
    expect(await client.atLeader(["GET", b])).toEqual(new TextEncoder().encode("2")),
  nearShard: async () => (await client.shard("a").nearShard({})).close(),
  pushLink: () => expect(() => client.pushLink()).toThrow("client.shard(name)"),
  hub: async () => expect(await failureOf(client.hub.subscribe("x"))).toMatchObject(noShard),
};

test.each(Object.entries(methods))("over two shards: %s", async (_, judge) => {
  await client.flushAll();
  await client.mset({ [a]: "1", [b]: "2" });
  await judge();
});

test("every method of a client is in the table", () => {
  const names = new Set<string>();
  for (let type: object = ShardedClient.prototype; type !== Object.prototype; ) {
    for (const name of Object.getOwnPropertyNames(type)) names.add(name);
    type = Object.getPrototypeOf(type) as object;
  }
  const own = ["constructor", "call", "openSession", "readMany", "setWith", "at", "spread"];
  expect([...names].filter((name) => !own.includes(name)).sort()).toEqual(
    Object.keys(methods).sort(),
  );
  expect(client).toBeInstanceOf(Client);
});

describe("every command with keys", () => {
  const split = ["MGET", "MSET", "DEL", "UNLINK", "EXISTS", "TOUCH"];
  /** By any client: they would change the connection. */
  const refused = ["WATCH", "SSUBSCRIBE", "SUNSUBSCRIBE"];

  /** The command with these keys, one where only one fits; values are "1". */
  function call(
    row: (typeof keyRows)[number],
    keys: readonly string[],
  ): [string, ...CommandArgument[]] {
    const [name, first, last, step, counter] = row;
    const words: CommandArgument[] = name.split(" ");
    while (words.length < first) words.push(words.length === counter ? keys.length : "1");
    const count = last === first ? 1 : keys.length;
    for (const key of keys.slice(0, count)) {
      words.push(key);
      for (let i = 1; i < step; i++) words.push("1");
    }
    return words as [string, ...CommandArgument[]];
  }

  const rows = keyRows.filter(([name]) => !refused.includes(name));
  test.each(rows.map((row) => ({ name: row[0], row })))("$name", async ({ name, row }) => {
    const [, first, last] = row;
    const one = await client
      .command(...call(row, [b, b]))
      .catch((cause) => cause as CrossShardError);
    expect((one as Partial<CrossShardError> | null)?.code ?? "sent").toBeOneOf([
      "sent",
      "SERVER_ERROR",
    ]);
    if (first === last) return;
    const both = await client
      .command(...call(row, [a, b]))
      .catch((cause) => cause as CrossShardError);
    if (split.includes(name)) expect(both).not.toBeInstanceOf(Error);
    else expect(both).toMatchObject({ ...apart, keys: [a, b], shards: ["a", "b"] });
  });
});
