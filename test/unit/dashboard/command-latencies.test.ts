// Latencies of the last seconds from histograms that grow: percentiles, new commands, and counts
// that begin anew.

import { expect, test } from "bun:test";
import { histogramsIn, latenciesBetween } from "../../../src/dashboard/command-latencies.ts";

const before = histogramsIn({ get: { calls: 10, histogram_usec: { "1": 4, "2": 10 } } });

test("only what came since counts, the most frequent command first", () => {
  const after = histogramsIn({
    get: { calls: 110, histogram_usec: { "1": 4, "2": 60, "4": 109, "1024": 110 } },
    "client|list": { calls: 1, histogram_usec: { "8": 1 } },
  });
  const [get, list] = latenciesBetween(before, after);
  expect([get.command, get.calls, list.command, list.calls]).toEqual([
    "get",
    100,
    "client list",
    1,
  ]);
  expect(get.p50).toBe(2);
  expect(get.p99).toBeCloseTo(4);
  expect(get.p999).toBeGreaterThan(512);
});

test("a command that did not run is not told", () => {
  expect(latenciesBetween(before, before)).toEqual([]);
});

test("after CONFIG RESETSTAT all counts are new", () => {
  const after = histogramsIn({ get: { calls: 3, histogram_usec: { "2": 3 } } });
  expect(latenciesBetween(before, after)[0].calls).toBe(3);
});
