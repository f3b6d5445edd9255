/**
 * Histograms of times: bounds of buckets, percentiles within a fifth of the truth, and the powers
 * of two that LATENCY HISTOGRAM tells.
 */
import { expect, test } from "bun:test";
import {
  addHistograms,
  bucketOf,
  countsUpTo,
  cumulated,
  emptyHistogram,
  percentileUsec,
  totalOf,
} from "../../../../src/command/timing/latency-histogram.ts";

function of(...times: number[]) {
  const counts = emptyHistogram();
  for (const usec of times) counts[bucketOf(usec)]++;
  return counts;
}

test("any time has a bucket", () => {
  const times = [0, -1, Number.NaN, 1e-9, 0.5, 1, 3, 1e6, 1e12, Number.POSITIVE_INFINITY];
  expect(totalOf(of(...times))).toBe(times.length);
});

test("a percentile is not below the truth, and at most a fifth above it", () => {
  const times = Array.from({ length: 1_000 }, (_, i) => (i + 1) * 3.7);
  const counts = of(...times);
  for (const percent of [0, 1, 50, 90, 99, 99.9, 100]) {
    const truth = times[Math.max(0, Math.ceil(percent * 10) - 1)] as number;
    expect(percentileUsec(counts, percent)).toBeWithin(truth, truth * 1.2);
  }
});

test("counts are cumulated by powers of two, where something is added", () => {
  expect(cumulated(of(0.2, 1, 1.5, 3, 3, 100))).toEqual([
    [1, 2],
    [2, 3],
    [4, 5],
    [128, 6],
  ]);
  expect(cumulated(emptyHistogram())).toEqual([]);
});

test("bounds that are powers of two count all that took no longer, and nothing else", () => {
  const counts = of(0.2, 1, 1.01, 3.9, 4, 4.1, 1e9);
  expect(countsUpTo(counts, [1, 4, 16, 65_536].map(bucketOf))).toEqual([2, 5, 6, 6]);
});

test("the histograms of threads are added by name", () => {
  const sums = addHistograms([
    { name: "get", counts: of(1, 2) },
    { name: "set", counts: of(5) },
    { name: "get", counts: of(2) },
  ]);
  expect(sums.map(({ name, counts }) => [name, totalOf(counts)])).toEqual([
    ["get", 3],
    ["set", 1],
  ]);
});
