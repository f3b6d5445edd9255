// How often the calls of one command took how long: four buckets for each doubling of the time, so
// a percentile is at most a fifth above the truth. LATENCY HISTOGRAM and INFO latencystats show it.
// Hot path: bucketOf() once for each batch; a call is an increment.

const bucketsPerDoubling = 4;
/** The bounds reach from 2^-4 to 2^32 microseconds. */
const lowestExponent = -4;
const highestExponent = 32;
const bucketCount = (highestExponent - lowestExponent) * bucketsPerDoubling + 1;

export type Histogram = Float64Array;

/** Plain data: threads post it to each other. */
export interface CommandHistogram {
  readonly name: string;
  readonly counts: Histogram;
}

export function emptyHistogram(): Histogram {
  return new Float64Array(bucketCount);
}

/** The upper bound of each bucket, microseconds. */
const bounds = Float64Array.from({ length: bucketCount }, (_, bucket) => upperUsec(bucket));
/** Times whose units of the lowest bound fit into 31 bits: up to two minutes. */
const ordinaryUsecMax = 2 ** (31 + lowestExponent);

/**
 * The bucket whose upper bound is the first that is not below this time. Leading zeros give its
 * doubling: a logarithm takes longer.
 */
export function bucketOf(usec: number): number {
  if (usec > ordinaryUsecMax) return bucketOfLong(usec);
  if (!(usec > bounds[0])) return 0;
  let bucket = (31 - Math.clz32(usec * 2 ** -lowestExponent)) * bucketsPerDoubling;
  while (usec > bounds[bucket]) bucket++;
  return bucket;
}

function bucketOfLong(usec: number): number {
  const bucket = Math.ceil((Math.log2(usec) - lowestExponent) * bucketsPerDoubling);
  return bucket < bucketCount ? bucket : bucketCount - 1;
}

function upperUsec(bucket: number): number {
  return 2 ** (lowestExponent + bucket / bucketsPerDoubling);
}

export function totalOf(counts: Histogram): number {
  let sum = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) sum += counts[bucket];
  return sum;
}

/** The time, rounded up to its bucket, that this share (0 to 100) of the calls did not exceed. */
export function percentileUsec(counts: Histogram, percent: number): number {
  let left = Math.max(1, Math.ceil((totalOf(counts) * percent) / 100));
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    left -= counts[bucket];
    if (left <= 0) return upperUsec(bucket);
  }
  return upperUsec(bucketCount - 1);
}

/** Up to each of these buckets, which ascend, how many calls there are. */
export function countsUpTo(counts: Histogram, buckets: readonly number[]): number[] {
  let sum = 0;
  let next = 0;
  const sums: number[] = [];
  for (const bucket of buckets) {
    while (next <= bucket) sum += counts[next++];
    sums.push(sum);
  }
  return sums;
}

/**
 * Powers of two in microseconds with the calls that took no longer, where there are more than up to
 * the one before, as Redis tells them.
 */
export function cumulated(counts: Histogram): [upTo: number, calls: number][] {
  const found: [number, number][] = [];
  let sum = 0;
  let told = 0;
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    sum += counts[bucket];
    const upTo = upperUsec(bucket);
    if (bucket % bucketsPerDoubling !== 0 || upTo < 1 || sum === told) continue;
    found.push([upTo, sum]);
    told = sum;
  }
  return found;
}

/** The sums over all threads, in the order of `all`. */
export function addHistograms(all: readonly CommandHistogram[]): CommandHistogram[] {
  const sums = new Map<string, Histogram>();
  for (const { name, counts } of all) {
    const sum = sums.get(name) ?? emptyHistogram();
    sums.set(name, sum);
    addHistogram(sum, counts);
  }
  return [...sums].map(([name, counts]) => ({ name, counts }));
}

export function addHistogram(sum: Histogram, counts: Histogram): void {
  for (let i = 0; i < bucketCount; i++) sum[i] += counts[i];
}
