// Numbers of the dashboard: steady widths, honest rounding, and units that change where they
// should.

import { expect, test } from "bun:test";
import {
  bytes,
  compact,
  counted,
  duration,
  micros,
  percent,
  whole,
} from "../../../src/dashboard/figures.ts";

/** With ordinary spaces, to be readable. */
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

test("counts and rates have three digits and one unit", () => {
  const shown = [0, 0.5, 7, 999, 999.6, 1_000, 12_345, 999_499, 999_950, 1.5e9]
    .map(compact)
    .map(plain);
  expect(shown).toEqual([
    "0",
    "0.5",
    "7",
    "999",
    "1.00 k",
    "1.00 k",
    "12.3 k",
    "999 k",
    "1.00 M",
    "1.50 G",
  ]);
});

test("bytes are in binary units", () => {
  const shown = [0, 1023, 1024, 1536, 10 * 1024 ** 2, 1024 ** 4 * 3].map(bytes).map(plain);
  expect(shown).toEqual(["0 B", "1023 B", "1.00 KiB", "1.50 KiB", "10.0 MiB", "3.00 TiB"]);
});

test("a share that is not all is never called all", () => {
  expect([0, 0.5, 0.99999, 1].map(percent).map(plain)).toEqual([
    "0.0 %",
    "50.0 %",
    "99.9 %",
    "100 %",
  ]);
});

test("latencies go from microseconds to seconds", () => {
  expect([0.4, 27, 1_234, 2_500_000].map(micros).map(plain)).toEqual([
    "0.40 µs",
    "27 µs",
    "1.23 ms",
    "2.50 s",
  ]);
});

test("durations name their two largest units", () => {
  const shown = [0, 0.25, 59, 61, 3_600, 93_784].map(duration).map(plain);
  expect(shown).toEqual(["0 s", "250 ms", "59 s", "1 min 1 s", "1 h", "1 d 2 h"]);
});

test("long numbers are in groups, and one is not many", () => {
  expect(plain(whole(1234567))).toBe("1 234 567");
  expect([0, 1, 1000].map((n) => plain(counted(n, "key")))).toEqual([
    "0 keys",
    "1 key",
    "1 000 keys",
  ]);
});

test("what is not known is a dash", () => {
  expect(
    [compact, bytes, percent, micros, duration, whole].map((tell) => tell(Number.NaN)),
  ).toEqual(Array(6).fill("–"));
});
