// Walks: a scan visits every key exactly once while the table grows, shrinks and is written to, and
// the sweeper removes expired items in slices of bounded cost.

import { describe, expect, test } from "bun:test";
import type { Store } from "../../../src/store/store.ts";
import { Random } from "../../support/seed.ts";
import { currentKey, MiB, openStore, pattern, put, remove, scanKeys, write } from "./harness.ts";

/** Scans from start to end, calling `between` before each step. */
function scanWhile(store: Store, between: (step: number) => void): string[] {
  const keys: string[] = [];
  let cursor = 0;
  let step = 0;
  do {
    between(step++);
    cursor = store.scan(cursor, 0, { visit: (s) => keys.push(currentKey(s)) });
  } while (cursor !== 0);
  return keys;
}

describe("scan", () => {
  test("visits every key once, in any number of shards", () => {
    for (const limit of [1, 4, 64]) {
      const store = openStore({ memoryLimitBytes: limit * MiB });
      const keys = Array.from({ length: 3000 }, (_, i) => `key:${i}`);
      for (const key of keys) put(store, key, "v");
      expect(scanKeys(store).sort()).toEqual(keys.sort());
    }
  });

  test("visits each key that exists throughout exactly once while the table grows", () => {
    const store = openStore({ memoryLimitBytes: 16 * MiB });
    for (let i = 0; i < 2000; i++) put(store, `stays:${i}`, "v");
    let added = 0;
    const met = scanWhile(store, () => {
      for (let i = 0; i < 10 && added < 20_000; i++) put(store, `new:${added++}`, "v");
    });
    const stays = met.filter((key) => key.startsWith("stays:"));
    expect(stays.length).toBe(2000);
    expect(new Set(met).size).toBe(met.length);
    expect(store.count()).toBeGreaterThan(8000);
  });

  test("has passed a key exactly if it has visited it, while the table grows and shrinks", () => {
    const store = openStore({ memoryLimitBytes: 16 * MiB });
    for (let i = 0; i < 2000; i++) put(store, `stays:${i}`, "v");
    const met = new Set<string>();
    const meet = { visit: (s: Store) => void met.add(currentKey(s)) };
    const wrong: string[] = [];
    let cursor = store.scan(0, 0, meet);
    for (let step = 0; cursor !== 0; step++) {
      for (let i = 0; i < 20; i++) {
        if (step % 100 < 60) put(store, `new:${step}:${i}`, "v");
        else remove(store, `new:${step - 40}:${i}`);
      }
      for (let i = step % 10; i < 2000; i += 10) {
        const key = Buffer.from(`stays:${i}`);
        const passed = store.passed(cursor, key, 0, key.length);
        if (passed !== met.has(`stays:${i}`)) wrong.push(`stays:${i} at ${cursor}`);
      }
      cursor = store.scan(cursor, 0, meet);
    }
    expect(wrong).toEqual([]);
    expect([...met].filter((key) => key.startsWith("stays:"))).toHaveLength(2000);
  });

  test("visits no key twice and misses none while the table shrinks", () => {
    const store = openStore({ memoryLimitBytes: 16 * MiB });
    for (let i = 0; i < 30_000; i++) put(store, `key:${i}`, "v");
    let removed = 1000;
    const before = store.statistics().memory.index_bytes;
    const met = scanWhile(store, () => {
      for (let i = 0; i < 20 && removed < 30_000; i++) remove(store, `key:${removed++}`);
    });
    expect(store.statistics().memory.index_bytes).toBeLessThan(before / 4);
    const kept = new Set(met.filter((key) => Number(key.slice(4)) < 1000));
    expect(kept.size).toBe(1000);
    expect(new Set(met).size).toBe(met.length);
  });

  test("items that move, are overwritten or are used meanwhile are visited once", () => {
    const store = openStore();
    const random = new Random(9);
    for (let i = 0; i < 3000; i++) put(store, `key:${i}`, "v");
    const met = scanWhile(store, () => {
      for (let i = 0; i < 20; i++) {
        write(store, `key:${random.below(3000)}`, pattern(random.below(60)));
      }
    });
    expect(met.length).toBe(3000);
    expect(new Set(met).size).toBe(3000);
  });

  test("skips expired items and does not remove them", () => {
    const store = openStore();
    put(store, "lives", "v");
    put(store, "due", "v", { expiresAt: 10 });
    expect(scanKeys(store, 10)).toEqual(["lives"]);
    expect(store.count()).toBe(2);
  });

  test("ends when the store is cleared, and on cursors that it never returned", () => {
    const store = openStore({ memoryLimitBytes: 64 * MiB });
    for (let i = 0; i < 5000; i++) put(store, `key:${i}`, "v");
    expect(scanWhile(store, (step) => step === 20 && store.clear()).length).toBeLessThan(5000);
    for (const cursor of [2 ** 40, 16 * 2 ** 26, -1, 0.5, Number.NaN]) {
      expect(store.scan(cursor, 0, { visit: () => {} })).toBeGreaterThanOrEqual(0);
    }
  });
});

describe("sweep", () => {
  test("removes all expired items, a bounded number of buckets at a time", () => {
    const store = openStore({ memoryLimitBytes: 16 * MiB });
    for (let i = 0; i < 20_000; i++)
      put(store, `key:${i}`, "v", { expiresAt: i < 15_000 ? 10 : 99 });
    let removed = 0;
    let slices = 0;
    while (store.count() > 5000 && slices++ < 10_000) {
      const reclaimed = store.sweep(20, 50);
      expect(reclaimed).toBeLessThanOrEqual(20 * 30);
      removed += reclaimed;
    }
    expect(removed).toBe(15_000);
    expect(store.statistics().expirations).toBe(15_000);
    store.invariants();
  });

  test("frees the memory of expired items", () => {
    const store = openStore();
    for (let i = 0; i < 2000; i++) put(store, `key:${i}`, pattern(500), { expiresAt: 10 });
    put(store, "large", pattern(MiB), { expiresAt: 10 });
    for (let i = 0; i < 1000; i++) store.sweep(10, 50);
    expect(store.count()).toBe(0);
    expect(store.statistics().memory.segments_used).toBeLessThanOrEqual(2);
    store.invariants();
  });

  test("touches nothing when nothing has an expiry", () => {
    const store = openStore();
    for (let i = 0; i < 1000; i++) put(store, `key:${i}`, "v");
    put(store, "one", "v", { expiresAt: 10 });
    remove(store, "one");
    expect(store.statistics().expiringItems).toBe(0);
    expect(store.sweep(1_000_000, 50)).toBe(0);
    expect(store.count()).toBe(1000);
  });
});
