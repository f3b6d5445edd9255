// The caches from npm among the subjects of the benchmark `inprocess`. Most do less than ours by
// default and some more than they must, so several are there twice: as a program would take them,
// and with bounds, lifetimes or copies as ours, or without what they can go without.
// Invariant: what a subject's name does not say is its default.

import { fill, type Given, MiB, type Subject, stock, type Untyped } from "./inprocess-entries.ts";

/** Twice as many entries as there are, or bytes of which they take a part: nothing is evicted. */
const boundBytes = 64 * MiB;
const boundOf = (given: Given) => 2 * given.keys.length;

type Make = (given: Given) => Promise<Untyped>;

/** Subjects that are read by get(), which returns the value itself or a promise of it. */
function readBy(way: "get" | "await get") {
  return (name: string, bound: Subject["bound"], make: Make): Subject => ({
    name,
    bound,
    async open(given) {
      const cache = await make(given);
      await fill(given, (key, value) => cache.set(key, value));
      return { [way]: (key: string) => cache.get(key) };
    },
  });
}

const plain = readBy("get");
const awaited = readBy("await get");

const lruCaches: readonly Subject[] = [
  plain("lru-cache", "entries", async (given) => {
    const { LRUCache } = await stock("lru-cache");
    return new LRUCache({ max: boundOf(given), ttl: given.lifeMs });
  }),
  plain("lru-cache, by bytes, its clock read by each get", "bytes", async ({ lifeMs }) => {
    const { LRUCache } = await stock("lru-cache");
    const sizeCalculation = (value: string, key: string) => key.length + (value.length ?? 100);
    return new LRUCache({ maxSize: boundBytes, sizeCalculation, ttl: lifeMs, ttlResolution: 0 });
  }),
  plain("lru-cache, no lifetimes", "entries", async (given) => {
    const { LRUCache } = await stock("lru-cache");
    return new LRUCache({ max: boundOf(given) });
  }),
  plain("quick-lru", "entries", async (given) => {
    const { default: QuickLRU } = await stock("quick-lru");
    return new QuickLRU({ maxSize: boundOf(given), maxAge: given.lifeMs });
  }),
  plain("quick-lru, no lifetimes", "entries", async (given) => {
    const { default: QuickLRU } = await stock("quick-lru");
    return new QuickLRU({ maxSize: boundOf(given) });
  }),
  plain("tiny-lru", "entries", async (given) => {
    const { lru } = await stock("tiny-lru");
    return lru(boundOf(given), given.lifeMs);
  }),
  plain("lru.min", "entries", async (given) => {
    const { createLRU } = await stock("lru.min");
    return createLRU({ max: boundOf(given) });
  }),
];

const memories: readonly Subject[] = [
  plain("node-cache", "entries", async (given) => {
    const { default: NodeCache } = await stock("node-cache");
    return new NodeCache({ maxKeys: boundOf(given), stdTTL: given.lifeMs / 1000 });
  }),
  plain("node-cache, no copies", "entries", async (given) => {
    const { default: NodeCache } = await stock("node-cache");
    const stdTTL = given.lifeMs / 1000;
    return new NodeCache({ maxKeys: boundOf(given), stdTTL, useClones: false });
  }),
  plain("@cacheable/memory", "entries", async (given) => {
    const { CacheableMemory } = await stock("@cacheable/memory");
    return new CacheableMemory({ ttl: given.lifeMs, lruSize: boundOf(given) });
  }),
  plain("@cacheable/memory, no copies", "entries", async (given) => {
    const { CacheableMemory } = await stock("@cacheable/memory");
    const options = { ttl: given.lifeMs, lruSize: boundOf(given), useClone: false };
    return new CacheableMemory(options);
  }),
  plain("Map", "nothing", async () => new Map()),
];

const awaitedCaches: readonly Subject[] = [
  awaited("cacheable", "nothing", async ({ lifeMs }) => {
    const { Cacheable } = await stock("cacheable");
    return new Cacheable({ ttl: lifeMs });
  }),
  awaited("keyv", "nothing", async ({ lifeMs }) => {
    const { default: Keyv } = await stock("keyv");
    return new Keyv({ ttl: lifeMs });
  }),
  awaited("keyv, no codec", "nothing", async ({ lifeMs }) => {
    const { default: Keyv } = await stock("keyv");
    return new Keyv({ ttl: lifeMs, serialize: undefined, deserialize: undefined });
  }),
  awaited("cache-manager", "nothing", async ({ lifeMs }) => {
    const { createCache } = await stock("cache-manager");
    return createCache({ ttl: lifeMs });
  }),
  bento("bentocache, by bytes", "bytes", () => ({ maxSize: "64mb" })),
  bento("bentocache, no codec", "entries", () => ({ serialize: false })),
  {
    name: "async-cache-dedupe",
    bound: "entries",
    async open(given) {
      const { createCache } = await stock("async-cache-dedupe");
      const options = { type: "memory", options: { size: boundOf(given) } };
      const cache = createCache({ ttl: given.lifeMs / 1000, storage: options });
      // What it has to load again later is not there any more.
      const source = new Map<string, unknown>();
      await fill(given, (key, value) => source.set(key, value));
      cache.define("value", async (key: string) => source.get(key));
      for (const key of given.keys) await cache.value(key);
      source.clear();
      return { "await get": (key) => cache.value(key) };
    },
  },
  {
    name: "unstorage",
    bound: "nothing",
    async open(given) {
      const { createStorage } = await stock("unstorage");
      const cache = createStorage();
      await fill(given, (key, value) => cache.setItem(key, value));
      return { "await get": (key) => cache.getItem(key) };
    },
  },
];

function bento(name: string, bound: Subject["bound"], layerOptions: () => object): Subject {
  return {
    name,
    bound,
    async open(given) {
      const { BentoCache, bentostore } = await stock("bentocache");
      const { memoryDriver } = await stock("bentocache/drivers/memory");
      const layer = memoryDriver({ maxItems: boundOf(given), ...layerOptions() });
      const memory = bentostore().useL1Layer(layer);
      const cache = new BentoCache({ default: "memory", ttl: given.lifeMs, stores: { memory } });
      await fill(given, (key, value) => cache.set({ key, value }));
      return { "await get": (key) => cache.get({ key }) };
    },
  };
}

export const stockSubjects: readonly Subject[] = [...lruCaches, ...memories, ...awaitedCaches];
