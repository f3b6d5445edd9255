// The description of a load: protocol, keys, values, and the mix of reads and writes. It provides
// the description, its checks and the length of each value. It does not encode, send or time
// anything.
// Invariant: the length of a value follows from its key alone, so a reply can be checked without
// remembering what was written.

export const GET = 0;
export const SET = 1;

export const protocols = ["resp", "memcache"] as const;
export const keyPatterns = ["uniform", "zipf", "sequential"] as const;

export type Protocol = (typeof protocols)[number];
export type KeyPattern = (typeof keyPatterns)[number];

export interface Workload {
  readonly protocol: Protocol;
  /** Number of different keys. */
  readonly keys: number;
  readonly keyLengthBytes: number;
  readonly pattern: KeyPattern;
  /** Exponent of the zipf pattern: 0 is uniform, 0.99 is the usual skew of a cache. */
  readonly zipfExponent: number;
  /** Smallest and largest value size; lengths between them are log-uniform. */
  readonly valueBytesMin: number;
  readonly valueBytesMax: number;
  /** Reads and writes in each round of the mix: 10 and 1 are the usual 10:1. */
  readonly gets: number;
  readonly sets: number;
  /** TTL of written items in seconds; 0 for no expiry. */
  readonly ttlSeconds: number;
  /** Requests per write. A connection waits for all their replies before its next write. */
  readonly depth: number;
  /** Stamp each value with its key and check every byte of the values read. */
  readonly verify: boolean;
  readonly seed: number;
}

export const defaultWorkload: Workload = {
  protocol: "resp",
  keys: 100_000,
  keyLengthBytes: 20,
  pattern: "uniform",
  zipfExponent: 0.99,
  valueBytesMin: 100,
  valueBytesMax: 100,
  gets: 10,
  sets: 1,
  ttlSeconds: 0,
  depth: 1,
  verify: false,
  seed: 1,
};

/** An invalid option or a server that cannot be measured. The message is one sentence. */
export class BenchError extends Error {
  override readonly name = "BenchError";
}

interface Bound {
  readonly field: keyof Workload & string;
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

// The upper bounds keep one block of requests and the tables of a run within memory.
const bounds: readonly Bound[] = [
  { field: "keys", name: "number of keys", min: 1, max: 1_000_000_000 },
  { field: "keyLengthBytes", name: "key length", min: 1, max: 65_536 },
  { field: "valueBytesMin", name: "smallest value size", min: 0, max: 67_108_864 },
  { field: "valueBytesMax", name: "largest value size", min: 0, max: 67_108_864 },
  { field: "gets", name: "share of reads", min: 0, max: 1000 },
  { field: "sets", name: "share of writes", min: 0, max: 1000 },
  { field: "ttlSeconds", name: "TTL", min: 0, max: 2_147_483_647 },
  { field: "depth", name: "pipeline depth", min: 1, max: 10_000 },
  { field: "seed", name: "seed", min: 0, max: 4_294_967_295 },
];

const blockBytesMax = 512 * 1024 * 1024;
const memcacheKeyBytesMax = 250;
const memcacheTtlSecondsMax = 30 * 24 * 3600; // above it the number means a date

export function checkWorkload(workload: Workload): void {
  for (const { field, name, min, max } of bounds) {
    const value = workload[field];
    if (!Number.isSafeInteger(value) || Number(value) < min || Number(value) > max) {
      throw new BenchError(
        `the ${name} must be a whole number from ${min} to ${max}, not ${value}`,
      );
    }
  }
  checkCombination(workload);
  if (workload.protocol === "memcache") checkMemcache(workload);
}

function checkCombination(workload: Workload): void {
  const digits = String(workload.keys - 1).length;
  if (workload.keyLengthBytes < digits) {
    throw new BenchError(`${workload.keys} keys need a key length of at least ${digits} bytes`);
  }
  if (workload.valueBytesMin > workload.valueBytesMax) {
    throw new BenchError("the smallest value is larger than the largest");
  }
  if (workload.gets + workload.sets === 0) {
    throw new BenchError("the ratio of reads to writes must not be 0:0");
  }
  if (!(workload.zipfExponent >= 0 && workload.zipfExponent <= 10)) {
    throw new BenchError(`the zipf exponent must be from 0 to 10, not ${workload.zipfExponent}`);
  }
  if (workload.depth * (workload.valueBytesMax + workload.keyLengthBytes) > blockBytesMax) {
    throw new BenchError("pipeline depth times value size must stay below 512 MiB");
  }
}

function checkMemcache(workload: Workload): void {
  if (workload.keyLengthBytes > memcacheKeyBytesMax) {
    throw new BenchError(`a memcached key has at most ${memcacheKeyBytesMax} bytes`);
  }
  if (workload.ttlSeconds > memcacheTtlSecondsMax) {
    throw new BenchError("memcached reads an expiry above 30 days as a date");
  }
}

/** Hashes a number to a well-mixed unsigned 32-bit number. */
export function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** The value length of a key: log-uniform, because sizes in a real cache span magnitudes. */
export function valueLength(workload: Workload, key: number): number {
  const { valueBytesMin: min, valueBytesMax: max } = workload;
  if (min === max) return min;
  const share = mix(key + 1) / 4_294_967_296;
  const length = (min + 1) * ((max + 2) / (min + 1)) ** share - 1;
  return Math.min(max, Math.floor(length));
}
