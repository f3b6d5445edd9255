// The bound of what all clients hold, as several threads share it. Who is cut off then is judged
// over sockets, in test/connection/unread-replies.test.ts.

import { expect, test } from "bun:test";
import { ClientMemory, reserveClientMemory } from "../../../../src/node/shared/client-memory.ts";

const KiB = 1024;

function threads(count: number, limitBytes: number): ClientMemory[] {
  const shared = reserveClientMemory(count, limitBytes);
  return Array.from({ length: count }, (_, index) => new ClientMemory(shared, index + 1));
}

test("each thread sees what all hold", () => {
  const [one, other] = threads(2, 100 * KiB);
  one?.add(10 * KiB);
  other?.add(20 * KiB + 1);
  expect([one?.totalBytes, other?.totalBytes]).toEqual([31 * KiB, 31 * KiB]);
  other?.add(-20 * KiB - 1);
  expect(one?.totalBytes).toBe(10 * KiB);
});

test("half of the bound is room, and above the whole the thread with more than its share is over", () => {
  const [one, other] = threads(2, 100 * KiB) as [ClientMemory, ClientMemory];
  one.add(49 * KiB);
  expect([one.hasRoom, other.hasRoom]).toEqual([true, true]);
  one.add(41 * KiB);
  expect([one.hasRoom, one.isOver]).toEqual([false, false]);
  other.add(20 * KiB);
  expect([one.isOver, other.isOver]).toEqual([true, false]);
});

test("a changed bound counts for all threads at once", () => {
  const [one, other] = threads(2, 100 * KiB) as [ClientMemory, ClientMemory];
  other.add(60 * KiB);
  one.limitBytes = 50 * KiB;
  expect([other.limitBytes, other.isOver]).toEqual([50 * KiB, true]);
});
