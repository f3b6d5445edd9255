// The process that the benchmark `day` watches: a cache and a near cache over one server, through
// which it sends operations as an application's day has them, until so many are done. At ten marks
// it collects garbage and prints heap, resident memory and operations as a line of JSON.
// Invariant: the live data is bounded from the start, so a heap that grows from mark to mark leaks.

import { type Cache, connect, createCache, type NearCache } from "../../src/index.ts";

const [addr = "", count = ""] = process.argv.slice(2);
const operations = Number(count);
const markCount = 10;
const keyCount = 10_000;
const tagCount = 200;
const loops = 200;
/** Of a hundred operations. All others are reads of the near cache. */
const shares = { getOrSet: 3, get: 1, write: 0.5 };
/** One of so many operations of the cache invalidates a tag. */
const invalidatesOneOf = 2_000;

await using client = await connect(addr, { requestTimeoutMs: 60_000 });
const near: NearCache<{ id: number }> = await client.near({
  ...{ mode: "broadcast", prefixes: ["near:"], decode: "json", maxBytes: 2 * 1024 * 1024 },
});
const cache: Cache = createCache({
  ...{ client, prefix: "day:", ttl: 2_000, grace: 1_000, serverTimeout: 60_000 },
});

// Both are as full as they will be before the first mark.
for (let key = 0; key < keyCount; key += loops) {
  const keys = Array.from({ length: loops }, (_, i) => key + i);
  await Promise.all(keys.map(write));
  await Promise.all(keys.map((one) => Promise.all([near.get(`near:${one}`), viaCache(one)])));
}

let done = 0;
for (let mark = 1; mark <= markCount; mark++) {
  const until = Math.floor((operations * mark) / markCount);
  await Promise.all(Array.from({ length: loops }, () => loop(until)));
  Bun.gc(true);
  const { hits, misses, evictions, invalidations } = near.counters;
  const { rss, heapUsed } = process.memoryUsage();
  const line = { done, heapUsed, rss, stats: cache.stats() };
  console.log(JSON.stringify({ ...line, near: { hits, misses, evictions, invalidations } }));
}
process.exit(0);

async function loop(until: number): Promise<void> {
  while (done < until) {
    done++;
    const dice = Math.random() * 100;
    const key = skewed();
    if (dice < shares.getOrSet) await viaCache(key);
    else if (dice < shares.getOrSet + shares.get) await cache.get(`k:${key}`);
    else if (dice < shares.getOrSet + shares.get + shares.write) await write(key);
    else await near.get(`near:${key}`);
  }
}

async function viaCache(key: number): Promise<void> {
  const tags = [`tag ${key % tagCount}`];
  const options = { tags, ttl: 500 + Math.random() * 3_000 };
  const value = await cache.getOrSet(
    `k:${key}`,
    () => ({ id: key, text: "x".repeat(80) }),
    options,
  );
  if (value.id !== key) throw new Error(`${key} has the value of ${value.id}`);
  if (Math.random() * invalidatesOneOf < 1) await cache.invalidateTag(tags[0]);
  if (Math.random() * invalidatesOneOf < 1) await cache.expireTag(tags[0]);
}

async function write(key: number): Promise<void> {
  await client.set(`near:${key}`, JSON.stringify({ id: key, text: "x".repeat(80) }));
}

/** Some keys are asked for much more often than others. */
function skewed(): number {
  return Math.floor(keyCount * Math.random() ** 6);
}
