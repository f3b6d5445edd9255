// The adapters over a client of two shards, without their libraries: what they list, clear and
// count is in both, and what must be one step is in one.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { KeyvStore } from "../../../src/client/adapters/keyv-store.ts";
import { createIsrHandler } from "../../../src/client/adapters/next-handlers.ts";
import { RateLimiter } from "../../../src/client/adapters/rate-limit.ts";
import { createSessionStore } from "../../../src/client/adapters/session-store.ts";
import { mscacheDriver } from "../../../src/client/adapters/unstorage-driver.ts";
import { connect, type ShardedClient } from "../../../src/index.ts";
import { caseMsMax, startNode } from "../../harness.ts";
import { patient } from "../../support/patient-client.ts";

setDefaultTimeout(caseMsMax);

const stack = new AsyncDisposableStack();
let client: ShardedClient;
const names = Array.from({ length: 20 }, (_, i) => `name${i}`);

beforeAll(async () => {
  const nodes = [stack.use(await startNode()), stack.use(await startNode())];
  const shards = nodes.map(({ address }, i) => ({ name: `${i}`, addresses: address }));
  client = stack.use(await connect({ shards, ...patient }));
});
afterAll(() => stack.disposeAsync());

async function sizes(): Promise<number[]> {
  return await Promise.all(client.shards.map((name) => client.shard(name).size()));
}

test("unstorage's driver lists and clears what is in all shards", async () => {
  const driver = mscacheDriver({ client, base: "items:" });
  await driver.setItems(
    names.map((key) => ({ key, value: key })),
    {},
  );
  expect(Math.min(...(await sizes()))).toBeGreaterThan(0);
  expect((await driver.getKeys("", {})).sort()).toEqual([...names].sort());
  const items = await driver.getItems(names.map((key) => ({ key })));
  expect(items).toEqual(names.map((key) => ({ key, value: key })));
  await driver.clear("");
  expect(await sizes()).toEqual([0, 0]);
});

test("a copy that was left where a key was before is not listed, but cleared", async () => {
  const driver = mscacheDriver({ client, base: "moved" });
  const [elsewhere = ""] = client.shards.filter((name) => name !== client.shardOf("moved:key"));
  await client.shard(elsewhere).set("moved:key", "an old copy");
  expect([await driver.getKeys(""), await driver.getItem("key")]).toEqual([[], null]);
  await driver.setItem("key", "new");
  expect(await driver.getKeys("")).toEqual(["key"]);
  await driver.clear("");
  expect(await sizes()).toEqual([0, 0]);
});

test("Keyv's store reads, deletes and clears in all shards", async () => {
  const store = new KeyvStore({ client, throwOnErrors: true });
  store.namespace = "kept";
  await Promise.all(names.map((name) => store.set(name, `"${name}"`)));
  expect(await store.getMany(names)).toEqual(names.map((name) => `"${name}"`));
  expect(await store.deleteMany(names.slice(0, 5))).toBeTruthy();
  await store.clear();
  expect(await sizes()).toEqual([0, 0]);
});

test("the session store lists and clears the sessions of all shards", async () => {
  class Base {}
  const store = createSessionStore({ client, Store: Base });
  const ask = (method: "all" | "length" | "clear") =>
    new Promise<unknown>((resolve, reject) =>
      store[method]((error?: unknown, value?: unknown) => (error ? reject(error) : resolve(value))),
    );
  await Promise.all(names.map((id) => new Promise((done) => store.set(id, { cookie: {} }, done))));
  expect(await ask("length")).toBe(20);
  expect(await ask("all")).toHaveLength(20);
  await ask("clear");
  expect(await sizes()).toEqual([0, 0]);
});

test("a limiter has the windows of an id in one shard", async () => {
  const limiter = new RateLimiter({ client, limit: 2, window: 600_000 });
  for (const id of names) {
    const taken = [await limiter.take(id), await limiter.take(id), await limiter.take(id)];
    expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, false]);
  }
  expect(Math.min(...(await sizes()))).toBeGreaterThan(0);
  await client.flushAll();
});

test("Next.js's handler revalidates a tag of entries in all shards", async () => {
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const handler = new (createIsrHandler({ client, prefix: "next:", onError }))();
  const fetched = { kind: "FETCH", data: { headers: {}, body: "", url: "" }, revalidate: 60 };
  const context = { tags: ["all"], fetchCache: true };
  for (const name of names) await handler.set(name, { ...fetched, tags: ["all"] }, context);
  const isThere = async (name: string) =>
    (await handler.get(name, { kind: "FETCH", tags: ["all"], softTags: [] })) !== null;
  expect(await Promise.all(names.map(isThere))).toEqual(names.map(() => true));
  await handler.revalidateTag("all");
  expect(await Promise.all(names.map(isThere))).toEqual(names.map(() => false));
  expect(errors).toEqual([]);
});
