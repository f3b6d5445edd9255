// How long the turns of a data thread take, where a turn is one `data` callback up to the end of
// its last command: a histogram of fixed size with buckets that grow by a quarter, which is also
// the precision of its percentiles.
// INFO's section `turns` shows it, and CONFIG RESETSTAT clears it.
// Hot path: record() counts leading zeros and looks at up to four limits; a logarithm takes longer.

const bucketsPerDoubling = 3;
const shortestMs = 0.001;
const bucketCount = 96; // up to 2^32 microseconds
/** The longest turn of each bucket, ms. */
const limits = Float64Array.from({ length: bucketCount }, (_, bucket) => upperMs(bucket));

export class TurnHistogram {
  private readonly counts = new Float64Array(bucketCount);
  count = 0;
  maxMs = 0;
  over10Ms = 0;
  over50Ms = 0;

  record(ms: number): void {
    this.count++;
    if (ms > this.maxMs) this.maxMs = ms;
    if (ms > 10) this.over10Ms++;
    if (ms > 50) this.over50Ms++;
    this.counts[bucketOf(ms)]++;
  }

  /** The time, rounded up to its bucket, that this share (0 to 1) of the turns did not exceed. */
  percentileMs(share: number): number {
    let left = Math.ceil(this.count * share);
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      left -= this.counts[bucket];
      if (left <= 0) return Math.min(upperMs(bucket), this.maxMs);
    }
    return this.maxMs;
  }

  reset(): void {
    this.counts.fill(0);
    this.count = 0;
    this.maxMs = 0;
    this.over10Ms = 0;
    this.over50Ms = 0;
  }

  /** Adds the counts of another thread. */
  add(other: TurnHistogram): void {
    for (let i = 0; i < bucketCount; i++) this.counts[i] += other.counts[i];
    this.count += other.count;
    this.maxMs = Math.max(this.maxMs, other.maxMs);
    this.over10Ms += other.over10Ms;
    this.over50Ms += other.over50Ms;
  }
}

function bucketOf(ms: number): number {
  if (ms <= shortestMs) return 0;
  let bucket = (31 - Math.clz32(ms / shortestMs)) * bucketsPerDoubling;
  while (bucket < bucketCount - 1 && ms > limits[bucket]) bucket++;
  return Math.min(bucket, bucketCount - 1);
}

function upperMs(bucket: number): number {
  return shortestMs * 2 ** (bucket / bucketsPerDoubling);
}
