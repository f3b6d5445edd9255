// Replacing everything: items gathered in the spare half of the shards are invisible until they
// take over, all at once, and then nothing old is left; memory counts both halves throughout.
// replacement-fuzz.test.ts compares random steps with two Maps.
// Invariant: invariants() holds in both halves at the end of every test.

import { describe, expect, test } from "bun:test";
import { reserveStore } from "../../../src/store/memory.ts";
import { type Replacement, STORED, Store } from "../../../src/store/store.ts";
import {
  currentKey,
  get,
  getText,
  KiB,
  MiB,
  openStore,
  pattern,
  put,
  read,
  scanKeys,
  storeOptions,
  toBytes,
  write,
} from "./harness.ts";

/** Sets one item of a replacement; returns as Store.set(). */
function gather(replacement: Replacement, key: string, value: string | Uint8Array): number {
  const k = toBytes(key);
  const v = toBytes(value);
  return replacement.set(k, 0, k.length, v, 0, v.length, 0, 0);
}

/** A follower's store, which alone replaces, with so many items of 1 KiB. */
function follower(items: number, memoryLimitBytes = 4 * MiB): Store {
  const store = openStore({ memoryLimitBytes });
  store.expires = false;
  for (let i = 0; i < items; i++) put(store, `old:${i}`, pattern(KiB, i));
  return store;
}

function versionOf(store: Store, key: string): number {
  const k = toBytes(key);
  return store.version(k, 0, k.length);
}

describe("a replacement", () => {
  test("is invisible until it takes over, and then replaces everything", () => {
    const store = follower(100);
    const replacement = store.beginReplacement();
    for (let i = 0; i < 50; i++) expect(gather(replacement, `new:${i}`, `${i}`)).toBe(STORED);
    expect(gather(replacement, "old:7", "newer")).toBe(STORED);
    store.invariants();
    expect([store.count(), scanKeys(store).length]).toEqual([100, 100]);
    expect(scanKeys(store).every((key) => key.startsWith("old:"))).toBe(true);
    expect([getText(store, "new:3"), get(store, "old:7")]).toEqual([null, pattern(KiB, 7)]);
    replacement.takeOver();
    store.invariants();
    expect([store.count(), store.statistics().items]).toEqual([51, 51]);
    expect(scanKeys(store).filter((key) => key.startsWith("old:"))).toEqual(["old:7"]);
    expect([getText(store, "new:3"), getText(store, "old:7")]).toEqual(["3", "newer"]);
    expect(get(store, "old:8")).toBeNull();
  });

  test("that is abandoned leaves the old items and their memory", () => {
    const store = follower(200);
    const used = store.memoryUsed();
    for (let round = 0; round < 3; round++) {
      const replacement = store.beginReplacement();
      for (let i = 0; i < 300; i++) gather(replacement, `new:${i}`, pattern(3 * KiB, i));
      gather(replacement, "chain", pattern(300 * KiB));
      expect(store.memoryUsed()).toBeGreaterThan(used + MiB);
      replacement.abandon();
      store.invariants();
      expect([store.count(), store.memoryUsed()]).toEqual([200, used]);
    }
    expect(get(store, "old:150")).toEqual(pattern(KiB, 150));
    expect([get(store, "new:1"), get(store, "chain")]).toEqual([null, null]);
  });

  test("can follow another, with sweeps and random items in the serving half", () => {
    const store = follower(10);
    for (let round = 1; round <= 5; round++) {
      const replacement = store.beginReplacement();
      for (let i = 0; i < 100 * round; i++) gather(replacement, `${round}:${i}`, pattern(900, i));
      replacement.takeOver();
      store.invariants();
      expect(store.count()).toBe(100 * round);
      expect(store.randomItem(round * 2 ** 28, 0)).toBe(true);
      expect(currentKey(store)).toStartWith(`${round}:`);
      store.sweep(100, 0);
    }
    expect(get(store, "5:499")).toEqual(pattern(900, 499));
  });

  test("changes every version when it takes over, and keeps the statistics", () => {
    const store = follower(10);
    for (let i = 0; i < 10; i++) read(store, `old:${i}`);
    read(store, "absent");
    const before = ["old:1", "absent", "new"].map((key) => versionOf(store, key));
    const changes = store.changes();
    const replacement = store.beginReplacement();
    gather(replacement, "new", "1");
    replacement.takeOver();
    const after = ["old:1", "absent", "new"].map((key) => versionOf(store, key));
    for (const [i, version] of after.entries()) expect(version).not.toBe(before[i]);
    expect(store.changes()).toBeGreaterThan(changes);
    expect(store.statistics()).toMatchObject({ items: 1, hits: 10, misses: 1 });
    store.resetStatistics();
    expect(store.statistics()).toMatchObject({ hits: 0, misses: 0 });
  });

  test("survives a FLUSHALL of the serving half", () => {
    const store = follower(500);
    const replacement = store.beginReplacement();
    for (let i = 0; i < 500; i++) gather(replacement, `new:${i}`, pattern(KiB, i));
    store.clear();
    store.invariants();
    expect([store.count(), get(store, "old:1")]).toEqual([0, null]);
    put(store, "between", "1");
    replacement.takeOver();
    store.invariants();
    expect([store.count(), getText(store, "between")]).toEqual([500, null]);
    expect(get(store, "new:499")).toEqual(pattern(KiB, 499));
  });

  test("ends once, and only one is possible at a time", () => {
    const store = follower(1);
    const replacement = store.beginReplacement();
    expect(() => store.beginReplacement()).toThrow("one replacement at a time");
    replacement.takeOver();
    expect(() => replacement.abandon()).toThrow("ends once");
    store.beginReplacement().abandon();
    store.invariants();
  });
});

describe("memory", () => {
  test("of both halves counts: items that do not fit beside the old ones fit after them", () => {
    const store = follower(2500);
    const replacement = store.beginReplacement();
    let gathered = 0;
    for (; replacement.fits(KiB); gathered++) gather(replacement, `new:${gathered}`, pattern(KiB));
    expect(gathered).toBeGreaterThan(200);
    expect(gathered).toBeLessThan(1500);
    expect(store.memoryUsed()).toBeLessThanOrEqual(store.limitBytes);
    expect(store.count()).toBe(2500);
    replacement.takeOver();
    store.invariants();
    for (; gathered < 2500; gathered++) {
      expect(replacement.fits(KiB)).toBe(true);
      expect(gather(replacement, `new:${gathered}`, pattern(KiB))).toBe(STORED);
    }
    store.invariants();
    expect([store.count(), scanKeys(store).length]).toEqual([2500, 2500]);
    expect(get(store, "new:2499")).toEqual(pattern(KiB));
  });

  test("of the old items returns to the system in later sweeps, also on a follower", () => {
    const store = follower(0, 96 * MiB);
    for (let i = 0; i < 40; i++) put(store, `old:${i}`, pattern(MiB, i));
    const replacement = store.beginReplacement();
    for (let i = 0; i < 5; i++) gather(replacement, `new:${i}`, pattern(MiB, i));
    replacement.takeOver();
    put(store, "newest", pattern(100 * KiB));
    const resident = process.memoryUsage.rss();
    for (let i = 0; i < 10; i++) store.sweep(1, 0);
    if (process.platform === "linux") {
      expect(resident - process.memoryUsage.rss()).toBeGreaterThan(20 * MiB);
    }
    expect(get(store, "newest")).toEqual(pattern(100 * KiB));
    for (let i = 0; i < 5; i++) expect(get(store, `new:${i}`)).toEqual(pattern(MiB, i));
    store.invariants();
  });
});

describe("another thread", () => {
  test.each([1, 16])("sees the serving half, whenever it attached: limit %d MB", (limit) => {
    const memory = reserveStore(storeOptions({ memoryLimitBytes: limit * MiB, concurrent: true }));
    const control = new Store(memory, 0);
    const early = new Store(memory, 1);
    for (const thread of [0, 1, 2]) control.threads.markAlive(thread);
    control.expires = false;
    put(control, "key", "old");
    const replacement = control.beginReplacement();
    gather(replacement, "key", "new");
    expect(getText(early, "key")).toBe("old");
    replacement.takeOver();
    const late = new Store(memory, 2);
    expect([early, late].map((store) => getText(store, "key"))).toEqual(["new", "new"]);
    control.expires = true;
    // Eviction works on the serving half: room is made there, in shards that are not empty.
    const items = limit * 2 * KiB;
    const value = pattern(KiB);
    let refused = 0;
    for (let i = 0; i < items; i++) if (write(late, `${i}`, value) !== STORED) refused++;
    expect(refused).toBe(0);
    expect(late.memoryUsed()).toBeLessThanOrEqual(late.limitBytes + MiB / 4);
    expect(late.statistics().evictions).toBeGreaterThan(0);
    late.invariants();
  });
});
