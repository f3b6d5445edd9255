// The ghosts of one shard: fingerprints of the keys that left the small queue lately, so that a key
// which comes back soon enters the main queue at once. Buckets of four rings of seven fingerprints
// of 16 bits; they hold nearly as many ghosts as the shard holds items and forget the oldest. A
// false match (one in 2,000 lookups) only puts an item into the wrong queue. Rings of seven are a
// third cheaper to search than one of 31 and recall as many (hit ratios within 0.05 points,
// measured).
// Invariant: its buckets are counted as used memory; it never holds a fingerprint 0, which is
// empty.

import { addressOf } from "./bucket-index.ts";
import { scramble } from "./hash.ts";
import { GHOST_BUCKETS, GHOST_MASK, ITEMS, USED_UNITS, unitBytes } from "./memory.ts";

/** 16-bit words of a bucket, which is a cache line; about one for each item of the shard. */
const bucketWords = 32;
/** Words of a ring: its turn, which is the place that the next ghost takes, and the ghosts. */
const ringWords = 8;
const ringGhosts = ringWords - 1;

export class Ghosts {
  readonly #fingerprints: Uint16Array;
  readonly #state: Int32Array;
  readonly #global: Int32Array;
  readonly #total: number;

  constructor(buffer: SharedArrayBuffer, state: Int32Array, global: Int32Array) {
    this.#fingerprints = new Uint16Array(buffer);
    this.#state = state;
    this.#global = global;
    this.#total = buffer.byteLength / unitBytes;
  }

  get buckets(): number {
    return this.#state[GHOST_BUCKETS];
  }

  remember(hash: number): void {
    this.#resize();
    const mixed = mix(hash);
    const ring = this.#ringOf(mixed);
    const fingerprints = this.#fingerprints;
    const turn = fingerprints[ring];
    fingerprints[ring] = turn + 1 === ringGhosts ? 0 : turn + 1;
    fingerprints[ring + 1 + turn] = fingerprintOf(mixed);
  }

  /** A word of the ring where the key's ghost would be: reading it has the bucket in the cache. */
  touch(hash: number): number {
    return this.#fingerprints[this.#ringOf(mix(hash))];
  }

  /** Whether the key left the small queue lately; if so it is forgotten. */
  recall(hash: number): boolean {
    if (this.#state[GHOST_BUCKETS] === 0) return false;
    const mixed = mix(hash);
    const ring = this.#ringOf(mixed);
    const fingerprints = this.#fingerprints;
    const wanted = fingerprintOf(mixed);
    for (let at = ring + 1; at < ring + ringWords; at++) {
      if (fingerprints[at] !== wanted) continue;
      fingerprints[at] = 0;
      return true;
    }
    return false;
  }

  /** Which of the bucket's rings is named by two bits of the fingerprint. */
  #ringOf(mixed: number): number {
    const bucket = addressOf(mixed, this.#state[GHOST_MASK], this.#state[GHOST_BUCKETS]);
    return bucket * bucketWords + ((mixed >>> 13) & (bucketWords - ringWords));
  }

  /**
   * One bucket more or less, so that there is one word for each item. A new bucket begins as a copy
   * of the one whose keys it takes over: a fingerprint does not say to which of the two it belongs,
   * and the copy in the wrong one is never asked for and ages out.
   */
  #resize(): void {
    const state = this.#state;
    const buckets = state[GHOST_BUCKETS];
    const wanted = Math.min(this.#total, Math.ceil(state[ITEMS] / bucketWords));
    if (buckets < wanted || buckets === 0) this.#add(buckets);
    else if (buckets > wanted * 2) this.#drop(buckets - 1);
  }

  #add(created: number): void {
    const state = this.#state;
    if (created > state[GHOST_MASK]) state[GHOST_MASK] = state[GHOST_MASK] * 2 + 1;
    const source = (created & (state[GHOST_MASK] >>> 1)) * bucketWords;
    const target = created * bucketWords;
    if (created === 0) this.#fingerprints.fill(0, 0, bucketWords);
    else this.#fingerprints.copyWithin(target, source, source + bucketWords);
    state[GHOST_BUCKETS] = created + 1;
    Atomics.add(this.#global, USED_UNITS, 1);
  }

  #drop(last: number): void {
    const state = this.#state;
    const half = state[GHOST_MASK] >>> 1;
    state[GHOST_BUCKETS] = last;
    if (last === half + 1) state[GHOST_MASK] = half;
    Atomics.sub(this.#global, USED_UNITS, 1);
  }
}

/** Other bits than those that name shard and bucket, which all keys of a bucket share. */
function mix(hash: number): number {
  return scramble(hash ^ 0x5f356495);
}

function fingerprintOf(mixed: number): number {
  return mixed >>> 16 || 1;
}
