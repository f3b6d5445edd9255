// Maps an element of a HyperLogLog to its register and rank. The hash is the 64-bit MurmurHash2
// with Redis's seed, so that an element has the same register on every node. It does not know how
// registers are stored. The hash is computed in two 32-bit halves: with bigints, a stream of PFADD
// leaves ten times its own size as garbage, and the collector hardly runs beside shared memory.

export const registerBits = 14;
export const registerCount = 1 << registerBits;
/** Bits of the hash that remain for the rank. */
export const rankBits = 64 - registerBits;

const SEED = 0xadc83b19;
const MULTIPLIER_HIGH = 0xc6a4a793;
const MULTIPLIER_LOW = 0x5bd1e995;
const wordBytes = 8;

/** Scratch of one call: the operand of multiply() and mix(). */
let high = 0;
let low = 0;

/**
 * The register of an element in the lower 14 bits and its rank above them: one more than the number
 * of trailing zeros in the remaining bits of the hash, so 1 to 51.
 */
export function placeOf(bytes: Uint8Array, start: number, end: number): number {
  hashOf(bytes, start, end);
  const register = low & (registerCount - 1);
  const restLow = (low >>> registerBits) | (high << (32 - registerBits));
  const restHigh = high >>> registerBits;
  let zeros = rankBits;
  if (restLow !== 0) zeros = trailingZeros(restLow);
  else if (restHigh !== 0) zeros = 32 + trailingZeros(restHigh);
  return register | ((zeros + 1) << registerBits);
}

function trailingZeros(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

/** The hash as one number. */
export function murmur64(bytes: Uint8Array, start: number, end: number): bigint {
  hashOf(bytes, start, end);
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function hashOf(bytes: Uint8Array, start: number, end: number): void {
  const tail = end - ((end - start) % wordBytes);
  high = 0;
  low = end - start;
  multiply();
  let hashHigh = high;
  let hashLow = low ^ SEED;
  for (let at = start; at < tail; at += wordBytes) {
    low = littleEndian(bytes, at, at + 4);
    high = littleEndian(bytes, at + 4, at + 8);
    multiply();
    mix();
    multiply();
    high ^= hashHigh;
    low ^= hashLow;
    multiply();
    hashHigh = high;
    hashLow = low;
  }
  high = hashHigh;
  low = hashLow;
  if (tail < end) {
    low ^= littleEndian(bytes, tail, Math.min(end, tail + 4));
    high ^= littleEndian(bytes, tail + 4, end);
    multiply();
  }
  mix();
  multiply();
  mix();
}

function littleEndian(bytes: Uint8Array, start: number, end: number): number {
  let word = 0;
  for (let at = start; at < end; at++) word |= bytes[at] << (8 * (at - start));
  return word;
}

/**
 * Modulo 2^64. Products of 16-bit halves are exact in a double, and so are sums of a few of them.
 */
function multiply(): void {
  const a = low & 0xffff;
  const b = low >>> 16;
  const c = MULTIPLIER_LOW & 0xffff;
  const d = MULTIPLIER_LOW >>> 16;
  const lowest = a * c;
  const middle = a * d + b * c + Math.floor(lowest / 0x10000);
  const carry = b * d + Math.floor(middle / 0x10000);
  high = (carry + Math.imul(high, MULTIPLIER_LOW) + Math.imul(low, MULTIPLIER_HIGH)) | 0;
  low = (lowest & 0xffff) | (middle << 16);
}

/** Folds the upper 17 bits in at the low end. */
function mix(): void {
  low ^= high >>> 15;
}
