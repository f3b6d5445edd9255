// The caches of a client over two shards, one of them with two data threads: values, factories,
// invalidations and wake-ups in every shard, and what one shard that is gone takes with it. What a
// cache does in one shard is in cache.test.ts.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type Cache, connect, createCache, type ShardedClient } from "../../src/index.ts";
import { caseMsMax, startNode, type TestNode, waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { patient } from "../support/patient-client.ts";
import { ours } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const stack = new AsyncDisposableStack();
let nodes: readonly TestNode[];
let client: ShardedClient;
let other: ShardedClient;
let prefixes = 0;

beforeAll(async () => {
  nodes = await Promise.all([ours.start(), ours.start(["--threads", "2"])]);
  client = await connect({ shards: shardsAt(nodes), ...patient });
  other = await connect({ shards: shardsAt(nodes), ...patient });
  for (const one of [...nodes, client, other]) stack.use(one);
});
afterAll(() => stack.disposeAsync());

function shardsAt(at: readonly TestNode[]) {
  return at.map(({ address }, i) => ({ name: "ab"[i] as string, addresses: address }));
}

/** Two caches as of two processes, with a prefix of this case. */
function pair(): [Cache, Cache] {
  const options = {
    prefix: `s${prefixes++}:`,
    ttl: caseMsMax,
    grace: caseMsMax,
    lease: caseMsMax, // so that only a message wakes who waits
    serverTimeout: caseMsMax,
    failOpen: false,
  };
  return [createCache({ client, ...options }), createCache({ client: other, ...options })];
}

const names = Array.from({ length: 20 }, (_, i) => `item:${i}`);

test("values are in both shards, each where the client finds its key", async () => {
  const [cache, same] = pair();
  await Promise.all(names.map((name) => cache.set(name, { name })));
  expect(await same.getMany<object>(names)).toEqual(names.map((name) => ({ name })));
  const keys = names.map((name) => `s${prefixes - 1}:v:${name}`);
  expect(new Set(keys.map((key) => client.shardOf(key))).size).toBe(2);
  expect((await client.mget(keys)).every((value) => value !== null)).toBe(true);
  expect(await cache.deleteMany([...names.slice(5), "none"])).toBe(15);
  expect(await same.getMany(names.slice(4, 6))).toEqual([{ name: "item:4" }, undefined]);
});

test("an invalidation counts in all shards when it is acknowledged", async () => {
  const [cache, same] = pair();
  const part = cache.namespace("part");
  await Promise.all(names.map((name) => cache.set(name, 1, { tags: ["odd"] })));
  await Promise.all(names.map((name) => part.set(name, 2)));
  await same.expireTag("odd");
  expect(await cache.getMany(names)).toEqual(names.map(() => undefined));
  expect(await part.getMany(names)).toEqual(names.map(() => 2));
  await same.namespace("part").invalidatePrefix("item:");
  expect(await part.getMany(names)).toEqual(names.map(() => undefined));
  // Stale is served within the grace, while it is computed anew.
  expect(await Promise.all(names.map((name) => part.getOrSet(name, () => 3)))).toEqual(
    names.map(() => 2),
  );
  await waitFor(async () => (await part.getMany(names)).every((value) => value === 3));
  await cache.clear();
  expect(await same.namespace("part").getMany(names)).toEqual(names.map(() => undefined));
});

test("a value is computed once for two processes, and a message wakes who waits", async () => {
  const [cache, same] = pair();
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  const factory = async ({ key }: { key: string }) => {
    runs++;
    await gate.promise;
    return key;
  };
  const first = names.map((name) => cache.getOrSet(name, factory));
  await waitFor(() => runs === names.length);
  const second = names.map((name) => same.getOrSet(name, factory));
  const marks = `s${prefixes - 1}:w:*`; // of those who wait
  await waitFor(async () => (await client.command("KEYS", marks)).length === names.length);
  gate.resolve();
  expect(await Promise.all(second)).toEqual(names);
  expect(await Promise.all(first)).toEqual(names);
  expect(runs).toBe(names.length);
});

test("a batch is one run of its factory, whatever the shards of its keys", async () => {
  const [cache] = pair();
  const asked: string[][] = [];
  const values = await cache.getOrSetMany([...names, names[0] as string], (keys) => {
    asked.push([...keys]);
    return keys.map((key) => key.length);
  });
  expect(values).toEqual([...names, names[0] as string].map((name) => name.length));
  expect(asked.map((keys) => keys.sort())).toEqual([[...names].sort()]);
});

test("a shard that is gone takes its entries with it, and no others", async () => {
  const gone = await startNode();
  await using rest = await startNode();
  const reconnect = { minDelayMs: 1, maxDelayMs: 5 };
  await using mixed = await connect({
    shards: shardsAt([gone, rest]),
    ...patient,
    reconnect,
    offlineQueue: false,
  });
  const cache = createCache({ client: mixed, ttl: caseMsMax, serverTimeout: caseMsMax });
  const load = (name: string) => cache.getOrSet(name, () => `new ${name}`);
  await Promise.all(names.map((name) => cache.set(name, `old ${name}`)));
  await gone[Symbol.asyncDispose]();
  await waitFor(async () => (await failureOf(mixed.shard("a").ping())).name === "ConnectError");
  const isGone = (name: string) => mixed.shardOf(`cache:v:${name}`) === "a";
  expect(new Set(names.map(isGone)).size).toBe(2);
  const served = names.map((name) => `${isGone(name) ? "new" : "old"} ${name}`);
  expect(await Promise.all(names.map(load))).toEqual(served);
  expect(await Promise.all(names.map(load))).toEqual(served);
  // It may be valid in the shard that is gone, so nobody may believe that it is not.
  expect(await failureOf(cache.expireTag("t"))).toMatchObject({ code: "CONNECT_FAILED" });
  const held = names.find((name) => !isGone(name)) as string;
  await cache.delete(held);
  expect(await cache.get(held)).toBeUndefined();
});
