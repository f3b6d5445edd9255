// Slots of watched keys: what one thread fills another sees, a slot that nobody names is filled
// again, and a handle of an earlier key finds nothing. What a change is to a client is compared in
// conformance/databases.test.ts.

import { expect, test } from "bun:test";
import { watchedSlotKeyBytesMax, watchedSlotsMax } from "../../../src/base/limits.ts";
import { noSlot, reserveWatchedSlots, WatchedSlots } from "../../../src/keyspace/watched-slots.ts";

const seen = { version: 2 ** 40 + 1, clears: 2, generation: 3, lived: true };

function open() {
  const memory = reserveWatchedSlots(2);
  const [one, other] = [1, 2].map((thread) => new WatchedSlots(memory, thread));
  const handles = new Set<number>();
  one.named = () => handles;
  const fill = (slots: WatchedSlots, key: string, database = 0) => {
    const bytes = Buffer.from(`##${key}`);
    return slots.fill(database, bytes, 2, bytes.length, seen);
  };
  return { one, other, handles, fill };
}

test("a thread sees and changes what another has filled", () => {
  const { one, other, fill } = open();
  const handle = fill(one, "key", 15);
  const [slot] = other.filled();
  expect([other.databaseOf(slot), Buffer.from(other.keyOf(slot)).toString()]).toEqual([15, "key"]);
  expect([one.at(handle), other.read(slot)]).toEqual([seen, seen]);
  const changed = { ...seen, version: Number.NaN, lived: false };
  other.write(slot, changed);
  expect(one.at(handle)).toEqual(changed);
});

test("slots that no session names are filled again, and their handles find nothing", () => {
  const { one, handles, fill } = open();
  const kept = fill(one, "kept");
  handles.add(kept);
  const lost = fill(one, "lost");
  for (let i = 0; i < 3 * watchedSlotsMax; i++) expect(fill(one, `key ${i}`)).not.toBe(noSlot);
  expect(one.at(kept)).toEqual(seen);
  expect(one.at(lost)).toBeNull();
});

test("there is no slot for a long key, when all are in use, and with one thread", () => {
  const { one, other, handles, fill } = open();
  expect(fill(one, "k".repeat(watchedSlotKeyBytesMax + 1))).toBe(noSlot);
  for (let i = 0; i < watchedSlotsMax; i++) handles.add(fill(one, "k".repeat(i % 96)));
  expect(handles.has(noSlot)).toBe(false);
  expect(fill(one, "one more")).toBe(noSlot);
  expect(fill(other, "of another thread")).not.toBe(noSlot);
  expect(fill(new WatchedSlots(reserveWatchedSlots(1), 0), "key")).toBe(noSlot);
});
