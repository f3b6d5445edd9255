/**
 * Locks, unchanged, on our node: what their documents show. Each is taken for a time under a value
 * of its owner's, and scripts extend and release it only while it still has that value.
 * Leaves out semaphores, which are sorted sets.
 */
import { expect, setDefaultTimeout } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { type Bench, integration, stock, type Untyped } from "./stock.ts";

setDefaultTimeout(caseMsMax);

const leaseMs = 60_000;

async function ioredis(bench: Bench): Promise<Untyped> {
  const { Redis } = await stock("ioredis");
  const client = new Redis(bench.port);
  bench.after(() => client.quit());
  return client;
}

async function nodeRedis3(bench: Bench): Promise<Untyped> {
  const { default: redis } = await stock("redis-3");
  const client = redis.createClient(bench.port);
  bench.after(() => client.end(true));
  return client;
}

/** What a promise was rejected with, or undefined. */
async function failureOf(promise: Promise<unknown>): Promise<Untyped> {
  return await promise.then(
    () => undefined,
    (error) => error,
  );
}

/** Somebody else has got the lock, as when its time was over. */
async function loseTo(bench: Bench, key: string): Promise<void> {
  await bench.ask("SET", key, "another", "PX", `${leaseMs}`);
}

/** The life of a lock on two resources. */
async function useRedlock(bench: Bench, redlock: Untyped, failure: Untyped): Promise<void> {
  const lock = await redlock.acquire(["a", "b"], leaseMs);
  expect(await bench.ask("MGET", "a", "b")).toEqual([lock.value, lock.value]);
  expect(await bench.ask("PTTL", "b")).toBeWithin(1, leaseMs + 1);
  expect(await failureOf(redlock.acquire(["b", "c"], leaseMs))).toBeInstanceOf(failure);
  expect(await bench.ask("EXISTS", "a", "b", "c")).toBe(2);
  const extended = await lock.extend(2 * leaseMs);
  expect(await bench.ask("PTTL", "a")).toBeWithin(leaseMs + 1, 2 * leaseMs + 1);
  await loseTo(bench, "b");
  expect(await failureOf(extended.extend(leaseMs))).toBeInstanceOf(failure);
  // Of two, only the one that it still has is released.
  const { attempts } = await failureOf(redlock.release(extended, { retryCount: 0 }));
  expect([...(await attempts[0]).votesAgainst.values()].join()).toMatch(/1 of the 2/);
  expect(await bench.ask("MGET", "a", "b")).toEqual([null, "another"]);
  const used = redlock.using(["c"], leaseMs, async () => await bench.ask("EXISTS", "c"));
  expect([await used, await bench.ask("EXISTS", "c")]).toEqual([1, 0]);
}

integration(
  "redlock takes, extends and releases locks",
  { sends: "EVALSHA EVAL", unloaded: 3 },
  async (bench) => {
    const { default: Redlock, ExecutionError } = await stock("redlock");
    const redlock = new Redlock([await ioredis(bench)], { retryCount: 0 });
    await useRedlock(bench, redlock, ExecutionError);
  },
);

integration(
  "redlock 4 over node-redis 3",
  { sends: "EVALSHA EVAL", unloaded: 3 },
  async (bench) => {
    const { default: Redlock } = await stock("redlock-4");
    const redlock = new Redlock([await nodeRedis3(bench)], { retryCount: 0 });
    const lock = await redlock.lock(["a", "b"], leaseMs);
    expect(await bench.ask("MGET", "a", "b")).toEqual([lock.value, lock.value]);
    expect((await failureOf(redlock.lock("b", leaseMs))).name).toBe("LockError");
    const extended = await lock.extend(2 * leaseMs);
    expect(await bench.ask("PTTL", "b")).toBeWithin(leaseMs + 1, 2 * leaseMs + 1);
    await extended.unlock();
    expect(await bench.ask("EXISTS", "a", "b")).toBe(0);
    expect((await failureOf(extended.unlock())).name).toBe("LockError");
  },
);

integration(
  "@sesamecare-oss/redlock takes, extends and releases locks",
  { sends: "EVALSHA EVAL" },
  async (bench) => {
    const { Redlock, ExecutionError } = await stock("@sesamecare-oss/redlock");
    const redlock = new Redlock([await ioredis(bench)], { retryCount: 0 });
    await useRedlock(bench, redlock, ExecutionError);
  },
);

integration(
  "@sesamecare-oss/redlock selects a database in its scripts, and only there",
  { sends: "EVAL SELECT" },
  async (bench) => {
    const { Redlock } = await stock("@sesamecare-oss/redlock");
    const client = await ioredis(bench);
    const redlock = new Redlock([client], { retryCount: 0, db: 1 });
    const lock = await redlock.acquire(["a"], leaseMs);
    expect([await client.exists("a"), await bench.ask("EXISTS", "a")]).toEqual([0, 0]);
    await client.set("a", "in database 0");
    const extended = await lock.extend(leaseMs);
    await bench.ask("SELECT", "1");
    expect(await bench.ask("GET", "a")).toBe(extended.value);
    await extended.release();
    expect(await bench.ask("EXISTS", "a")).toBe(0);
    expect(await client.get("a")).toBe("in database 0");
  },
);

integration(
  "redis-semaphore's Mutex is released and refreshed by its owner alone",
  { sends: "SET EVALSHA EVAL", unloaded: 2 },
  async (bench) => {
    const { Mutex } = await stock("redis-semaphore");
    const client = await ioredis(bench);
    let lost = 0;
    const onLockLost = () => lost++;
    const options = { lockTimeout: leaseMs, refreshInterval: 1, retryInterval: 1, onLockLost };
    const mutex = new Mutex(client, "key", options);
    const other = new Mutex(client, "key", { ...options, acquireAttemptsLimit: 1 });
    await mutex.acquire();
    await bench.ask("PEXPIRE", "mutex:key", "1000000");
    await waitFor(async () => Number(await bench.ask("PTTL", "mutex:key")) <= leaseMs);
    expect(await other.tryAcquire()).toBe(false);
    await mutex.release();
    expect(await other.tryAcquire()).toBe(true);
    await loseTo(bench, "mutex:key");
    await waitFor(() => lost === 1);
    await other.release();
    expect(await bench.ask("GET", "mutex:key")).toBe("another");
  },
);

integration("warlock", { sends: "SET EVALSHA SCRIPT|LOAD", unloaded: 2 }, async (bench) => {
  const { default: Warlock } = await stock("node-redis-warlock");
  const warlock = Warlock(await nodeRedis3(bench));
  const lock = () =>
    new Promise<{ unlock: Untyped; id: string }>((resolve, reject) => {
      warlock.lock("job", leaseMs, (error: unknown, unlock: Untyped, id: string) => {
        if (error) reject(error);
        else resolve({ unlock, id });
      });
    });
  const unlocked = (unlock: Untyped) =>
    new Promise((resolve, reject) => {
      unlock((error: unknown, count: number) => (error ? reject(error) : resolve(count)));
    });
  const { unlock, id } = await lock();
  expect((await lock()).unlock).toBe(false);
  expect(await warlock.touch("job", id, 2 * leaseMs)).toBe("OK");
  expect(await bench.ask("PTTL", "job:lock")).toBeWithin(leaseMs + 1, 2 * leaseMs + 1);
  expect(await warlock.touch("job", "another", leaseMs)).toBe(0);
  expect([await unlocked(unlock), await unlocked(unlock)]).toEqual([1, 0]);
  await loseTo(bench, "job:lock");
  expect(await unlocked(unlock)).toBe(0);
});

// ---- of applications ----------------------------------------------------------------------------

integration(
  "Directus' store of keys and values keeps maxima and locks",
  { sends: "SET EVALSHA EVAL PUBLISH" },
  async (bench) => {
    const { createCache, createKv, createLimiter } = await stock("@directus/memory");
    const redis = await ioredis(bench);
    const kv = createKv({ type: "redis", redis, namespace: "app" });
    expect(await kv.setMax("latest", 5)).toBe(true);
    await kv.setMax("latest", 4);
    expect(await kv.get("latest")).toBe(5);
    await kv.setMax("latest", 10);
    expect(await kv.get("latest")).toBe(10);
    const lock = await kv.acquireLock("job");
    expect(await bench.ask("PTTL", "app:job")).toBeWithin(1, 5001);
    await lock.extend(leaseMs);
    expect(await bench.ask("PTTL", "app:job")).toBeWithin(5001, leaseMs + 1);
    await lock.release();
    expect(await kv.usingLock("job", async () => "done")).toBe("done");

    const limiter = createLimiter({
      type: "redis",
      redis,
      namespace: "ip",
      points: 1,
      duration: 60,
    });
    await limiter.consume("visitor");
    expect((await failureOf(limiter.consume("visitor"))).extensions.limit).toBe(1);

    const config = { redis, namespace: "cache" };
    const cache = createCache({ type: "multi", redis: config, local: { maxKeys: 10 } });
    bench.after(() => cache.bus.sub.quit());
    await cache.set("user", { id: 5 });
    expect(await cache.usingLock("job", async () => await cache.get("user"))).toEqual({ id: 5 });
    await cache.clear();
  },
);

integration("Medusa's locks", { sends: "EVALSHA EVAL SCAN UNLINK" }, async (bench) => {
  const redisClient = await ioredis(bench);
  const { RedisLockingProvider } = await stockWithoutFramework(
    "@medusajs/locking-redis/dist/services/redis-lock.js",
  );
  const locks = new RedisLockingProvider({ redisClient, prefix: "lock:" });
  const mine = { ownerId: "me", expire: 60 };
  await locks.acquire(["a", "b"], mine);
  expect(await bench.ask("TTL", "lock:a")).toBeWithin(1, 61);
  // Who has it already may take it again; who has not is refused.
  await locks.acquire("a", { ...mine, expire: 120 });
  expect(await bench.ask("TTL", "lock:a")).toBeWithin(61, 121);
  expect((await failureOf(locks.acquire("a"))).message).toMatch(/acquire lock for key "a"/);
  expect(await redisClient.extendLock("lock:a", "me", 240)).toBe(1);
  expect(await redisClient.extendLock("lock:a", "another", 240)).toBe(0);
  expect(await locks.release("a", { ownerId: "another" })).toBe(false);
  expect(await locks.release(["a", "b"], mine)).toBe(true);
  await locks.acquire("c");
  expect((await failureOf(locks.acquire("c"))).message).toMatch(/acquire lock for key "c"/);
  await locks.releaseAll();
  expect(await bench.ask("DBSIZE")).toBe(0);
  expect(await locks.execute("d", () => bench.ask("TTL", "lock:d"), { expire: 60 })).toBeWithin(
    1,
    61,
  );
  expect(await bench.ask("DBSIZE")).toBe(0);
});

/** Two functions in the place of the framework that Medusa's module asks for: it takes 188 MB. */
async function stockWithoutFramework(name: string): Promise<Untyped> {
  class MedusaError extends Error {
    static readonly Types = { CONFLICT: "conflict" };
    constructor(type: string, message: string) {
      super(message);
      this.name = type;
    }
  }
  const promiseAll = (promises: Iterable<unknown>) => Promise.all(promises);
  Bun.plugin({
    name: "framework",
    setup(build) {
      build.module("@medusajs/framework/utils", () => ({
        exports: { MedusaError, promiseAll },
        loader: "object",
      }));
    },
  });
  return await stock(name);
}
