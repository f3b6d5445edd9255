// The store at its memory limit: with eviction every write succeeds, without it writes are refused
// until there is room, a follower exceeds the limit, and the limit can be changed. The benchmarks
// measure hit ratios, except for the few patterns that define S3-FIFO.

import { describe, expect, test } from "bun:test";
import { FULL, STORED, type Store } from "../../../src/store/store.ts";
import { Random } from "../../support/seed.ts";
import { get, KiB, MiB, openStore, pattern, put, read, remove, toBytes, write } from "./harness.ts";

/** Writes items of `length` bytes until `bytes` were written; how many. */
function fill(store: Store, prefix: string, bytes: number, length: number): number {
  const value = pattern(length);
  const count = Math.ceil(bytes / length);
  let refused = 0;
  for (let i = 0; i < count; i++) if (write(store, `${prefix}${i}`, value) !== STORED) refused++;
  expect(refused).toBe(0);
  return count;
}

function surviving(store: Store, prefix: string, count: number): number {
  let found = 0;
  for (let i = 0; i < count; i++) if (get(store, `${prefix}${i}`) !== null) found++;
  return found;
}

describe("with eviction", () => {
  test.each([1, 2, 4, 16, 48])(
    "four times a limit of %p MB is written, every write succeeds and the limit holds",
    (limit) => {
      const store = openStore({ memoryLimitBytes: limit * MiB });
      const random = new Random(limit);
      const noise = pattern((limit * MiB) / 4);
      let refused = 0;
      let usedMax = 0;
      for (let written = 0, i = 0; written < 4 * limit * MiB; i++) {
        const length = Math.floor(10 * (noise.length / 10) ** random.next());
        if (write(store, `key:${i}`, noise.subarray(0, length)) !== STORED) refused++;
        usedMax = Math.max(usedMax, store.memoryUsed());
        written += length;
      }
      expect(refused).toBe(0);
      // One more segment than makeRoom() made room for may be opened.
      expect(usedMax).toBeLessThanOrEqual(store.limitBytes + 256 * KiB);
      expect(store.statistics().evictions).toBeGreaterThan(0);
      store.invariants();
    },
  );

  test("items use most of the limit", () => {
    const store = openStore({ memoryLimitBytes: 8 * MiB });
    fill(store, "k", 20 * MiB, 500);
    expect(store.count() * 500).toBeGreaterThan(0.85 * store.limitBytes);
  });

  test("used items survive a flood of items that are used once", () => {
    const store = openStore({ memoryLimitBytes: 4 * MiB });
    const hot = fill(store, "hot", MiB, 400);
    for (let i = 0; i < hot; i++) read(store, `hot${i}`);
    for (let round = 0; round < 8; round++) {
      fill(store, `cold${round}:`, 2 * MiB, 400);
      for (let i = 0; i < hot; i++) read(store, `hot${i}`);
    }
    expect(surviving(store, "hot", hot)).toBe(hot);
    store.invariants();
  });

  test("evictions are counted by why: unused since they came, or not used lately", () => {
    const store = openStore({ memoryLimitBytes: 4 * MiB });
    fill(store, "unused", 8 * MiB, 400);
    const first = store.statistics();
    expect(first.evictionsByReason).toEqual({ unused: first.evictions, cold: 0, crowded: 0 });
    expect(first.evictions).toBeGreaterThan(0);
    // Each is used once, enters the main queue, and is never asked for again.
    for (let round = 0; round < 16; round++) {
      const count = fill(store, `used${round}:`, MiB, 400);
      for (let i = 0; i < count; i++) read(store, `used${round}:${i}`);
    }
    const { evictions, evictionsByReason } = store.statistics();
    const { unused, cold, crowded } = evictionsByReason;
    expect(cold).toBeGreaterThan(1_000);
    expect([unused + cold, crowded]).toEqual([evictions, 0]);
  });

  test("an item that comes back soon after its eviction goes to the main queue at once", () => {
    const store = openStore({ memoryLimitBytes: 2 * MiB });
    const count = fill(store, "k", 4 * MiB, 200);
    const gone: string[] = [];
    for (let i = 0; i < count && gone.length < 100; i++) {
      if (get(store, `k${count - 1 - i}`) === null) gone.push(`k${count - 1 - i}`);
    }
    for (const key of gone) write(store, key, pattern(200));
    expect(store.statistics().ghostHits).toBeGreaterThan(90);
    fill(store, "flood", 3 * MiB, 200);
    expect(gone.filter((key) => get(store, key) !== null).length).toBeGreaterThan(90);
    store.invariants();
  });

  test("a segment of dead or expired items is emptied before a live item is evicted", () => {
    const store = openStore({ memoryLimitBytes: 4 * MiB });
    const count = fill(store, "live", 2 * MiB, 500);
    for (let i = 0; i < 1500; i++) write(store, `due${i}`, pattern(500), 0, { expiresAt: 5000 });
    for (let i = 0; i < 2000; i++) write(store, `new${i}`, pattern(500), 6000);
    expect(surviving(store, "live", count)).toBe(count);
    expect(store.statistics().evictions).toBe(0);
    store.invariants();
  });

  test("overwriting with other sizes reclaims dead bytes instead of evicting", () => {
    const store = openStore({ memoryLimitBytes: 4 * MiB });
    const random = new Random(5);
    const noise = pattern(700);
    for (let i = 0; i < 40_000; i++) {
      write(store, `k${random.below(4000)}`, noise.subarray(0, random.between(100, 700)));
    }
    // 4,000 items of 400 bytes on average take little more than a third of the limit.
    expect(store.statistics().evictions).toBe(0);
    expect(store.count()).toBe(4000);
    store.invariants();
  });

  test("a value that will be refused evicts nothing", () => {
    const store = openStore({ memoryLimitBytes: 4 * MiB });
    const count = fill(store, "k", 3 * MiB, 500);
    const key = toBytes("huge");
    expect(store.makeRoom(key, 0, key.length, 2 * MiB, 0)).toBe(true);
    expect(surviving(store, "k", count)).toBe(count);
  });

  test("a command overdraws by a quarter of the limit, and the next makeRoom() repays it", () => {
    const store = openStore({ memoryLimitBytes: 4 * MiB, reserveBytes: 8 * MiB });
    for (let i = 0; i < 16 * 1024; i++) expect(put(store, `k${i}`, pattern(KiB))).toBe(STORED);
    const { store_overdraft_bytes: overdraft } = store.statistics().memory;
    expect(overdraft).toBeGreaterThan(MiB / 2);
    expect(overdraft).toBeLessThan(MiB + 128 * KiB);
    for (let i = 0; i < 30; i++) write(store, `after${i}`, "v");
    expect(store.statistics().memory.store_overdraft_bytes).toBe(0);
    store.invariants();
  });

  test("if the reserve is used up, a command evicts under its own lock", () => {
    const store = openStore({ memoryLimitBytes: MiB, reserveBytes: MiB });
    for (let i = 0; i < 5000; i++) expect(put(store, `k${i}`, pattern(KiB))).toBe(STORED);
    expect(put(store, "large", pattern(MiB / 4))).toBe(STORED);
    expect(store.memoryUsed()).toBeLessThan(MiB + 8 * 16 * KiB);
    store.invariants();
  });
});

describe("without eviction", () => {
  test("writes are refused at the limit and succeed again after deletes", () => {
    const store = openStore({ eviction: "none" });
    let count = 0;
    while (write(store, `k${count}`, pattern(1000)) === STORED) count++;
    expect(count * 1000).toBeGreaterThan(0.9 * store.limitBytes);
    expect(surviving(store, "k", count)).toBe(count);
    for (let i = 0; i < count; i += 3) expect(remove(store, `k${i}`)).toBe(true);
    let again = 0;
    while (write(store, `new${again}`, pattern(1000)) === STORED) again++;
    expect(again).toBeGreaterThan(count / 4);
    expect(store.statistics().evictions).toBe(0);
    store.invariants();
  });

  test("one deleted item makes room for one of its size", () => {
    const store = openStore({ memoryLimitBytes: MiB, eviction: "none" });
    let count = 0;
    while (write(store, `k${count}`, pattern(4000)) === STORED) count++;
    for (let i = 10; i < 20; i++) {
      remove(store, `k${i}`);
      expect(write(store, `n${i}`, pattern(4000))).toBe(STORED);
    }
    expect(write(store, "one more", pattern(4000))).toBe(-1);
    store.invariants();
  });

  test("expired items make room", () => {
    const store = openStore({ eviction: "none" });
    let count = 0;
    while (write(store, `k${count}`, pattern(1000), 0, { expiresAt: 5000 }) === STORED) count++;
    // The last ones share segments with live items: the sweeper removes them.
    for (let i = 0; i < 0.95 * count; i++) {
      expect(write(store, `new${i}`, pattern(1000), 6000)).toBe(STORED);
    }
    store.invariants();
  });

  test("the policy can be changed at run time", () => {
    const store = openStore({ eviction: "none" });
    let count = 0;
    while (write(store, `k${count}`, pattern(1000)) === STORED) count++;
    store.setEviction("s3fifo");
    fill(store, "new", MiB, 1000);
    const { evictions } = store.statistics();
    expect(evictions).toBeGreaterThan(0);
    store.setEviction("none");
    while (write(store, `k${++count}`, pattern(1000)) === STORED);
    expect(store.statistics().evictions).toBe(evictions);
  });
});

describe("a follower", () => {
  test("evicts nothing, exceeds its limit, and is full only at its reserve", () => {
    const store = openStore({ memoryLimitBytes: MiB, reserveBytes: 4 * MiB });
    store.expires = false;
    let count = 0;
    while (write(store, `k${count}`, pattern(1000)) === STORED) count++;
    expect(count * 1000).toBeGreaterThan(3 * MiB);
    expect(put(store, "k", pattern(20 * KiB))).toBe(FULL);
    expect(surviving(store, "k", count)).toBe(count);
    store.expires = true;
    expect(write(store, "as a leader", "v")).toBe(STORED);
    for (let i = 0; i < 1000; i++) store.sweep(10, 0);
    expect(store.memoryUsed()).toBeLessThanOrEqual(store.limitBytes);
    store.invariants();
  });
});

describe("a follower whose leader has removed items here and there", () => {
  /** Twice its limit, with half of each segment dead. */
  function openSparse(): Store {
    const store = openStore({ memoryLimitBytes: 4 * MiB, reserveBytes: 8 * MiB });
    store.expires = false;
    let count = 0;
    while (write(store, `k${count}`, pattern(1000)) === STORED) count++;
    for (let i = 0; i < count; i += 2) expect(remove(store, `k${i}`)).toBe(true);
    expect(store.memoryUsed()).toBeGreaterThan(7.5 * MiB);
    return store;
  }

  test("compacts as much as a large value takes, and does not refuse it", () => {
    const store = openSparse();
    const before = store.count();
    expect(write(store, "large", pattern(2 * MiB))).toBe(STORED);
    expect(store.count()).toBe(before + 1);
    store.invariants();
  });

  test("compacts in sweeps, until it is within its limit or has no gaps", () => {
    const store = openSparse();
    const before = store.count();
    let sweeps = 0;
    do {
      store.sweep(0, 0, false);
      sweeps++;
    } while (store.repays);
    expect(sweeps).toBeLessThan(2000);
    expect(store.memoryUsed()).toBeLessThan(4.5 * MiB);
    expect(store.count()).toBe(before);
    store.invariants();
  });
});

describe("the limit", () => {
  test("if lowered, is enforced in slices by writes or by the sweeper", () => {
    const store = openStore({ memoryLimitBytes: 16 * MiB });
    fill(store, "k", 15 * MiB, 1000);
    expect(store.setLimit(4 * MiB)).toBe(true);
    const before = store.memoryUsed();
    store.sweep(1, 0);
    expect(store.memoryUsed()).toBeLessThan(before);
    expect(store.memoryUsed()).toBeGreaterThan(12 * MiB);
    for (let i = 0; i < 2000; i++) store.sweep(1, 0);
    expect(store.memoryUsed()).toBeLessThanOrEqual(4 * MiB);
    store.invariants();
  });

  test("if raised, gives room; above the reserve it is refused", () => {
    const store = openStore({ memoryLimitBytes: 4 * MiB, reserveBytes: 8 * MiB });
    expect(store.setLimit(8 * MiB)).toBe(true);
    const count = fill(store, "k", 6 * MiB, 1000);
    expect(surviving(store, "k", count)).toBe(count);
    expect(store.setLimit(8 * MiB + 64)).toBe(false);
    expect(store.limitBytes).toBe(8 * MiB);
  });

  test("a store for 64 MB still works when its limit is lowered to 1 MB", () => {
    const store = openStore({ memoryLimitBytes: 64 * MiB });
    store.setLimit(MiB);
    fill(store, "k", 8 * MiB, 300);
    expect(write(store, "quarter", pattern(MiB / 4))).toBe(STORED);
    expect(store.memoryUsed()).toBeLessThan(3 * MiB);
    store.invariants();
  });
});
