// invariants() must fail if something is wrong: each case damages one word of a sound store and
// expects the check to notice. Without this test, a fuzzer that relies on invariants() would prove
// nothing.

import { expect, test } from "bun:test";
import {
  EXPIRING_ITEMS,
  FRESH_SEGMENT,
  ITEMS,
  NEWEST,
  QUEUES,
  reserveStore,
  type StoreMemory,
  shardState,
  USED_UNITS,
} from "../../../src/store/memory.ts";
import { Store } from "../../../src/store/store.ts";
import { MiB, pattern, put, storeOptions } from "./harness.ts";

function soundStore(): { store: Store; memory: StoreMemory } {
  const memory = reserveStore(storeOptions({ memoryLimitBytes: MiB }));
  const store = new Store(memory, 0);
  for (let i = 0; i < 1000; i++) put(store, `key:${i}`, "value", { expiresAt: i % 2 });
  for (let i = 0; i < 500; i++) put(store, `key:${i}`, pattern(50));
  put(store, "large", pattern(60_000));
  store.invariants();
  return { store, memory };
}

type Damage = (memory: StoreMemory, state: Int32Array) => void;

const word = (buffer: SharedArrayBuffer, at: number, change: (old: number) => number) => {
  const words = new Int32Array(buffer);
  words[at] = change(words[at] as number);
};

/** The word of the first entry in the index. */
function firstEntry(memory: StoreMemory): number {
  return new Int32Array(memory.index[0] as SharedArrayBuffer).findIndex((meta) => meta !== 0);
}

const damages: readonly (readonly [string, Damage])[] = [
  ["an item too many is counted", (_, state) => state[ITEMS]++],
  ["an expiring item is not counted", (_, state) => state[EXPIRING_ITEMS]--],
  ["memory is not counted", (memory) => word(memory.control, USED_UNITS, (n) => n - 1)],
  ["a segment is lost", (memory) => word(memory.control, FRESH_SEGMENT, (n) => n + 1)],
  ["a queue's end is wrong", (_, state) => state[QUEUES + NEWEST]--],
  ["an entry's hash is wrong", (memory) => damageEntry(memory, 0, (n) => n ^ 64)],
  ["an entry's queue is wrong", (memory) => damageEntry(memory, 0, (n) => n ^ 4)],
  ["an entry forgets its expiry", (memory) => damageEntry(memory, 0, (n) => n ^ 8)],
  ["an entry names another place", (memory) => damageEntry(memory, 7, (n) => n + 1)],
  ["an entry is missing", (memory) => damageEntry(memory, 0, () => 0)],
  ["a live item is marked dead", (memory) => markDead(memory)],
  ["dead bytes are not counted", (memory) => word(memory.table, 3, (n) => n - 8)],
  ["a segment seems to be filled further", (memory) => word(memory.table, 2, (n) => n + 8)],
  ["a segment belongs to another shard", (memory) => word(memory.table, 1, (n) => n + 1)],
];

function damageEntry(memory: StoreMemory, offset: number, change: (old: number) => number): void {
  word(memory.index[0] as SharedArrayBuffer, firstEntry(memory) + offset, change);
}

function markDead(memory: StoreMemory): void {
  const index = new Int32Array(memory.index[0] as SharedArrayBuffer);
  const location = index[firstEntry(memory) + 7] as number;
  word(memory.arenas[0] as SharedArrayBuffer, location * 2, (head) => head | (128 << 24));
}

test.each(damages)("invariants() notices when %s", (_, damage) => {
  const { store, memory } = soundStore();
  damage(memory, shardState(memory, 0));
  expect(() => store.invariants()).toThrow();
});
