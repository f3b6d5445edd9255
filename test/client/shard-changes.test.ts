// What becomes of keys when the list of shards changes: which are missed, which copies stay, that
// they come back stale, and that deleteMisplaced() is the remedy. At our node with one data thread,
// at one with four, and at a redis-server, together. Routing is shards.test.ts.

import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { connect, createCache, type ShardedClient } from "../../src/index.ts";
import { caseMsMax, redisInstalled, type TestNode } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { patient } from "../support/patient-client.ts";
import { oracle, ours } from "../support/servers.ts";
import { ScriptedNode } from "./scripted-node.ts";

setDefaultTimeout(caseMsMax);

const stack = new AsyncDisposableStack();
let nodes: TestNode[];
/** A client before the third shard was added, and after that. */
let before: ShardedClient;
let after: ShardedClient;

const shardsAt = (count: number) =>
  nodes.slice(0, count).map(({ address }, i) => ({ name: "abc"[i] as string, addresses: address }));

beforeAll(async () => {
  const threads = (count: number) => ours.start(["--threads", `${count}`]);
  nodes = await Promise.all([
    threads(1),
    redisInstalled() ? oracle.start() : ours.start(),
    threads(4),
  ]);
  for (const node of nodes) stack.use(node);
  before = stack.use(await connect({ shards: shardsAt(2), ...patient }));
  after = stack.use(await connect({ shards: shardsAt(3), ...patient }));
});
afterAll(() => stack.disposeAsync());
beforeEach(() => after.flushAll());

const keys = Array.from({ length: 3_000 }, (_, i) => `user:${i}`);

async function store(client: ShardedClient, value: string): Promise<void> {
  await client.mset(keys.map((key) => [key, value] as const));
}

/** How often each value is read. */
async function valuesOf(client: ShardedClient): Promise<Record<string, number>> {
  const values = await client.mget(keys);
  return Object.fromEntries(
    Map.groupBy(values, String)
      .entries()
      .map(([v, all]) => [v, all.length]),
  );
}

async function collect<T>(found: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of found) all.push(one);
  return all;
}

test("a new shard takes about 1/(n+1) of the keys, and those are missed", async () => {
  await store(before, "old");
  const { null: missed = 0, old } = await valuesOf(after);
  expect(missed + (old ?? 0)).toBe(keys.length);
  expect(missed).toBe(keys.filter((key) => after.shardOf(key) === "c").length);
  expect(Math.abs(missed / keys.length - 1 / 3)).toBeLessThan(0.05);
});

test("old copies are no keys while the shard is there, and are back when it is gone", async () => {
  await store(before, "old");
  await store(after, "new");
  expect(await valuesOf(after)).toEqual({ new: keys.length });
  expect((await collect(after.scan({ match: "user:*" }))).sort()).toEqual([...keys].sort());
  const size = await after.size(); // of all shards, as KEYS
  expect(size).toBeGreaterThan(keys.length);
  expect(await after.command("KEYS", "user:*")).toHaveLength(size);
  const { old = 0 } = await valuesOf(before);
  expect(old).toBeGreaterThan(keys.length / 4);
});

test("deleteMisplaced() deletes the copies, and nothing else", async () => {
  await store(before, "old");
  const moved = keys.filter((key) => after.shardOf(key) === "c");
  await store(after, "new");
  const binary = new Uint8Array([0x75, 0xff, 0xfe]); // no text: found and placed by its bytes
  await after.set(binary, "v");
  await after.shard("a").set("other:elsewhere", "v");
  await after.shard("b").set("other:elsewhere", "v");
  await after.shard("c").set("other:elsewhere", "v");
  expect(await after.deleteMisplaced("user:*")).toBe(moved.length);
  expect(await after.deleteMisplaced("u*")).toBe(0);
  expect(await valuesOf(after)).toEqual({ new: keys.length });
  expect(await valuesOf(before)).toEqual({ new: keys.length - moved.length, null: moved.length });
  expect(await after.size()).toBe(keys.length + 4);
  expect(await after.get(binary)).toBe("v");
  expect(await collect(after.scan({ match: "u*" }))).toContain("u\ufffd\ufffd");
  expect(await after.deleteMisplaced("*")).toBe(2);
  expect(await after.size()).toBe(keys.length + 2);
});

test("deleteMisplaced() by a client with the old list takes nothing from one with the new", async () => {
  await store(after, "new");
  expect(await before.deleteMisplaced("*")).toBe(0);
  expect(await valuesOf(after)).toEqual({ new: keys.length });
});

test("a cache keeps its entries when the copies of them are deleted", async () => {
  const [old, now] = [createCache({ client: before }), createCache({ client: after })];
  const ids = Array.from({ length: 200 }, (_, i) => `${i}`);
  await Promise.all(ids.map((id) => old.set(id, "old", { tags: ["t"] })));
  await Promise.all(ids.map((id) => now.set(id, "new", { tags: ["t"] })));
  expect(await after.deleteMisplaced("cache:v:*")).toBeGreaterThan(20);
  expect(new Set(await now.getMany(ids))).toEqual(new Set(["new"]));
  expect(new Set(await old.getMany(ids))).toEqual(new Set(["new", undefined]));
});

test("deleteMisplaced() names a wrong pattern, and rejects while a shard is away", async () => {
  const wrong = failureOf(after.deleteMisplaced(7 as never));
  expect(await wrong).toMatchObject({ code: "INVALID_ARGUMENT" });
  const away = new ScriptedNode(() => undefined);
  const shards = [...shardsAt(2), { name: "c", addresses: away.addr }];
  await using client = await connect({ shards, ...patient, offlineQueue: false });
  await away[Symbol.asyncDispose]();
  expect(["CONNECT_FAILED", "CONNECTION_LOST"]).toContain(
    ((await failureOf(client.deleteMisplaced("*"))) as { code?: string }).code ?? "",
  );
});
