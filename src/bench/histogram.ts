// A latency histogram with constant time per value and constant memory. Buckets are linear below
// 12.8 microseconds, and there are 64 for each power of two above, so a percentile is exact to 0.1
// microseconds or 1.6 percent. It does not measure time.
// Invariant: `count` is the sum of all buckets.
// Hot path: record().

const unitsPerMs = 10_000;
const linearBuckets = 128;
const bucketsPerOctave = 64;
// 31 bits of 100 ns units: 214 seconds, longer than any request may take.
const unitsMax = 0x7fffffff;
const bucketCount = bucketOf(unitsMax) + 1;

/** `clz32` finds the octave without a loop or a logarithm. */
function bucketOf(units: number): number {
  if (units < linearBuckets) return units;
  const shift = 25 - Math.clz32(units);
  return shift * bucketsPerOctave + (units >>> shift);
}

/** The largest number of units in a bucket. */
function bucketEnd(bucket: number): number {
  if (bucket < linearBuckets) return bucket;
  const shift = Math.floor(bucket / bucketsPerOctave) - 1;
  return (bucket - shift * bucketsPerOctave + 1) * 2 ** shift - 1;
}

export class Histogram {
  private readonly buckets = new Float64Array(bucketCount);
  private total = 0;
  private sumMs = 0;
  private maxMs = 0;

  get count(): number {
    return this.total;
  }

  get maxMicros(): number {
    return this.maxMs * 1000;
  }

  get meanMicros(): number {
    return this.total === 0 ? 0 : (this.sumMs / this.total) * 1000;
  }

  /** Records `times` requests that each took `ms`. */
  record(ms: number, times: number): void {
    const units = Math.min(Math.max(Math.floor(ms * unitsPerMs), 0), unitsMax);
    this.buckets[bucketOf(units)] += times;
    this.total += times;
    this.sumMs += ms * times;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  /** The latency in microseconds that `percent` of the requests did not exceed. */
  percentileMicros(percent: number): number {
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.total));
    let seen = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      seen += this.buckets[bucket];
      if (seen >= wanted) {
        return Math.min(((bucketEnd(bucket) + 1) / unitsPerMs) * 1000, this.maxMicros);
      }
    }
    return this.maxMicros;
  }

  add(other: Histogram): void {
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      this.buckets[bucket] += other.buckets[bucket];
    }
    this.total += other.total;
    this.sumMs += other.sumMs;
    this.maxMs = Math.max(this.maxMs, other.maxMs);
  }
}

/** The percentiles in every report. */
const percentiles = [50, 90, 99, 99.9, 99.99] as const;

export interface LatencySummary {
  readonly meanMicros: number;
  readonly p50Micros: number;
  readonly p90Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
  readonly p9999Micros: number;
  readonly maxMicros: number;
}

export function summarize(histogram: Histogram): LatencySummary {
  const [p50, p90, p99, p999, p9999] = percentiles.map((p) => round(histogram.percentileMicros(p)));
  return {
    meanMicros: round(histogram.meanMicros),
    p50Micros: p50,
    p90Micros: p90,
    p99Micros: p99,
    p999Micros: p999,
    p9999Micros: p9999,
    maxMicros: round(histogram.maxMicros),
  };
}

function round(micros: number): number {
  return Math.round(micros * 10) / 10;
}
