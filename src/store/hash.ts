// Hot path: the hash of a key. HalfSipHash-1-4 by Aumasson and Bernstein, a pseudorandom function
// over 32-bit words: a client that chooses keys and sees bits of their hashes (SCAN reveals their
// order) learns nothing about the hashes of other keys. README.md says why 1-4, and has the costs
// of the alternatives. The reference design expands a 64-bit key to the four words of the initial
// state. A process draws all four words at random, which costs nothing and makes a search of all
// keys infeasible.
// Invariant: the same bytes and the same key give the same 32 bits in every thread.

/** The initial state: four words, which must stay secret. */
export type HashKey = readonly [number, number, number, number];

/** The initial state for a key of two words by the reference design: for tests and benchmarks. */
export function hashKeyOf(low: number, high: number): HashKey {
  return [low, high, low ^ 0x6c796765, high ^ 0x74656462];
}

/**
 * The initial state for the items of an identity other than 0: as if the key had a word before it.
 * With its length, which does not count that word, no key has the words of another identity's.
 */
export function hashKeyFor([first, second, third, fourth]: HashKey, identity: number): HashKey {
  let v0 = first;
  let v1 = second;
  let v2 = third;
  let v3 = fourth ^ identity;
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
  return [v0 ^ identity, v1, v2, v3];
}

export class Hasher {
  private readonly first: number;
  private readonly second: number;
  private readonly third: number;
  private readonly fourth: number;

  constructor(key: HashKey) {
    this.first = key[0] | 0;
    this.second = key[1] | 0;
    this.third = key[2] | 0;
    this.fourth = key[3] | 0;
  }

  /**
   * Words are assembled by shifts: a DataView would have to be created for each new array that a
   * socket delivers. The last rounds are unrolled in pairs: one by one they take longer.
   */
  hash(bytes: Uint8Array, start: number, end: number): number {
    let v0 = this.first;
    let v1 = this.second;
    let v2 = this.third;
    let v3 = this.fourth;
    let at = start;
    for (const stop = end - 3; at < stop; at += 4) {
      const word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    const word = lastWord(bytes, at, end, end - start);
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
    v2 ^= 0xff;
    for (let pairs = 0; pairs < 2; pairs++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    return v1 ^ v3;
  }
}

/** The remaining bytes, up to three, and the length. */
function lastWord(bytes: Uint8Array, at: number, end: number, length: number): number {
  const left = end - at;
  let word = length << 24;
  if (left > 0) word |= bytes[at];
  if (left > 1) word |= bytes[at + 1] << 8;
  if (left > 2) word |= bytes[at + 2] << 16;
  return word;
}

/** Murmur's finalizer: every input bit affects every output bit. */
export function scramble(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
