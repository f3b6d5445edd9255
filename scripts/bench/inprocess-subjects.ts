// What the benchmark `inprocess` reads from: each subject is opened with the same entries and then
// answers from the memory of its process. All are bounded and let entries expire where they can, as
// ours does.
// Invariant: a subject hands out what was stored, by its documented way to read.

import { connect, follow } from "../../src/index.ts";
import { installStock } from "../stock-packages.ts";

/** What a stock package exports: its types are not those of this project's compiler. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type Untyped = any;

export interface Entries {
  readonly keys: readonly string[];
  readonly value: string;
}

/** The same in each subject. */
export const entries: Entries = {
  keys: Array.from({ length: 10_000 }, (_, i) => `bench:key:${i}`),
  value: "v".repeat(100),
};

/** `addr`: a server that has the entries. */
type Given = Entries & { readonly addr: string };

/** The ways to read of one subject; what one returns may be a promise or not. */
export type Reads = Readonly<Record<string, (key: string) => unknown>>;

export interface Subject {
  readonly name: string;
  /** What an entry is bounded by, and what else a hit checks. */
  readonly keeps: string;
  open(given: Given): Promise<Reads>;
}

const hourMs = 3_600_000;
const MiB = 1024 * 1024;

async function stock(name: string): Promise<Untyped> {
  const packages = installStock("benchmarks", `${import.meta.dir}/stock`);
  return await import(Bun.resolveSync(name, packages));
}

/** Stores the entries one after the other. */
async function fill({ keys, value }: Entries, set: (key: string, value: string) => unknown) {
  for (const key of keys) await set(key, value);
}

export const subjects: readonly Subject[] = [
  {
    name: "mscache near()",
    keeps: "bytes, life, kept right by the server",
    async open({ keys, addr }) {
      const client = await connect(addr);
      const near = await client.near({ maxSilence: hourMs });
      await Promise.all(keys.map((key) => near.get(key)));
      return { peek: (key) => near.peek(key), "await get": (key) => near.get(key) };
    },
  },
  {
    name: "mscache follow()",
    keeps: "bytes, life, copied out, kept right by the server",
    async open({ addr }) {
      const copy = await follow(addr, { maxMemory: 16 * MiB, prefix: "bench:" });
      return { get: (key) => copy.get(key) };
    },
  },
  {
    name: "node-redis client-side cache",
    keeps: "entries, life, kept right by the server",
    async open({ keys, addr }) {
      const { createClient } = await import("redis");
      const client = createClient({
        url: `redis://${addr}`,
        RESP: 3,
        clientSideCache: { ttl: hourMs, maxEntries: 2 * keys.length, evictPolicy: "LRU" },
      });
      await client.connect();
      for (const key of keys) await client.get(key);
      return { "await get": (key) => client.get(key) };
    },
  },
  {
    name: "lru-cache",
    keeps: "entries, life",
    async open(entries) {
      const { LRUCache } = await stock("lru-cache");
      const cache = new LRUCache({ max: 2 * entries.keys.length, ttl: hourMs });
      await fill(entries, (key, value) => cache.set(key, value));
      return { get: (key) => cache.get(key) };
    },
  },
  {
    name: "quick-lru",
    keeps: "entries, life",
    async open(entries) {
      const { default: QuickLRU } = await stock("quick-lru");
      const cache = new QuickLRU({ maxSize: 2 * entries.keys.length, maxAge: hourMs });
      await fill(entries, (key, value) => cache.set(key, value));
      return { get: (key) => cache.get(key) };
    },
  },
  {
    name: "tiny-lru",
    keeps: "entries, life",
    async open(entries) {
      const { lru } = await stock("tiny-lru");
      const cache = lru(2 * entries.keys.length, hourMs);
      await fill(entries, (key, value) => cache.set(key, value));
      return { get: (key) => cache.get(key) };
    },
  },
  {
    name: "lru.min",
    keeps: "entries",
    async open(entries) {
      const { createLRU } = await stock("lru.min");
      const cache = createLRU({ max: 2 * entries.keys.length });
      await fill(entries, (key, value) => cache.set(key, value));
      return { get: (key) => cache.get(key) };
    },
  },
  {
    name: "node-cache",
    keeps: "entries, life",
    async open(entries) {
      const { default: NodeCache } = await stock("node-cache");
      const cache = new NodeCache({ maxKeys: 2 * entries.keys.length, stdTTL: 3_600 });
      await fill(entries, (key, value) => cache.set(key, value));
      return { get: (key) => cache.get(key) };
    },
  },
  {
    name: "@cacheable/memory",
    keeps: "entries, life",
    async open(entries) {
      const { CacheableMemory } = await stock("@cacheable/memory");
      const cache = new CacheableMemory({ ttl: hourMs, lruSize: 2 * entries.keys.length });
      await fill(entries, (key, value) => cache.set(key, value));
      return { get: (key) => cache.get(key) };
    },
  },
  {
    name: "cacheable",
    keeps: "life",
    async open(entries) {
      const { Cacheable } = await stock("cacheable");
      const cache = new Cacheable({ ttl: hourMs });
      await fill(entries, (key, value) => cache.set(key, value));
      return { "await get": (key) => cache.get(key) };
    },
  },
  {
    name: "keyv",
    keeps: "life",
    async open(entries) {
      const { default: Keyv } = await stock("keyv");
      const cache = new Keyv({ ttl: hourMs });
      await fill(entries, (key, value) => cache.set(key, value));
      return { "await get": (key) => cache.get(key) };
    },
  },
  {
    name: "cache-manager",
    keeps: "life",
    async open(entries) {
      const { createCache } = await stock("cache-manager");
      const cache = createCache({ ttl: hourMs });
      await fill(entries, (key, value) => cache.set(key, value));
      return { "await get": (key) => cache.get(key) };
    },
  },
  {
    name: "bentocache",
    keeps: "bytes, life",
    async open(entries) {
      const { BentoCache, bentostore } = await stock("bentocache");
      const { memoryDriver } = await stock("bentocache/drivers/memory");
      const layer = memoryDriver({ maxItems: 2 * entries.keys.length });
      const memory = bentostore().useL1Layer(layer);
      const cache = new BentoCache({ default: "memory", ttl: "1h", stores: { memory } });
      await fill(entries, (key, value) => cache.set({ key, value }));
      return { "await get": (key) => cache.get({ key }) };
    },
  },
  {
    name: "async-cache-dedupe",
    keeps: "entries, life",
    async open({ keys, value }) {
      const { createCache } = await stock("async-cache-dedupe");
      const options = { type: "memory", options: { size: 2 * keys.length } };
      const cache = createCache({ ttl: 3_600, storage: options });
      cache.define("value", async () => value);
      for (const key of keys) await cache.value(key);
      return { "await get": (key) => cache.value(key) };
    },
  },
  {
    name: "unstorage",
    keeps: "nothing",
    async open(entries) {
      const { createStorage } = await stock("unstorage");
      const cache = createStorage();
      await fill(entries, (key, value) => cache.setItem(key, value));
      return { "await get": (key) => cache.getItem(key) };
    },
  },
  {
    name: "Map",
    keeps: "nothing",
    async open(entries) {
      const map = new Map<string, string>();
      await fill(entries, (key, value) => map.set(key, value));
      return { get: (key) => map.get(key) };
    },
  },
];
