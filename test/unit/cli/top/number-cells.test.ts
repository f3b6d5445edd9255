// Numbers in six characters, whatever they are; and what each looks like. A cell that grew would
// move all columns to its right.

import { expect, test } from "bun:test";
import {
  ageCell,
  bytesCell,
  countCell,
  microsecondsCell,
  shareCell,
} from "../../../../src/cli/top/number-cells.ts";

test.each([
  [countCell, [0, 0.4, 1, 9.94, 9.96, 950, 12_345.4, 99_999, 100_000, 123_456, 2.5e9, null]],
  [bytesCell, [0, 999, 1_000, 1_023, 1_024, 1_500, 13.7 * 2 ** 20, 64 * 2 ** 30, 2 ** 55]],
  [microsecondsCell, [0, 0.54, 9.96, 850, 999.6, 1_204, 15_300, 999_499, 999_600, 9.4e7]],
  [shareCell, [0, 0.005, 0.5, 0.9996, 1, 1.2, null]],
  [ageCell, [0, 119, 120, 7_199, 7_200, 172_799, 172_800, 8e6, null]],
])("%p takes six characters at most", (cell, values) => {
  for (const value of values) expect(cell(value as number).length).toBeLessThanOrEqual(6);
});

test("they read as people write them", () => {
  expect([0, 0.4, 12_345, 123_456, 2.5e9].map(countCell)).toEqual([
    ...["0", "0.4", "12345", "123k", "2.50G"],
  ]);
  expect([512, 1_536, 14_365_491].map(bytesCell)).toEqual(["512", "1.50K", "13.7M"]);
  expect([3.14, 850, 1_204, 2.5e6].map(microsecondsCell)).toEqual([
    ...["3.1us", "850us", "1.20ms", "2.50s"],
  ]);
  expect([0.987, 1, 0.99999].map(shareCell)).toEqual(["98.7%", "100%", "99.9%"]);
  expect([12, 300, 7_200, 200_000].map(ageCell)).toEqual(["12s", "5m", "2h", "2d"]);
  expect(countCell(null)).toBe("-");
});
