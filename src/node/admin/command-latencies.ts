// Latencies by command over a span of time: the difference of two looks at the histograms, which
// only grow. All commands together are for latency-window.ts. Pure.

import {
  type CommandHistogram,
  type Histogram,
  percentileUsec,
  totalOf,
} from "../../command/timing/latency-histogram.ts";
import type { CommandLatency } from "./observations.ts";

/** The commands that ran between the two, the most frequent first. */
export function latenciesBetween(
  before: readonly CommandHistogram[],
  after: readonly CommandHistogram[],
): CommandLatency[] {
  const known = new Map(before.map(({ name, counts }) => [name, counts]));
  const found = after.map(({ name, counts }) => latencyOf(name, since(known.get(name), counts)));
  return found.filter(({ calls }) => calls > 0).sort((a, b) => b.calls - a.calls);
}

/** After CONFIG RESETSTAT counts are smaller than before, and begin anew. */
function since(before: Histogram | undefined, after: Histogram): Histogram {
  if (before === undefined) return after;
  const fresh = after.map((count, bucket) => count - before[bucket]);
  return fresh.some((count) => count < 0) ? after : fresh;
}

function latencyOf(name: string, counts: Histogram): CommandLatency {
  const calls = totalOf(counts);
  const at = (percent: number) => (calls === 0 ? 0 : percentileUsec(counts, percent));
  return { command: name.replace("|", " "), calls, p50: at(50), p99: at(99), p999: at(99.9) };
}
