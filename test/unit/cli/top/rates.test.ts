// What a node did between two looks, from the counters that it gave; and what cannot be said, which
// is null and never 0.

import { describe, expect, test } from "bun:test";
import { InfoFields } from "../../../../src/cli/info-fields.ts";
import { commandsBetween, numbersOf, percentile } from "../../../../src/cli/top/rates.ts";
import { readLatency, type Sample } from "../../../../src/cli/top/sample.ts";

function sample(atMs: number, text: string, counts: [number, number][] | null = null): Sample {
  const latency = counts === null ? null : new Map(counts);
  const info = new InfoFields(text.replaceAll(" ", "\n"));
  return { atMs, info, latency, slow: null, clients: null };
}

describe("numbers between two looks", () => {
  test("counters are rates a second, and hits a share of the interval's lookups", () => {
    const before = sample(1_000, "total_commands_processed:100 keyspace_hits:50 keyspace_misses:0");
    const now = sample(3_000, "total_commands_processed:500 keyspace_hits:80 keyspace_misses:10");
    expect(numbersOf(before, now)).toMatchObject({ requests: 200, hits: 0.75, evictions: null });
  });

  test("a counter that went back says nothing", () => {
    const before = sample(0, "total_commands_processed:100");
    expect(numbersOf(before, sample(1_000, "total_commands_processed:7")).requests).toBeNull();
  });

  test("the first look has levels and no rates", () => {
    const now = sample(0, "total_commands_processed:100 used_memory:5 maxmemory:0");
    expect(numbersOf(null, now)).toMatchObject({ requests: null, memory: 5, memoryLimit: null });
  });

  test("no lookup in the interval is no ratio", () => {
    const fields = "keyspace_hits:5 keyspace_misses:5";
    expect(numbersOf(sample(0, fields), sample(1_000, fields)).hits).toBeNull();
  });

  test("percentiles are of the interval, and of all since a reset", () => {
    const past: [number, number][] = [[8, 1_000]];
    const before = sample(0, "", past);
    const later = sample(1_000, "", [
      [8, 1_000],
      [64, 100],
    ]);
    expect(numbersOf(before, later).p50Us).toBeWithin(32, 65);
    expect(numbersOf(before, sample(1_000, "", [[64, 10]])).p50Us).toBeWithin(32, 65);
    expect(numbersOf(before, sample(1_000, "", past)).p99Us).toBeNull();
  });
});

describe("percentiles", () => {
  test("a value is between the bounds of its bucket", () => {
    const counts = new Map([
      [1, 50],
      [16, 49],
      [1024, 1],
    ]);
    expect(percentile(counts, 0.5)).toBeWithin(0.5, 1.01);
    expect(percentile(counts, 0.9)).toBeWithin(8, 16.01);
    expect(percentile(counts, 1)).toBe(1024);
    expect(percentile(null, 0.5)).toBeNull();
  });

  test("a histogram's counts are made single, and what top itself asks is left out", () => {
    const facts = (...pairs: [number, number][]) =>
      new Map<string, number | Map<number, number>>([["histogram_usec", new Map(pairs)]]);
    const reply = new Map([
      ["get", facts([1, 10], [2, 15])],
      ["set", facts([2, 5], [4, 6])],
      ["info", facts([1024, 9])],
      ["client|list", facts([1024, 9])],
    ]);
    expect([...(readLatency(reply as never) ?? [])]).toEqual([
      [1, 10],
      [2, 10],
      [4, 1],
    ]);
    expect(readLatency(null)).toBeNull();
  });
});

test("commands are those that ran, by the time they took", () => {
  const before = sample(0, "cmdstat_get:calls=10,usec=10 cmdstat_old:calls=9,usec=9");
  const now = sample(
    2_000,
    "cmdstat_get:calls=20,usec=40,failed_calls=4 cmdstat_old:calls=9,usec=9 cmdstat_set:calls=2,usec=90",
  );
  expect(commandsBetween(before, now)).toEqual([
    { name: "set", calls: 1, usPerCall: 45, share: 0.75, failed: 0 },
    { name: "get", calls: 5, usPerCall: 3, share: 0.25, failed: 2 },
  ]);
  expect(commandsBetween(null, now)).toEqual([]);
});
