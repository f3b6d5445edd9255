// How long commands took lately: percentiles over the last samples, from histograms that only grow.
// It keeps the sums of the last few samples, whatever the number of commands, and has no clock: the
// caller adds a sample at even times.

import {
  addHistogram,
  type CommandHistogram,
  emptyHistogram,
  type Histogram,
  percentileUsec,
  totalOf,
} from "./latency-histogram.ts";

/** Microseconds, rounded up to their buckets; null if no command ran. */
export interface Percentiles {
  readonly commands: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
}

const samplesMax = 10;

/** Of all commands together. */
interface Sum {
  readonly counts: Histogram;
  readonly total: number;
}

export class LatencyWindow {
  /** Oldest first: one more than there are spans between them. */
  private readonly sums: Sum[] = [];

  add(histograms: readonly CommandHistogram[]): void {
    const counts = emptyHistogram();
    for (const each of histograms) addHistogram(counts, each.counts);
    const total = totalOf(counts);
    // After CONFIG RESETSTAT all begins anew.
    if (total < (this.sums.at(-1)?.total ?? 0)) this.sums.length = 0;
    this.sums.push({ counts, total });
    if (this.sums.length > samplesMax + 1) this.sums.shift();
  }

  /** Of the last spans between two samples, as far as there are so many; null before the second. */
  last(spans: number): Percentiles | null {
    const { sums } = this;
    if (sums.length < 2) return null;
    const before = sums[Math.max(0, sums.length - 1 - spans)];
    const now = sums[sums.length - 1];
    if (now.total === before.total) return { commands: 0, p50: null, p99: null, p999: null };
    const counts = now.counts.map((count, bucket) => Math.max(0, count - before.counts[bucket]));
    const at = (percent: number) => percentileUsec(counts, percent);
    return { commands: totalOf(counts), p50: at(50), p99: at(99), p999: at(99.9) };
  }
}
