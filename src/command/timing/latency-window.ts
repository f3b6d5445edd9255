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

export class LatencyWindow {
  /** Of all commands together, oldest first: one more than there are spans between them. */
  private readonly sums: Histogram[] = [];

  add(histograms: readonly CommandHistogram[]): void {
    const sum = emptyHistogram();
    for (const { counts } of histograms) addHistogram(sum, counts);
    // After CONFIG RESETSTAT all begins anew.
    if (totalOf(sum) < totalOf(this.sums.at(-1) ?? sum)) this.sums.length = 0;
    this.sums.push(sum);
    if (this.sums.length > samplesMax + 1) this.sums.shift();
  }

  /** Of the last spans between two samples, as far as there are so many; null before the second. */
  last(spans: number): Percentiles | null {
    const { sums } = this;
    if (sums.length < 2) return null;
    const before = sums[Math.max(0, sums.length - 1 - spans)];
    const counts = sums[sums.length - 1].map((count, bucket) =>
      Math.max(0, count - before[bucket]),
    );
    const commands = totalOf(counts);
    const at = (percent: number) => (commands === 0 ? null : percentileUsec(counts, percent));
    return { commands, p50: at(50), p99: at(99), p999: at(99.9) };
  }
}
