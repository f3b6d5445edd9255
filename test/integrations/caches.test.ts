/**
 * Caches over node-redis 4 to 6 and ioredis 4 to 6, unchanged, on our node: what their documents
 * show, and what they leave in the node.
 */
import { expect, setDefaultTimeout } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { type Bench, integration, stock, type Untyped } from "./stock.ts";

setDefaultTimeout(caseMsMax);

// ---- keyv and what stands on it -----------------------------------------------------------------

async function keyvOf(bench: Bench, options: Untyped = {}): Promise<Untyped> {
  const { createKeyv } = await stock("@keyv/redis");
  const keyv = createKeyv(bench.url, options);
  bench.after(() => keyv.disconnect());
  return keyv;
}

integration("@keyv/redis", { sends: "GET SET MGET UNLINK EXISTS SCAN" }, async (bench) => {
  const keyv = await keyvOf(bench, { namespace: "users" });
  expect(await keyv.set("foo", "expires in 1 minute", 60_000)).toBe(true);
  await keyv.set("bar", { never: "expires" });
  expect(await keyv.get("foo")).toBe("expires in 1 minute");
  expect(await keyv.get(["foo", "bar", "none"])).toEqual([
    "expires in 1 minute",
    { never: "expires" },
    undefined,
  ]);
  expect(await keyv.has("foo")).toBe(true);
  const [key = ""] = (await bench.ask("KEYS", "*foo")) as string[];
  expect(await bench.ask("PTTL", key)).toBeWithin(1, 60_001);
  await keyv.set("short", "lived", 1);
  await waitFor(async () => (await keyv.get("short")) === undefined);
  expect(await keyv.delete("foo")).toBe(true);
  expect(await keyv.delete(["bar", "none"])).toBe(true);
  await keyv.setMany([
    { key: "a", value: 1 },
    { key: "b", value: 2, ttl: 60_000 },
  ]);
  const entries = await Array.fromAsync(keyv.iterator(), ([name]: Untyped) => name);
  expect(entries.sort()).toEqual(["a", "b"]);
  await keyv.clear();
  expect(await bench.ask("DBSIZE")).toBe(0);
});

integration("cache-manager 7", { sends: "GET SET MGET UNLINK MULTI EXEC" }, async (bench) => {
  const { createCache } = await stock("cache-manager");
  const cache = createCache({
    stores: [await keyvOf(bench)],
    ttl: 60_000,
    refreshThreshold: 3_000,
  });
  await cache.set("foo", "bar");
  expect(await cache.get("foo")).toBe("bar");
  expect(await cache.ttl("foo")).toBeGreaterThan(Date.now());
  let computed = 0;
  const wrapped = () => cache.wrap("sum", () => ++computed, 60_000);
  expect([await wrapped(), await wrapped()]).toEqual([1, 1]);
  await cache.mset([
    { key: "a", value: 1 },
    { key: "b", value: 2, ttl: 60_000 },
  ]);
  expect(await cache.mget(["a", "none", "b"])).toEqual([1, undefined, 2]);
  await cache.mdel(["a", "b"]);
  expect(await cache.get("a")).toBeUndefined();
  await cache.del("foo");
  await cache.clear();
  expect(await bench.ask("DBSIZE")).toBe(0);
});

integration("@nestjs/cache-manager", { sends: "GET SET UNLINK" }, async (bench) => {
  await stock("reflect-metadata");
  const { NestFactory } = await stock("@nestjs/core");
  const { CacheModule, CACHE_MANAGER } = await stock("@nestjs/cache-manager");
  const module = CacheModule.register({ stores: [await keyvOf(bench)], ttl: 60_000 });
  const application = await NestFactory.createApplicationContext(module, { logger: false });
  bench.after(() => application.close());
  const cache = application.get(CACHE_MANAGER);
  await cache.set("key", { value: 1 });
  expect(await cache.get("key")).toEqual({ value: 1 });
  await cache.del("key");
  expect(await cache.get("key")).toBeUndefined();
});

integration("cacheable, with the node as its second layer", { sends: "GET SET" }, async (bench) => {
  const { Cacheable } = await stock("cacheable");
  const secondary = await keyvOf(bench);
  const here = new Cacheable({ secondary, ttl: "1h" });
  const there = new Cacheable({ secondary, ttl: "1h" });
  await here.set("key", "value", 60_000);
  expect(await there.get("key")).toBe("value");
  const compute = here.wrap((n: number) => n * 2, { ttl: "1h", keyPrefix: "double" });
  expect(await compute(21)).toBe(42);
  await here.setMany([
    { key: "a", value: 1 },
    { key: "b", value: 2 },
  ]);
  expect(await there.getMany(["a", "b"])).toEqual([1, 2]);
  await here.delete("key");
  expect(await here.get("key")).toBeUndefined();
});

integration(
  "Apollo's KeyvAdapter keeps persisted queries",
  { sends: "MGET SET" },
  async (bench) => {
    const { ApolloServer } = await stock("@apollo/server");
    const { KeyvAdapter } = await stock("@apollo/utils.keyvadapter");
    const server = new ApolloServer({
      typeDefs: "type Query { hello: String }",
      resolvers: { Query: { hello: () => "world" } },
      cache: new KeyvAdapter(await keyvOf(bench)),
    });
    bench.after(() => server.stop());
    const query = "{ hello }";
    const sha256Hash = new Bun.CryptoHasher("sha256").update(query).digest("hex");
    const extensions = { persistedQuery: { version: 1, sha256Hash } };
    const answers = [{ extensions }, { query, extensions }, { extensions }];
    const told: Untyped[] = [];
    for (const request of answers) {
      const { body } = await server.executeOperation(request);
      told.push(body.singleResult.errors?.[0]?.message ?? body.singleResult.data.hello);
      await waitFor(async () => told.length !== 2 || (await bench.ask("DBSIZE")) === 1);
    }
    expect(told).toEqual(["PersistedQueryNotFound", "world", "world"]);
  },
);

// ---- stores of older versions of cache-manager --------------------------------------------------

/** What its store can do, by the interface of cache-manager 5. */
async function useCache(bench: Bench, cache: Untyped, ttl: number): Promise<void> {
  await cache.set("foo", { bar: 1 }, ttl);
  expect(await cache.get("foo")).toEqual({ bar: 1 });
  expect(await bench.ask("PTTL", "foo")).toBeWithin(1, 60_001);
  expect(await cache.store.ttl("foo")).toBeGreaterThan(0);
  let computed = 0;
  const wrapped = () => cache.wrap("sum", async () => ++computed, ttl);
  expect([await wrapped(), await wrapped()]).toEqual([1, 1]);
  await cache.store.mset(
    [
      ["a", 1],
      ["b", 2],
    ],
    ttl,
  );
  expect(await cache.store.mget("a", "b")).toEqual([1, 2]);
  expect((await cache.store.keys("*")).sort()).toEqual(["a", "b", "foo", "sum"]);
  await cache.store.mdel("a", "b");
  await cache.del("foo");
  expect(await cache.get("foo")).toBeUndefined();
  await cache.reset();
  expect(await bench.ask("DBSIZE")).toBe(0);
}

integration(
  "cache-manager-redis-yet",
  { sends: "GET SET PTTL MULTI EXEC MGET KEYS DEL FLUSHDB" },
  async (bench) => {
    const { caching } = await stock("cache-manager-5");
    const { redisStore } = await stock("cache-manager-redis-yet");
    const store = await redisStore({ url: bench.url, ttl: 60_000 });
    bench.after(() => store.client.quit());
    await useCache(bench, await caching(store), 60_000);
  },
);

integration(
  "cache-manager-ioredis-yet",
  { sends: "GET SET PTTL MULTI EXEC MGET KEYS DEL FLUSHDB" },
  async (bench) => {
    const { caching } = await stock("cache-manager-5");
    const { redisStore } = await stock("cache-manager-ioredis-yet");
    const store = await redisStore({ host: "127.0.0.1", port: bench.port, ttl: 60_000 });
    bench.after(() => store.client.quit());
    await useCache(bench, await caching(store), 60_000);
  },
);

integration(
  "cache-manager-redis-store",
  { sends: "GET SETEX TTL MGET KEYS DEL FLUSHDB" },
  async (bench) => {
    const { redisStore } = await stock("cache-manager-redis-store");
    const socket = { host: "127.0.0.1", port: bench.port };
    const store = await redisStore({ socket, ttl: 60 });
    bench.after(() => store.getClient().quit());
    await store.set("foo", { bar: 1 }, { ttl: 60 });
    expect(await store.get("foo")).toEqual({ bar: 1 });
    expect(await store.ttl("foo")).toBeWithin(1, 61);
    await store.mset("a", 1, "b", 2, { ttl: 60 });
    expect(await store.mget("a", "b")).toEqual([1, 2]);
    expect((await store.keys("*")).sort()).toEqual(["a", "b", "foo"]);
    await store.del("foo");
    await store.reset();
    expect(await bench.ask("DBSIZE")).toBe(0);
  },
);

integration("cache-manager-ioredis", { sends: "GET SETEX TTL KEYS DEL" }, async (bench) => {
  const { default: cacheManager } = await stock("cache-manager-3");
  const { default: store } = await stock("cache-manager-ioredis");
  const cache = cacheManager.caching({ store, host: "127.0.0.1", port: bench.port, ttl: 60 });
  bench.after(() => cache.store.getClient().quit());
  await cache.set("foo", { bar: 1 }, { ttl: 60 });
  expect(await cache.get("foo")).toEqual({ bar: 1 });
  expect(await cache.ttl("foo")).toBeWithin(1, 61);
  let computed = 0;
  const wrapped = () => cache.wrap("sum", async () => ++computed, { ttl: 60 });
  expect([await wrapped(), await wrapped()]).toEqual([1, 1]);
  expect((await cache.keys("*")).sort()).toEqual(["foo", "sum"]);
  await cache.del("foo");
  await cache.reset();
  expect(await bench.ask("DBSIZE")).toBe(0);
});

integration(
  "node-redis 6 keeps values in the process and drops them when they change",
  { sends: "GET SET CLIENT|TRACKING", unknown: 2 },
  async (bench) => {
    const { createClient, BasicClientSideCache } = await stock("redis");
    const clientSideCache = new BasicClientSideCache({ ttl: 0, maxEntries: 100 });
    const reader = createClient({ url: bench.url, RESP: 3, clientSideCache });
    const writer = createClient({ url: bench.url });
    await Promise.all([reader.connect(), writer.connect()]);
    bench.after(() => Promise.all([reader.close(), writer.close()]));
    await writer.set("key", "first");
    for (let i = 0; i < 3; i++) expect(await reader.get("key")).toBe("first");
    expect(clientSideCache.stats()).toMatchObject({ hitCount: 2, missCount: 1 });
    await writer.set("key", "second");
    await waitFor(async () => (await reader.get("key")) === "second");
    await bench.ask("FLUSHALL");
    await waitFor(async () => (await reader.get("key")) === null);
  },
);

// ---- others -------------------------------------------------------------------------------------

integration(
  "BentoCache with two layers, bus and tags",
  { sends: "GET SET UNLINK SCAN SUBSCRIBE PUBLISH" },
  async (bench) => {
    const { BentoCache, bentostore } = await stock("bentocache");
    const { redisDriver, redisBusDriver } = await stock("bentocache/drivers/redis");
    const { memoryDriver } = await stock("bentocache/drivers/memory");
    const connection = { host: "127.0.0.1", port: bench.port };
    const start = () => {
      const store = bentostore()
        .useL1Layer(memoryDriver({ maxSize: "10mb" }))
        .useL2Layer(redisDriver({ connection }))
        .useBus(redisBusDriver({ connection }));
      const bento = new BentoCache({ default: "multi", stores: { multi: store } });
      bench.after(() => bento.disconnectAll());
      return bento;
    };
    const [here, there] = [start(), start()];
    const get = (bento: Untyped) => bento.get({ key: "user" });
    const subscribers = async () => (await bench.ask("PUBSUB", "CHANNELS")) as string[];
    await here.set({ key: "user", value: "first", ttl: "10m" });
    expect([await get(here), await get(there)]).toEqual(["first", "first"]);
    await waitFor(async () => {
      const [channel = ""] = await subscribers();
      return ((await bench.ask("PUBSUB", "NUMSUB", channel)) as unknown[])[1] === 2;
    });
    await here.set({ key: "user", value: "second" });
    await waitFor(async () => (await get(there)) === "second");
    const factory = () => "computed";
    expect(await there.getOrSet({ key: "post", factory, tags: ["posts"] })).toBe("computed");
    await there.deleteByTag({ tags: ["posts"] });
    expect(await there.get({ key: "post" })).toBeUndefined();
    expect(await here.namespace("users").set({ key: "32", value: "name" })).toBe(true);
    await here.namespace("users").clear();
    await here.delete({ key: "user" });
    await waitFor(async () => (await get(there)) === undefined);
  },
);

integration("unstorage", { sends: "GET MGET SET EXISTS UNLINK SCAN" }, async (bench) => {
  const { createStorage } = await stock("unstorage");
  const { default: redisDriver } = await stock("unstorage/drivers/redis");
  const storage = createStorage({
    driver: redisDriver({ base: "app", host: "127.0.0.1", port: bench.port }),
  });
  bench.after(() => storage.dispose());
  await storage.setItem("foo:bar", { baz: 1 });
  await storage.setItem("foo:short", "x", { ttl: 60 });
  expect(await storage.getItem("foo:bar")).toEqual({ baz: 1 });
  expect(await storage.hasItem("foo:bar")).toBe(true);
  expect(await bench.ask("TTL", "app:foo:short")).toBeWithin(1, 61);
  expect(await storage.getItems(["foo:bar", "none"])).toEqual([
    { key: "foo:bar", value: { baz: 1 } },
    { key: "none", value: null },
  ]);
  await storage.setItemRaw("raw", new Uint8Array([0, 255, 10]));
  expect([...(await storage.getItemRaw("raw"))]).toEqual([0, 255, 10]);
  expect((await storage.getKeys()).sort()).toEqual(["foo:bar", "foo:short", "raw"]);
  await storage.removeItem("foo:bar");
  await storage.clear();
  expect(await bench.ask("DBSIZE")).toBe(0);
});

integration("@hapi/catbox-redis", { sends: "GET PSETEX DEL" }, async (bench) => {
  const { Client, Policy } = await stock("@hapi/catbox");
  const { Engine } = await stock("@hapi/catbox-redis");
  const client = new Client(Engine, { host: "127.0.0.1", port: bench.port, partition: "app" });
  await client.start();
  bench.after(() => client.stop());
  const key = { segment: "users", id: "5" };
  await client.set(key, { name: "n" }, 60_000);
  const { item, ttl } = await client.get(key);
  expect([item, ttl > 0]).toEqual([{ name: "n" }, true]);
  await client.drop(key);
  expect(await client.get(key)).toBeNull();
  let computed = 0;
  const generateFunc = () => ++computed;
  const options = { expiresIn: 60_000, generateFunc, generateTimeout: 60_000 };
  const policy = new Policy(options, client, "sums");
  expect([await policy.get("a"), await policy.get("a")]).toEqual([1, 1]);
});

integration("TypeORM's cache of query results", { sends: "GET SET DEL" }, async (bench) => {
  const { DataSource, EntitySchema } = await stock("typeorm");
  const User = new EntitySchema({
    name: "User",
    columns: { id: { type: Number, primary: true }, name: { type: String } },
  });
  const source = new DataSource({
    type: "sqljs",
    entities: [User],
    synchronize: true,
    cache: { type: "ioredis", options: { host: "127.0.0.1", port: bench.port }, duration: 60_000 },
  });
  await source.initialize();
  bench.after(() => source.destroy());
  const users = source.getRepository("User");
  await users.save({ id: 1, name: "first" });
  const find = () => users.find({ cache: { id: "all", milliseconds: 60_000 } });
  expect(await find()).toEqual([{ id: 1, name: "first" }]);
  await users.save({ id: 1, name: "second" });
  expect(await find()).toEqual([{ id: 1, name: "first" }]);
  await source.queryResultCache.remove(["all"]);
  expect(await find()).toEqual([{ id: 1, name: "second" }]);
});

integration("Medusa's cache", { sends: "GET SET SCAN UNLINK" }, async (bench) => {
  const service = await stock("@medusajs/cache-redis/dist/services/redis-cache.js");
  const { Redis } = await stock("ioredis");
  const cacheRedisConnection = new Redis(bench.port);
  bench.after(() => cacheRedisConnection.quit());
  const cache = new service.default({ cacheRedisConnection }, { ttl: 30 });
  await cache.set("ps:1", { price: 5 });
  await cache.set("ps:2", { price: 6 }, 60);
  expect(await cache.get("ps:1")).toEqual({ price: 5 });
  expect(await bench.ask("TTL", "medusa:ps:1")).toBeWithin(1, 31);
  await cache.invalidate("ps:*");
  expect(await cache.get("ps:2")).toBeNull();
});

integration("Payload's key-value store", { sends: "GET SET EXISTS KEYS DEL" }, async (bench) => {
  const { redisKVAdapter } = await stock("@payloadcms/kv-redis");
  const kv = redisKVAdapter({ redisURL: bench.url }).init();
  bench.after(() => kv.redisClient.quit());
  await kv.set("a", { b: 1 });
  await kv.set("c", 2);
  expect([await kv.get("a"), await kv.get("none")]).toEqual([{ b: 1 }, null]);
  expect([await kv.has("a"), await kv.has("none")]).toEqual([true, false]);
  expect((await kv.keys()).sort()).toEqual(["a", "c"]);
  await kv.delete("a");
  await kv.clear();
  expect(await bench.ask("DBSIZE")).toBe(0);
});
