/**
 * The table of tracked keys: whom a change concerns, what is counted, what is forgotten first.
 * Nobody is told anything here.
 */
import { expect, test } from "bun:test";
import { TrackedKeys } from "../../../../src/command/tracking/tracked-keys.ts";

test("a change concerns whoever has read the key since the last one, each once", () => {
  const keys = new TrackedKeys();
  for (const client of [1, 2, 1, 3, 2]) keys.add("k", client);
  keys.add("other", 1);
  expect([keys.size, keys.items]).toEqual([2, 4]);
  expect(keys.take("k")).toEqual([1, 2, 3]);
  expect(keys.take("k")).toEqual([]);
  expect([keys.size, keys.items]).toEqual([1, 1]);
});

test("beyond the bound the oldest key goes first; 0 is no bound", () => {
  const keys = new TrackedKeys();
  for (const key of ["a", "b", "c"]) keys.add(key, 1);
  expect(keys.surplus(0)).toBeNull();
  expect(keys.surplus(3)).toBeNull();
  expect(keys.surplus(2)).toBe("a");
});

test("very long keys are bounded by their bytes", () => {
  const keys = new TrackedKeys();
  const long = "k".repeat(1024 * 1024);
  for (let i = 0; i < 257; i++) keys.add(`${i}${long}`, 1);
  expect(keys.surplus(0)).toStartWith("0kkk");
  keys.take(keys.surplus(0) as string);
  keys.take(keys.surplus(0) ?? `1${long}`);
  expect(keys.surplus(0)).toBeNull();
});

test("the keys of a client can be listed if it was said before, without those that changed", () => {
  const keys = new TrackedKeys();
  keys.listKeysOf(2);
  keys.add("a", 1);
  for (const key of ["a", "b", "c"]) keys.add(key, 2);
  keys.take("b");
  expect(keys.takeListOf(1)).toBeNull();
  expect([...(keys.takeListOf(2) ?? [])]).toEqual(["a", "c"]);
  expect(keys.takeListOf(2)).toBeNull();
});
