// What RecentTime says of moments, with the coarse clock of this system, with one that stands
// still, and without one. Moments pass in a loop that gives the thread to nobody, as reads must be
// right within one turn of the event loop. It measures no speed.

import { describe, expect, test } from "bun:test";
import { monotonicMs } from "../../../src/base/clock.ts";
import { type ClockReader, RecentTime } from "../../../src/base/recent-time.ts";

const stuck: ClockReader = () => 0;

const clocks: readonly [string, () => RecentTime][] = [
  ["this system's coarse clock", () => new RecentTime()],
  ["a coarse clock that stands still", () => new RecentTime(stuck)],
  ["no coarse clock", () => new RecentTime(null)],
];

describe.each(clocks)("with %s", (_, open) => {
  test("a moment is ahead until it comes, to the reading of the exact clock", () => {
    const time = open();
    const end = monotonicMs() + 20;
    while (monotonicMs() < end) {
      const isBefore = time.isBefore(end);
      if (!isBefore) expect(monotonicMs()).toBeGreaterThanOrEqual(end);
    }
    expect(time.isBefore(end)).toBe(false);
  });

  test("moments of long ago and those that never come are what they are", () => {
    const time = open();
    expect(time.isBefore(Number.NEGATIVE_INFINITY)).toBe(false);
    expect(time.isBefore(monotonicMs() - 1)).toBe(false);
    expect(time.isBefore(monotonicMs() + 60_000)).toBe(true);
    expect(time.isBefore(Number.POSITIVE_INFINITY)).toBe(true);
  });
});

test("a moment far ahead is not ahead any more when it comes, though nobody asked meanwhile", () => {
  const time = new RecentTime();
  const end = monotonicMs() + 700;
  expect(time.isBefore(end)).toBe(true);
  while (monotonicMs() < end);
  expect(time.isBefore(end)).toBe(false);
});
