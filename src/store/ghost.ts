// The ghosts of one shard: fingerprints of the keys that left the small queue lately, so that a key
// which comes back soon enters the main queue at once. Buckets of 32 fingerprints of 16 bits, each a
// small FIFO; it holds about as many ghosts as the shard holds items and forgets the oldest. A false
// match (one in 2,000 lookups) only puts an item into the wrong queue.
// Invariant: its buckets are counted as used memory; it never holds a fingerprint 0, which is empty.

import { addressOf } from "./bucket-index.ts";
import { scramble } from "./hash.ts";
import {
  GHOST_BUCKETS,
  GHOST_MASK,
  ghostsPerBucket,
  ITEMS,
  USED_UNITS,
  unitBytes,
} from "./memory.ts";

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
    const base = this.#baseOf(mixed);
    const fingerprints = this.#fingerprints;
    fingerprints.copyWithin(base + 1, base, base + ghostsPerBucket - 1);
    fingerprints[base] = fingerprintOf(mixed);
  }

  /** Whether the key left the small queue lately; if so it is forgotten. */
  recall(hash: number): boolean {
    if (this.#state[GHOST_BUCKETS] === 0) return false;
    const mixed = mix(hash);
    const base = this.#baseOf(mixed);
    const fingerprints = this.#fingerprints;
    const wanted = fingerprintOf(mixed);
    for (let at = base; at < base + ghostsPerBucket; at++) {
      if (fingerprints[at] !== wanted) continue;
      fingerprints.copyWithin(at, at + 1, base + ghostsPerBucket);
      fingerprints[base + ghostsPerBucket - 1] = 0;
      return true;
    }
    return false;
  }

  #baseOf(mixed: number): number {
    const bucket = addressOf(mixed, this.#state[GHOST_MASK], this.#state[GHOST_BUCKETS]);
    return bucket * ghostsPerBucket;
  }

  /**
   * One bucket more or less, so that there is one ghost for each item. A new bucket begins as a copy of
   * the one whose keys it takes over: a fingerprint does not say to which of the two it belongs, and
   * the copy in the wrong one is never asked for and ages out.
   */
  #resize(): void {
    const state = this.#state;
    const buckets = state[GHOST_BUCKETS];
    const wanted = Math.min(this.#total, Math.ceil(state[ITEMS] / ghostsPerBucket));
    if (buckets < wanted || buckets === 0) this.#add(buckets);
    else if (buckets > wanted * 2) this.#drop(buckets - 1);
  }

  #add(created: number): void {
    const state = this.#state;
    if (created > state[GHOST_MASK]) state[GHOST_MASK] = state[GHOST_MASK] * 2 + 1;
    const source = (created & (state[GHOST_MASK] >>> 1)) * ghostsPerBucket;
    const target = created * ghostsPerBucket;
    if (created === 0) this.#fingerprints.fill(0, 0, ghostsPerBucket);
    else this.#fingerprints.copyWithin(target, source, source + ghostsPerBucket);
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
