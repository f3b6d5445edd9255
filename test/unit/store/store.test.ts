// The store's interface on small cases: what a key holds after each call, and what a call returns.
// Limits, eviction, walks and threads have their own files; store-fuzz.test.ts runs random
// sequences.

import { describe, expect, test } from "bun:test";
import { FULL, STORED, TOO_LARGE } from "../../../src/store/store.ts";
import {
  currentKey,
  expire,
  get,
  getText,
  KiB,
  MiB,
  openStore,
  pattern,
  put,
  read,
  remove,
  toBytes,
  write,
  writeRange,
} from "./harness.ts";

describe("items", () => {
  test("what was stored is found again, byte for byte", () => {
    const store = openStore();
    const binary = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(put(store, "a", "one")).toBe(STORED);
    expect(put(store, binary, binary)).toBe(STORED);
    expect(put(store, "", "")).toBe(STORED);
    expect(getText(store, "a")).toBe("one");
    expect(get(store, binary)).toEqual(binary);
    expect(get(store, "")).toEqual(new Uint8Array(0));
    expect(get(store, "b")).toBeNull();
    expect(store.count()).toBe(3);
    store.invariants();
  });

  test("a key may be a range of a larger buffer", () => {
    const store = openStore();
    const buffer = toBytes("SET key value");
    expect(store.set(buffer, 4, 7, buffer, 8, 13, 0, 0)).toBe(STORED);
    expect(getText(store, "key")).toBe("value");
  });

  test("an overwrite replaces value, expiry and client flags", () => {
    const store = openStore();
    put(store, "k", "first", { expiresAt: 500, clientFlags: 0xffffffff });
    expect(getText(store, "k", 1)).toBe("first");
    expect([store.expiresAt, store.clientFlags]).toEqual([500, 0xffffffff]);
    put(store, "k", "other");
    expect(getText(store, "k", 1000)).toBe("other");
    expect([store.expiresAt, store.clientFlags]).toEqual([0, 0]);
    put(store, "k", "much longer than before");
    expect(getText(store, "k")).toBe("much longer than before");
    expect(store.count()).toBe(1);
    store.invariants();
  });

  test("an overwrite of the same lengths replaces a later or an earlier expiry, and flags", () => {
    const store = openStore();
    put(store, "k", "first", { expiresAt: 500, clientFlags: 1 });
    for (const expiresAt of [900, 300]) {
      put(store, "k", "other", { expiresAt, clientFlags: expiresAt });
      expect(getText(store, "k", expiresAt - 1)).toBe("other");
      expect([store.expiresAt, store.clientFlags]).toEqual([expiresAt, expiresAt]);
      store.invariants();
    }
    expect(getText(store, "k", 300)).toBeNull();
    expect(store.count()).toBe(0);
  });

  test("an overwrite of the same lengths gives an item an expiry that had lost it", () => {
    const store = openStore();
    put(store, "k", "first", { expiresAt: 500 });
    expire(store, "k", 0);
    put(store, "k", "other", { expiresAt: 700 });
    expect(getText(store, "k", 699)).toBe("other");
    expect(getText(store, "k", 700)).toBeNull();
    put(store, "n", "never");
    put(store, "n", "again");
    expect(getText(store, "n", 1e12)).toBe("again");
    store.invariants();
  });

  test("an overwrite of the same aligned size leaves no dead bytes", () => {
    const store = openStore();
    put(store, "k", "12345678");
    put(store, "k", "1234");
    expect(getText(store, "k")).toBe("1234");
    expect(store.statistics().memory.dead_bytes).toBe(0);
    put(store, "k", "1".repeat(50));
    put(store, "other", "keeps the segment");
    expect(store.statistics().memory.dead_bytes).toBeGreaterThan(0);
    store.invariants();
  });

  test("a deleted item is not found, and deleting it again returns false", () => {
    const store = openStore();
    put(store, "k", "v");
    expect(remove(store, "k")).toBe(true);
    expect(remove(store, "k")).toBe(false);
    expect(get(store, "k")).toBeNull();
    expect(store.count()).toBe(0);
    store.invariants();
  });

  test("copyTo() copies any part of a value, inline or in a chain", () => {
    const store = openStore();
    for (const length of [0, 1, 23, 24, 25, 1000, 8 * KiB, 40 * KiB, 900 * KiB]) {
      const value = pattern(length, length);
      put(store, "k", value);
      expect(get(store, "k")).toEqual(value);
      const from = length >> 1;
      const part = new Uint8Array(length - from + 2);
      store.copyTo(part, 1, from, length - from);
      expect(part.subarray(1, part.length - 1)).toEqual(value.subarray(from));
      expect([part[0], part[part.length - 1]]).toEqual([0, 0]);
    }
    store.invariants();
  });

  test("keys of every length up to a quarter of the limit come back", () => {
    const store = openStore();
    const lengths = [1, 255, 256, 2 * KiB, 2 * KiB + 1, 64 * KiB, MiB];
    for (const length of lengths)
      expect(write(store, pattern(length, 1), `${length}`)).toBe(STORED);
    for (const length of lengths) expect(getText(store, pattern(length, 1))).toBe(`${length}`);
    const other = pattern(64 * KiB, 1);
    other[60 * KiB] ^= 1;
    expect(get(store, other)).toBeNull();
    for (const length of lengths) expect(remove(store, pattern(length, 1))).toBe(true);
    store.invariants();
    expect(store.statistics().memory.segments_chained).toBe(0);
  });

  test("randomItem() finds a live item whatever the random bits", () => {
    const store = openStore();
    expect(store.randomItem(123, 0)).toBe(false);
    put(store, "only", "v");
    put(store, "dead", "v", { expiresAt: 10 });
    for (const random of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      expect(store.randomItem(random, 50)).toBe(true);
      expect(store.keyEnd - store.keyStart).toBe(4);
      expect(store.keyBytes[store.keyStart]).toBe("o".charCodeAt(0));
    }
  });

  test("randomItem() reaches every item", () => {
    const store = openStore();
    for (let i = 0; i < 100; i++) put(store, `${i}`, "v");
    const met = new Set<string>();
    for (let i = 0; i < 20_000; i++) {
      store.randomItem(Math.imul(i, 2654435761) >>> 0, 0);
      met.add(currentKey(store));
    }
    expect(met.size).toBe(100);
  });
});

describe("expiry", () => {
  test("an item is hidden from its expiry on, and removed when it is next looked up", () => {
    const store = openStore();
    put(store, "k", "v", { expiresAt: 100 });
    expect(getText(store, "k", 99)).toBe("v");
    expect(store.count()).toBe(1);
    expect(get(store, "k", 100)).toBeNull();
    expect(store.count()).toBe(0);
    expect(store.statistics().expirations).toBe(1);
  });

  test("deleting an expired item returns false", () => {
    const store = openStore();
    put(store, "k", "v", { expiresAt: 100 });
    expect(remove(store, "k", 100)).toBe(false);
  });

  test("a follower hides an expired item and keeps it", () => {
    const store = openStore();
    store.expires = false;
    put(store, "k", "v", { expiresAt: 100 });
    expect(get(store, "k", 100)).toBeNull();
    expect(remove(store, "k", 100)).toBe(false);
    expect(store.sweep(1000, 100)).toBe(0);
    expect(store.count()).toBe(1);
  });

  test("setExpiry() adds, changes and removes an expiry and keeps value and flags", () => {
    const store = openStore();
    for (const length of [5, 30 * KiB]) {
      const value = pattern(length);
      put(store, "k", value, { clientFlags: 9 });
      for (const expiresAt of [1000, 2 ** 41, 0, 77]) {
        expect(expire(store, "k", expiresAt)).toBe(true);
        expect(get(store, "k", 1)).toEqual(value);
        expect([store.expiresAt, store.clientFlags]).toEqual([expiresAt, 9]);
        store.invariants();
      }
    }
    expect(expire(store, "absent", 5)).toBe(false);
  });

  test("the listener gets expired items with their whole keys", () => {
    const store = openStore();
    const heard: string[] = [];
    store.listener = {
      removed: (reason, bytes, start, end) =>
        heard.push(`${reason} ${bytes.slice(start, end).length}`),
    };
    put(store, "abc", "v", { expiresAt: 10 });
    put(store, pattern(5000), "v", { expiresAt: 10 });
    get(store, "abc", 20);
    store.sweep(1000, 20);
    expect(heard.sort()).toEqual(["expired 3", "expired 5000"]);
  });
});

describe("setRange", () => {
  test("creates an item, with zeros up to the offset", () => {
    const store = openStore();
    expect(writeRange(store, "k", 3, "abc")).toBe(STORED);
    expect(store.valueLength).toBe(6);
    expect(getText(store, "k")).toBe("\0\0\0abc");
  });

  test("writes inside a value without moving it", () => {
    const store = openStore();
    put(store, "k", "0123456789", { expiresAt: 50, clientFlags: 3 });
    expect(writeRange(store, "k", 2, "ab")).toBe(STORED);
    expect(getText(store, "k")).toBe("01ab456789");
    expect([store.expiresAt, store.clientFlags]).toEqual([50, 3]);
    expect(store.statistics().memory.dead_bytes).toBe(0);
  });

  test("a value grows byte by byte through padding, moves and chains", () => {
    const store = openStore();
    let model = new Uint8Array(0);
    put(store, "k", "", { clientFlags: 5 });
    for (const step of [1, 1, 5, 7, 300, 8000, 200, 70_000, 3, 16_384, 8192, 100_000]) {
      const part = pattern(step, step);
      const grown = new Uint8Array(model.length + step);
      grown.set(model);
      grown.set(part, model.length);
      expect(writeRange(store, "k", model.length, part)).toBe(STORED);
      model = grown;
      expect(get(store, "k")).toEqual(model);
      expect(store.clientFlags).toBe(5);
      store.invariants();
    }
  });

  test("a gap in a value that grows is zeros, in a chain too", () => {
    const store = openStore();
    put(store, "k", pattern(20_000));
    writeRange(store, "k", 100_000, "end");
    const value = get(store, "k") as Uint8Array;
    expect(value.subarray(0, 20_000)).toEqual(pattern(20_000));
    expect(value.subarray(20_000, 100_000).every((byte) => byte === 0)).toBe(true);
    expect(value.length).toBe(100_003);
  });

  test("treats an expired item as absent", () => {
    const store = openStore();
    put(store, "k", "old value", { expiresAt: 10 });
    writeRange(store, "k", 1, "x", 10);
    expect(getText(store, "k", 10)).toBe("\0x");
    expect(store.expiresAt).toBe(0);
  });

  test("refuses a value that would be too large and keeps the item", () => {
    const store = openStore();
    put(store, "k", "v");
    expect(writeRange(store, "k", MiB, "x")).toBe(TOO_LARGE);
    expect(getText(store, "k")).toBe("v");
  });
});

describe("sizes", () => {
  test("a value of a quarter of the limit fits; one byte more is TOO_LARGE", () => {
    for (const limit of [1, 4, 64]) {
      const store = openStore({ memoryLimitBytes: limit * MiB });
      const value = pattern((limit * MiB) / 4 + 1);
      expect(write(store, "k", value.subarray(1))).toBe(STORED);
      expect(get(store, "k")).toEqual(value.subarray(1));
      expect(write(store, "k", value)).toBe(TOO_LARGE);
      expect(get(store, "k")).toEqual(value.subarray(1));
      store.invariants();
    }
  });

  test("the configured value limit is enforced, and can be changed", () => {
    const store = openStore({ valueBytesMax: 100 });
    expect(put(store, "k", pattern(101))).toBe(TOO_LARGE);
    store.setValueLimit(101);
    expect(store.valueBytesMax).toBe(101);
    expect(put(store, "k", pattern(101))).toBe(STORED);
  });

  test("a follower accepts values over its own limit until its reserve is used up", () => {
    const store = openStore({ memoryLimitBytes: MiB, reserveBytes: 4 * MiB });
    store.expires = false;
    expect(write(store, "a", pattern(2 * MiB))).toBe(STORED);
    expect(put(store, "b", pattern(3 * MiB))).toBe(FULL);
    expect(get(store, "a")).toEqual(pattern(2 * MiB));
    expect(get(store, "b")).toBeNull();
    store.invariants();
  });
});

describe("counters", () => {
  test("read() counts hits and misses, find() does not", () => {
    const store = openStore();
    put(store, "k", "v");
    read(store, "k");
    read(store, "absent");
    get(store, "k");
    const { hits, misses, items } = store.statistics();
    expect([hits, misses, items]).toEqual([1, 1, 1]);
    store.resetStatistics();
    expect(store.statistics().hits).toBe(0);
  });

  test("a version changes with each write and removal, starts at the epoch and survives clear()", () => {
    const store = openStore({ versionEpoch: 1_000_000 });
    const key = toBytes("k");
    const version = () => store.version(key, 0, key.length);
    const seen = [version()];
    expect(seen[0]).toBe(1_000_000);
    put(store, "k", "v");
    seen.push(version());
    writeRange(store, "k", 0, "w");
    seen.push(version());
    expire(store, "k", 100);
    seen.push(version());
    get(store, "k", 100);
    seen.push(version());
    store.clear();
    seen.push(version());
    expect(new Set(seen).size).toBe(seen.length);
    get(store, "k");
    read(store, "k");
    expect(version()).toBe(seen[seen.length - 1] as number);
  });
});

describe("clear", () => {
  test("empties everything, and the store remains usable", () => {
    const store = openStore();
    for (let i = 0; i < 5000; i++) put(store, `key:${i}`, `value ${i}`);
    put(store, "large", pattern(100 * KiB));
    store.clear();
    expect(store.count()).toBe(0);
    expect(get(store, "key:1")).toBeNull();
    store.invariants();
    for (let i = 0; i < 5000; i++) put(store, `key:${i}`, `again ${i}`);
    expect(getText(store, "key:4999")).toBe("again 4999");
    store.invariants();
  });

  test("a later sweep releases the pages and damages no new item", () => {
    const store = openStore({ memoryLimitBytes: 64 * MiB });
    for (let i = 0; i < 40; i++) put(store, `key:${i}`, pattern(MiB, i));
    store.clear();
    put(store, "new", pattern(100 * KiB));
    const resident = process.memoryUsage.rss();
    for (let i = 0; i < 10; i++) store.sweep(1, 0);
    if (process.platform === "linux") {
      expect(resident - process.memoryUsage.rss()).toBeGreaterThan(20 * MiB);
    }
    expect(get(store, "new")).toEqual(pattern(100 * KiB));
    store.invariants();
  });
});
