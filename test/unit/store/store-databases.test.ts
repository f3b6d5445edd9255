// Databases of a store: what is found in which, what a swap and a flush do, and what they leave
// behind. The fuzzer (store-fuzz.test.ts) has random operations on several.

import { expect, test } from "bun:test";
import { identities } from "../../../src/store/database-table.ts";
import type { Store } from "../../../src/store/store.ts";
import { getText, MiB, openStore, put, remove, scanKeys, write } from "./harness.ts";

function inDatabase<Result>(store: Store, number: number, work: () => Result): Result {
  const { selected } = store.databases;
  store.databases.select(number);
  const result = work();
  store.databases.select(selected);
  return result;
}

const sizes = (store: Store) =>
  Object.fromEntries(store.databases.reports().map(({ number, items }) => [number, items]));

test("a key of one database is not in another", () => {
  const store = openStore();
  for (const number of [0, 1, 15]) inDatabase(store, number, () => put(store, "k", `in ${number}`));
  for (const number of [0, 1, 15]) {
    expect(inDatabase(store, number, () => getText(store, "k"))).toBe(`in ${number}`);
  }
  expect(inDatabase(store, 2, () => getText(store, "k"))).toBeNull();
  expect(inDatabase(store, 1, () => remove(store, "k"))).toBe(true);
  expect(sizes(store)).toEqual({ 0: 1, 15: 1 });
  store.invariants();
});

test("items of database 0 take no more memory beside others, and others one byte", () => {
  const usage = (number: number, key: string) => {
    const store = openStore();
    return inDatabase(store, number, () => {
      put(store, key, "v");
      return store.facts(Buffer.from(key), 0, key.length, 0)?.bytes;
    });
  };
  // 4 bytes of header, the key, the value, in units of 8; and an entry of 8.
  expect(usage(0, "abc")).toBe(16);
  expect(usage(1, "abc")).toBe(24);
  expect(usage(1, "ab")).toBe(16);
});

test("a swap exchanges all keys of two databases at once", () => {
  const store = openStore();
  put(store, "a", "0");
  inDatabase(store, 3, () => put(store, "b", "3"));
  const { generation } = store.databases;
  store.databases.swap(0, 3);
  expect(store.databases.generation).not.toBe(generation);
  expect(scanKeys(store)).toEqual(["b"]);
  expect(inDatabase(store, 3, () => scanKeys(store))).toEqual(["a"]);
  store.databases.swap(3, 0);
  expect(scanKeys(store)).toEqual(["a"]);
  store.invariants();
});

test("a flushed database is empty at once, and its items go later", () => {
  const store = openStore();
  inDatabase(store, 1, () => put(store, "other", "x"));
  for (let i = 0; i < 1000; i++) put(store, `k${i}`, "v");
  const used = store.statistics().memory.dead_bytes;
  store.databases.clear();
  expect(store.count()).toBe(0);
  expect(scanKeys(store)).toEqual([]);
  expect(store.randomItem(12345, 0)).toBe(false);
  put(store, "k1", "new");
  expect(getText(store, "k1")).toBe("new");
  expect(store.databases.hasDead).toBe(true);
  while (store.databases.hasDead) store.sweep(10, 0);
  expect(store.statistics().memory.dead_bytes).toBeGreaterThan(used);
  expect(sizes(store)).toEqual({ 0: 1, 1: 1 });
  store.invariants();
});

test("a flush of the only database with items is that of the store, and costs nothing later", () => {
  const store = openStore();
  inDatabase(store, 2, () => {
    put(store, "k", "v");
    store.databases.clear();
  });
  expect(store.databases.hasDead).toBe(false);
  expect(store.statistics().items).toBe(0);
});

test("database 0 gets its identity back, which costs no byte, once its old items are gone", () => {
  const store = openStore();
  inDatabase(store, 1, () => put(store, "other", "x"));
  for (let round = 0; round < 2; round++) {
    put(store, "k", "v");
    store.databases.clear();
    while (store.databases.hasDead) store.sweep(1000, 0);
  }
  put(store, "abc", "v");
  expect(store.databases.reports()[0].identity).toBe(0);
});

test("flushes without end find an identity, whether or not anything was swept", () => {
  const store = openStore();
  put(store, "keep", "x");
  store.databases.select(1);
  for (let i = 0; i < 3 * identities; i++) {
    put(store, `k${i}`, "v");
    store.databases.clear();
    expect(store.count()).toBe(0);
  }
  store.invariants();
  store.databases.select(0);
  expect(scanKeys(store)).toEqual(["keep"]);
});

test("a full store removes what a flush left before it evicts anything", () => {
  const store = openStore({ memoryLimitBytes: MiB });
  inDatabase(store, 1, () => put(store, "keep", "x"));
  const fill = () => {
    for (let i = 0; i < 400; i++) write(store, `k${i}`, new Uint8Array(1000));
  };
  for (let round = 0; round < 20; round++) {
    fill();
    store.databases.clear();
  }
  expect(store.statistics().evictions).toBe(0);
  expect(inDatabase(store, 1, () => getText(store, "keep"))).toBe("x");
});

test("without eviction, what a flush left makes room for writes", () => {
  const store = openStore({ memoryLimitBytes: MiB, eviction: "none" });
  inDatabase(store, 1, () => put(store, "keep", "x"));
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 400; i++) expect(write(store, `k${i}`, new Uint8Array(1000))).toBe(0);
    store.databases.clear();
  }
});

test("a removal by itself names its database; what was flushed is not reported", () => {
  const store = openStore();
  const removed: string[] = [];
  store.listener = {
    removed: (reason, bytes, start, end, database) =>
      removed.push(`${reason} ${Buffer.from(bytes.slice(start, end))} ${database}`),
  };
  put(store, "a", "x", { expiresAt: 10 });
  store.databases.select(5);
  put(store, "b", "x", { expiresAt: 10 });
  store.databases.swap(5, 6);
  put(store, "c", "x", { expiresAt: 10 });
  store.databases.clear();
  store.databases.select(0);
  while (store.statistics().memory.segments_used > 0 && removed.length < 2) store.sweep(1000, 20);
  while (store.databases.hasDead) store.sweep(1000, 20);
  expect(removed.sort()).toEqual(["expired a 0", "expired b 6"]);
  store.invariants();
});

test("expiries are counted by database", () => {
  const store = openStore();
  put(store, "a", "x", { expiresAt: 10 });
  store.databases.select(1);
  put(store, "a", "x", { expiresAt: 10 });
  put(store, "b", "x");
  const key = Buffer.from("b");
  store.setExpiry(key, 0, 1, 50);
  expect(store.databases.reports().map((it) => it.expiringItems)).toEqual([1, 2]);
  store.setExpiry(key, 0, 1, 0);
  expect(store.databases.reports().map((it) => it.expiringItems)).toEqual([1, 1]);
  store.invariants();
});
