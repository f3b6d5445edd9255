// The index alone: entries across splits and merges, overflow buckets, and a full region. The
// entries are synthetic, without items. walker.test.ts tests walks over a growing index.

import { describe, expect, test } from "bun:test";
import { BucketIndex, LOCATION, MATCH_MASK } from "../../../src/store/bucket-index.ts";
import {
  BUCKETS,
  bucketsFirst,
  emptyShard,
  ITEMS,
  OVERFLOW_IN_USE,
  USED_UNITS,
  unitBytes,
} from "../../../src/store/memory.ts";
import { FULL, STORED } from "../../../src/store/store.ts";
import { Random } from "../../support/seed.ts";
import { MiB, openStore, put } from "./harness.ts";

function openIndex(buckets: number) {
  const state = new Int32Array(16);
  const global = new Int32Array(new SharedArrayBuffer(64));
  emptyShard(state, buckets);
  global[USED_UNITS] = bucketsFirst;
  return {
    index: new BucketIndex(new SharedArrayBuffer(buckets * unitBytes), state, global),
    state,
    global,
  };
}

/** Entry i has hash hashes[i] and location i. */
function expectAll(index: BucketIndex, hashes: Map<number, number>): void {
  for (const [location, hash] of hashes) {
    const slot = index.slotOf(hash, location);
    if (slot < 0 || (index.words[slot] & MATCH_MASK) !== index.wanted(hash))
      throw new Error(`entry ${location}`);
  }
}

describe("the index", () => {
  test("keeps every entry while it grows and shrinks, and counts its memory", () => {
    const { index, state, global } = openIndex(8192);
    const random = new Random(1);
    const hashes = new Map<number, number>();
    for (let i = 0; i < 30_000; i++) {
      const hash = random.below(2 ** 32) | 0;
      expect(index.insert(hash, i, 0)).toBeGreaterThanOrEqual(0);
      hashes.set(i, hash);
      index.grow();
    }
    expectAll(index, hashes);
    expect(state[ITEMS]).toBe(30_000);
    expect(state[BUCKETS]).toBeGreaterThan(4500);
    const bytes = ((state[BUCKETS] + state[OVERFLOW_IN_USE]) * unitBytes) / 30_000;
    expect(bytes).toBeLessThan(14.5);
    for (const [location, hash] of [...hashes].slice(100)) {
      index.remove(index.slotOf(hash, location));
      index.shrink();
      hashes.delete(location);
    }
    expectAll(index, hashes);
    expect(state[BUCKETS]).toBeLessThan(100);
    expect(global[USED_UNITS]).toBe(state[BUCKETS] + state[OVERFLOW_IN_USE]);
  });

  test("an insertion splits at most one bucket", () => {
    const { index, state } = openIndex(4096);
    const random = new Random(2);
    for (let i = 0; i < 10_000; i++) {
      const before = state[BUCKETS];
      index.insert(random.below(2 ** 32) | 0, i, 0);
      index.grow();
      expect(state[BUCKETS] - before).toBeLessThanOrEqual(1);
    }
  });

  test("entries of one hash make a chain, and removing any of them keeps the others", () => {
    const { index, state } = openIndex(64);
    for (let i = 0; i < 50; i++) index.insert(77, i, 0);
    expect(state[OVERFLOW_IN_USE]).toBe(7);
    for (let i = 0; i < 50; i += 2) index.remove(index.slotOf(77, i));
    for (let i = 0; i < 50; i++) expect(index.slotOf(77, i) >= 0).toBe(i % 2 === 1);
    expect(state[OVERFLOW_IN_USE]).toBe(3);
  });

  test("a lookup that finds nothing returns -1, and an entry keeps its flags", () => {
    const { index } = openIndex(64);
    const slot = index.insert(5, 123, 3);
    expect(index.slotOf(5, 124)).toBe(-1);
    expect(index.words[slot] & 3).toBe(3);
    expect(index.words[slot + LOCATION]).toBe(123);
  });

  test("in a full region, chains grow longer until an insertion is refused", () => {
    const { index, state } = openIndex(32);
    const random = new Random(3);
    const hashes = new Map<number, number>();
    for (let i = 0; ; i++) {
      const hash = random.below(2 ** 32) | 0;
      if (index.insert(hash, i, 0) < 0) break;
      hashes.set(i, hash);
      index.grow();
    }
    expect(hashes.size).toBeGreaterThan(100);
    expect(state[BUCKETS] + state[OVERFLOW_IN_USE]).toBeLessThanOrEqual(32);
    expectAll(index, hashes);
    for (const [location, hash] of hashes) index.remove(index.slotOf(hash, location));
    expect(state[OVERFLOW_IN_USE]).toBe(0);
    expect(index.insert(1, 1, 0)).toBeGreaterThanOrEqual(0);
  });
});

describe("a store whose index region is used up", () => {
  const tiny = (i: number) =>
    String.fromCharCode(33 + (i % 90), 33 + ((i / 90) % 90), 33 + i / 8100);

  test("evicts, and every write succeeds", () => {
    const store = openStore({ memoryLimitBytes: MiB, reserveBytes: MiB });
    for (let i = 0; i < 90_000; i++) expect(put(store, tiny(i), "")).toBe(STORED);
    expect(store.statistics().evictions).toBeGreaterThan(0);
    store.invariants();
  });

  test("without eviction, is full for keys whose buckets are full", () => {
    const store = openStore({ memoryLimitBytes: MiB, reserveBytes: MiB, eviction: "none" });
    let stored = 0;
    while (put(store, tiny(stored), "") === STORED) stored++;
    expect(put(store, tiny(stored), "")).toBe(FULL);
    expect(put(store, tiny(0), "")).toBe(STORED);
    expect(stored).toBeGreaterThan(30_000);
    expect(store.count()).toBe(stored);
    store.invariants();
  });
});
