// How long the turns of a data thread take, where a turn is one `data` callback up to the end of
// its last command: a histogram of fixed size with buckets that grow by a quarter, which is also
// the precision of its percentiles.
// INFO's section `turns` shows it, and CONFIG RESETSTAT clears it.
// Hot path: record() keeps the time, and counts it with others later: command-times.ts says why.
// Counting takes leading zeros and looks at up to four limits; a logarithm takes longer.

const bucketsPerDoubling = 3;
const shortestMs = 0.001;
const bucketCount = 96; // up to 2^32 microseconds
/** The longest turn of each bucket, ms. */
const limits = Float64Array.from({ length: bucketCount }, (_, bucket) => upperMs(bucket));

/** Turns that record() keeps. */
const recentMax = 32;

export class TurnHistogram {
  private readonly recent = new Float64Array(recentMax);
  private recentCount = 0;
  private readonly counts = new Float64Array(bucketCount);
  private counted = 0;
  private longestMs = 0;
  private over10 = 0;
  private over50 = 0;

  record(ms: number): void {
    this.recent[this.recentCount++] = ms;
    if (this.recentCount === recentMax) this.settle();
  }

  /** Counts the recent turns. */
  private settle(): void {
    for (let i = 0; i < this.recentCount; i++) this.include(this.recent[i]);
    this.recentCount = 0;
  }

  private include(ms: number): void {
    this.counted++;
    if (ms > this.longestMs) this.longestMs = ms;
    if (ms > 10) this.over10++;
    if (ms > 50) this.over50++;
    this.counts[bucketOf(ms)]++;
  }

  get count(): number {
    return this.counted + this.recentCount;
  }

  get maxMs(): number {
    this.settle();
    return this.longestMs;
  }

  get over10Ms(): number {
    this.settle();
    return this.over10;
  }

  get over50Ms(): number {
    this.settle();
    return this.over50;
  }

  /** The time, rounded up to its bucket, that this share (0 to 1) of the turns did not exceed. */
  percentileMs(share: number): number {
    this.settle();
    let left = Math.ceil(this.counted * share);
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      left -= this.counts[bucket];
      if (left <= 0) return Math.min(upperMs(bucket), this.longestMs);
    }
    return this.longestMs;
  }

  reset(): void {
    this.recentCount = 0;
    this.counts.fill(0);
    this.counted = 0;
    this.longestMs = 0;
    this.over10 = 0;
    this.over50 = 0;
  }

  /** Adds the turns of another thread, whose histogram arrives without its methods. */
  add(other: TurnHistogram): void {
    for (let i = 0; i < bucketCount; i++) this.counts[i] += other.counts[i];
    this.counted += other.counted;
    this.longestMs = Math.max(this.longestMs, other.longestMs);
    this.over10 += other.over10;
    this.over50 += other.over50;
    for (let i = 0; i < other.recentCount; i++) this.include(other.recent[i]);
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
