// Latencies of the last seconds: the difference of two replies of LATENCY HISTOGRAM, whose counts
// only grow. Its buckets are powers of two, so a percentile is interpolated within one. Pure.

import type { Json } from "../node/admin/observations.ts";

/** How many calls took at most so many microseconds, and more than half of that. */
export type Buckets = ReadonlyMap<number, number>;
export type Histograms = ReadonlyMap<string, Buckets>;

export interface Latency {
  readonly command: string;
  readonly calls: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** `{ get: { calls: 3, histogram_usec: { "1": 2, "2": 3 } } }`, cumulated as Redis tells it. */
export function histogramsIn(reply: Json): Histograms {
  const found = Object.entries((reply ?? {}) as Record<string, { histogram_usec: object }>);
  return new Map(found.map(([name, told]) => [name, bucketsOf(told.histogram_usec)]));
}

function bucketsOf(cumulated: object): Buckets {
  const pairs = Object.entries(cumulated).map(([bound, count]) => [Number(bound), Number(count)]);
  pairs.sort(([a], [b]) => a - b);
  return new Map(pairs.map(([bound, count], i) => [bound, count - (pairs[i - 1]?.[1] ?? 0)]));
}

/** The commands that ran between the two, the most frequent first. */
export function latenciesBetween(before: Histograms, after: Histograms): Latency[] {
  const found = [...after].map(([name, buckets]) => {
    const fresh = difference(before.get(name), buckets);
    return latencyOf(name.replace("|", " "), fresh);
  });
  return found.filter(({ calls }) => calls > 0).sort((a, b) => b.calls - a.calls);
}

/** After CONFIG RESETSTAT counts are smaller than before, and begin anew. */
function difference(before: Buckets | undefined, after: Buckets): Buckets {
  if (before === undefined) return after;
  const pairs = [...after].map(
    ([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const,
  );
  return pairs.some(([, count]) => count < 0) ? after : new Map(pairs);
}

function latencyOf(command: string, buckets: Buckets): Latency {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const calls = sorted.reduce((sum, [, count]) => sum + count, 0);
  const at = (share: number) => percentile(sorted, calls * share);
  return { command, calls, p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}

function percentile(sorted: readonly (readonly [number, number])[], rank: number): number {
  let passed = 0;
  for (const [bound, count] of sorted) {
    if (count > 0 && passed + count >= rank) {
      return bound / 2 + (bound / 2) * ((rank - passed) / count);
    }
    passed += count;
  }
  return Number.NaN;
}
