// The latency histogram against exact percentiles of the same values.
// Invariant: an answer is never below the true percentile's bucket nor 2 percent above it.

import { expect, test } from "bun:test";
import { Histogram, summarize } from "../../../src/bench/histogram.ts";
import { Random } from "../../../src/bench/random.ts";

test("percentiles are within two percent of the exact ones over seven magnitudes", () => {
  const random = new Random(11);
  const histogram = new Histogram();
  const values = Array.from({ length: 20_000 }, () => 10 ** (2 + 7 * random.fraction()));
  for (const ns of values) histogram.record(ns / 1e6, 1);
  values.sort((a, b) => a - b);
  for (const percent of [1, 50, 90, 99, 99.9, 99.99, 100]) {
    const exact = values[Math.ceil((percent / 100) * values.length) - 1] / 1000;
    const found = histogram.percentileMicros(percent);
    expect(found).toBeGreaterThanOrEqual(exact * 0.999);
    expect(found).toBeLessThanOrEqual(exact * 1.02 + 0.1);
  }
});

test("recording many at once is the same as recording each", () => {
  const histogram = new Histogram();
  histogram.record(0.005, 99);
  histogram.record(9, 1);
  expect(histogram.count).toBe(100);
  expect(histogram.percentileMicros(99)).toBeCloseTo(5.1, 1);
  expect(histogram.percentileMicros(100)).toBe(9000);
  expect(histogram.meanMicros).toBeCloseTo(94.95, 2);
});

test("values beyond the range are kept in the last bucket with their true maximum", () => {
  const histogram = new Histogram();
  histogram.record(1e9, 1);
  expect(histogram.maxMicros).toBe(1e12);
});

test("the sum of histograms equals one histogram of all values", () => {
  const [one, two, both] = [new Histogram(), new Histogram(), new Histogram()];
  for (let ms = 1e-4; ms < 100; ms *= 1.3) {
    one.record(ms, 1);
    two.record(ms * 2, 3);
    both.record(ms, 1);
    both.record(ms * 2, 3);
  }
  one.add(two);
  expect(summarize(one)).toEqual(summarize(both));
  expect(one.count).toBe(both.count);
});

test("an empty histogram reports zero", () => {
  expect(summarize(new Histogram())).toEqual({
    ...{ meanMicros: 0, p50Micros: 0, p90Micros: 0, p99Micros: 0 },
    ...{ p999Micros: 0, p9999Micros: 0, maxMicros: 0 },
  });
});
