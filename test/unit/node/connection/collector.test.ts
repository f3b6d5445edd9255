// When the collector is asked, by bytes and by resident memory, with a runtime that only counts.
// What it gains is shown by the benchmark `resident`.

import { expect, test } from "bun:test";
import {
  receivedBytesPerCollection,
  residentBytesPerCollection,
} from "../../../../src/base/limits.ts";
import { Collector } from "../../../../src/node/connection/collector.ts";

function bed(isGuest = false) {
  const asked: boolean[] = [];
  const memory = { bytes: 100 * 1024 * 1024 };
  const collector = new Collector({
    residentBytes: () => memory.bytes,
    collect: (whole) => asked.push(whole),
    isGuest,
  });
  /** Looks in the middle of work, and tells what was asked for since the last time. */
  const busyLook = (): boolean[] => {
    collector.received(1);
    collector.look();
    return asked.splice(0);
  };
  const restingLook = (): boolean[] => {
    collector.look();
    return asked.splice(0);
  };
  return { asked, memory, collector, busyLook, restingLook };
}

const grown = residentBytesPerCollection + 1024;

test("it is asked for every so many bytes received, whatever memory does", () => {
  const { asked, collector } = bed();
  for (let i = 0; i < 64; i++) collector.received(receivedBytesPerCollection / 16);
  expect(asked).toEqual([false, false, false, false]);
});

test("it is asked when resident memory has grown, once for each growth", () => {
  const { memory, busyLook } = bed();
  expect(busyLook()).toEqual([]);
  memory.bytes += grown;
  expect(busyLook()).toEqual([false]);
  expect(busyLook()).toEqual([]);
  memory.bytes += grown;
  expect(busyLook()).toEqual([false]);
});

test("what was received and waits for its own collection explains growth by twice as much", () => {
  const { memory, collector, busyLook } = bed();
  const received = receivedBytesPerCollection / 2;
  collector.received(received);
  memory.bytes += 2 * received + grown / 2;
  expect(busyLook()).toEqual([]);
  memory.bytes += grown;
  expect(busyLook()).toEqual([false]);
});

test("growth counts from what is there after a collection for received bytes", () => {
  const { asked, memory, collector, busyLook } = bed();
  collector.received(receivedBytesPerCollection);
  expect(asked.splice(0)).toEqual([false]);
  memory.bytes += grown;
  expect(busyLook()).toEqual([]);
  memory.bytes += grown;
  expect(busyLook()).toEqual([false]);
});

test("growth counts from the lowest that was seen since", () => {
  const { memory, busyLook } = bed();
  memory.bytes -= 50 * 1024 * 1024;
  expect(busyLook()).toEqual([]);
  memory.bytes += grown;
  expect(busyLook()).toEqual([false]);
});

test("a thread that rests after its memory has grown collects everything, once", () => {
  const { memory, busyLook, restingLook } = bed();
  memory.bytes += grown;
  expect(busyLook()).toEqual([false]);
  expect(busyLook()).toEqual([]);
  expect(restingLook()).toEqual([true]);
  expect(restingLook()).toEqual([]);
});

test("a thread whose memory has not grown rests in peace", () => {
  const { busyLook, restingLook } = bed();
  busyLook();
  expect([restingLook(), restingLook()]).toEqual([[], []]);
});

test("in another's process it waits for growth by a quarter, and never collects everything", () => {
  const { asked, memory, collector, busyLook, restingLook } = bed(true);
  memory.bytes += grown;
  expect(busyLook()).toEqual([]);
  memory.bytes += 19 * 1024 * 1024;
  expect(busyLook()).toEqual([false]);
  expect(restingLook()).toEqual([]);
  collector.received(receivedBytesPerCollection);
  expect(asked).toEqual([]);
  collector.received(receivedBytesPerCollection);
  expect(asked).toEqual([false]);
});
