// Latencies by command from histograms that grow: percentiles, new commands, and counts that begin
// anew.

import { expect, test } from "bun:test";
import {
  bucketOf,
  type CommandHistogram,
  emptyHistogram,
} from "../../../../src/command/timing/latency-histogram.ts";
import { latenciesBetween } from "../../../../src/node/admin/command-latencies.ts";

/** How many calls took how many microseconds. */
function histogram(name: string, calls: Readonly<Record<number, number>>): CommandHistogram {
  const counts = emptyHistogram();
  for (const [usec, count] of Object.entries(calls)) counts[bucketOf(Number(usec))] += count;
  return { name, counts };
}

const before = [histogram("get", { 1: 4, 2: 6 })];

test("only what came since counts, the most frequent command first", () => {
  const after = [
    histogram("client|list", { 8: 1 }),
    histogram("get", { 1: 4, 2: 56, 4: 49, 1024: 1 }),
  ];
  const [get, list, ...others] = latenciesBetween(before, after);
  expect(get).toEqual({ command: "get", calls: 100, p50: 2, p99: 4, p999: 1024 });
  expect(list).toEqual({ command: "client list", calls: 1, p50: 8, p99: 8, p999: 8 });
  expect(others).toEqual([]);
});

test("a command that did not run is not told", () => {
  expect(latenciesBetween(before, before)).toEqual([]);
});

test("after CONFIG RESETSTAT all counts are new", () => {
  expect(latenciesBetween(before, [histogram("get", { 2: 3 })])).toEqual([
    { command: "get", calls: 3, p50: 2, p99: 2, p999: 2 },
  ]);
});
