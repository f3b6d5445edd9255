// Times to live as people type them: a number with a unit, and nothing else. What a time to live
// looks like when it is shown is in figures.test.ts.

import { expect, test } from "bun:test";
import { durationMs } from "../../../src/dashboard/durations.ts";

test("a number is seconds, or has a unit", () => {
  expect(["90", " 5 min ", "1.5h", "2 D", "250ms", "3m"].map(durationMs)).toEqual([
    ...[90_000, 300_000, 5_400_000, 172_800_000, 250, 180_000],
  ]);
});

test("what is no duration above 0 is refused", () => {
  expect(["", "0", "-1", "5 weeks", "1 h 2 min", "1e3"].map(durationMs)).toEqual(
    Array(6).fill(null),
  );
});
