/**
 * Percentiles of the last samples of histograms that only grow: what each span tells, how many
 * there are, and a reset of the counters.
 */
import { expect, test } from "bun:test";
import { bucketOf, emptyHistogram } from "../../../../src/command/timing/latency-histogram.ts";
import { LatencyWindow } from "../../../../src/command/timing/latency-window.ts";

/** What each call adds stays, as in a thread. */
function growing() {
  const counts = emptyHistogram();
  return (calls: number, usec: number) => {
    counts[bucketOf(usec)] += calls;
    return [{ name: "get", counts: counts.slice() }];
  };
}

test("a span tells what ran in it, and nothing of what ran before", () => {
  const window = new LatencyWindow();
  const grown = growing();
  window.add(grown(1000, 4096));
  expect(window.last(1)).toBeNull();
  window.add(grown(990, 1));
  expect(window.last(1)).toEqual({ commands: 990, p50: 1, p99: 1, p999: 1 });
  window.add(grown(10, 1024));
  expect(window.last(1)).toEqual({ commands: 10, p50: 1024, p99: 1024, p999: 1024 });
  expect(window.last(10)).toEqual({ commands: 1000, p50: 1, p99: 1, p999: 1024 });
});

test("a span in which nothing ran has no percentiles", () => {
  const window = new LatencyWindow();
  const grown = growing();
  window.add(grown(5, 1));
  window.add(grown(0, 1));
  expect(window.last(1)).toEqual({ commands: 0, p50: null, p99: null, p999: null });
});

test("ten spans are kept", () => {
  const window = new LatencyWindow();
  const grown = growing();
  for (let i = 0; i < 30; i++) window.add(grown(1, 1));
  expect(window.last(10)?.commands).toBe(10);
  expect(window.last(100)?.commands).toBe(10);
});

test("after a reset of the counters it begins anew", () => {
  const window = new LatencyWindow();
  window.add(growing()(100, 1));
  window.add(growing()(3, 1));
  expect(window.last(1)).toBeNull();
});
