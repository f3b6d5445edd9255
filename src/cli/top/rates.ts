// What a node did between two looks at it: counters become rates, histograms percentiles. Null
// means unknown: the server does not count it, this is the first look, or the counter went back
// because the node was restarted or its counters were reset.

import { type InfoFields, listOf, numberOf } from "../info-fields.ts";
import type { LatencyCounts, Sample } from "./sample.ts";

export interface NodeNumbers {
  readonly requests: number | null;
  /** Hits of all lookups, 0 to 1. */
  readonly hits: number | null;
  readonly memory: number | null;
  /** Null: no limit. */
  readonly memoryLimit: number | null;
  readonly evictions: number | null;
  readonly expirations: number | null;
  readonly clients: number | null;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
  readonly bytesIn: number | null;
  readonly bytesOut: number | null;
  readonly turns: number | null;
}

/** One command between two looks. */
export interface CommandNumbers {
  readonly name: string;
  readonly calls: number;
  readonly usPerCall: number;
  /** Of the time of all commands. */
  readonly share: number;
  readonly failed: number;
}

export function numbersOf(before: Sample | null, now: Sample): NodeNumbers {
  const rate = (name: string) => rateOf(before, now, (info) => info.number(name));
  const hits = rate("keyspace_hits");
  const misses = rate("keyspace_misses");
  const lookups = (hits ?? 0) + (misses ?? 0);
  const limit = now.info.number("maxmemory");
  const latencies = latencyBetween(before?.latency ?? null, now.latency);
  return {
    requests: rate("total_commands_processed"),
    hits: hits === null || misses === null || lookups === 0 ? null : hits / lookups,
    memory: now.info.number("used_memory"),
    memoryLimit: limit === 0 ? null : limit,
    evictions: rate("evicted_keys"),
    expirations: rate("expired_keys"),
    clients: now.info.number("connected_clients"),
    p50Us: percentile(latencies, 0.5),
    p99Us: percentile(latencies, 0.99),
    bytesIn: rate("total_net_input_bytes"),
    bytesOut: rate("total_net_output_bytes"),
    turns: rate("turn_count"),
  };
}

/** The commands that ran between the looks, those first that took most time. */
export function commandsBetween(before: Sample | null, now: Sample): CommandNumbers[] {
  if (before === null) return [];
  const seconds = (now.atMs - before.atMs) / 1_000;
  const earlier = new Map(before.info.after("cmdstat_"));
  const found = now.info.after("cmdstat_").map(([name, line]) => {
    const present = commandCounters(line);
    const past = commandCounters(earlier.get(name) ?? "");
    const [calls = 0, us = 0, failed = 0] = present.map((value, i) => value - (past[i] ?? 0));
    return { name, calls, us, failed };
  });
  const ran = found.filter(({ calls, us }) => calls > 0 && us >= 0);
  const total = ran.reduce((sum, { us }) => sum + us, 0);
  return ran
    .toSorted((one, other) => other.us - one.us || other.calls - one.calls)
    .map(({ name, calls, us, failed }) => ({
      name,
      calls: calls / seconds,
      usPerCall: us / calls,
      share: total === 0 ? 0 : us / total,
      failed: failed / seconds,
    }));
}

/**
 * The value below which this share of the counts is. A bucket says only that its counts are between
 * the bound before it and its own, so the value between is estimated. Null: there are no counts.
 */
export function percentile(counts: LatencyCounts | null, share: number): number | null {
  if (counts === null) return null;
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let missing = total * share;
  let largest = 0;
  for (const [bound, count] of counts) {
    largest = bound;
    // Bounds are powers of two, and a server leaves empty buckets out.
    if (missing <= count) return bound / 2 + (bound / 2) * (missing / count);
    missing -= count;
  }
  return largest;
}

// --- internal ---

/** A second. */
function rateOf(
  before: Sample | null,
  now: Sample,
  read: (info: InfoFields) => number | null,
): number | null {
  const past = before === null ? null : read(before.info);
  const present = read(now.info);
  if (before === null || past === null || present === null || present < past) return null;
  const seconds = (now.atMs - before.atMs) / 1_000;
  return seconds > 0 ? (present - past) / seconds : null;
}

function latencyBetween(before: LatencyCounts | null, now: LatencyCounts | null) {
  if (before === null || now === null) return null;
  const between = [...now].map(([bound, count]): [number, number] => {
    return [bound, count - (before.get(bound) ?? 0)];
  });
  // After a reset the counters begin anew, and what they hold is younger than the first look.
  return between.some(([, count]) => count < 0) ? now : new Map(between);
}

function commandCounters(line: string): number[] {
  const facts = listOf(line);
  return ["calls", "usec", "failed_calls"].map((name) => numberOf(facts.get(name)) ?? 0);
}
