// Hot path: the index of one shard. Linear hashing over buckets of one cache line, each with seven
// entries and a link to an overflow bucket; it grows and shrinks one bucket at a time. It compares
// no keys: an entry is a location and a word with 26 hash bits, flags and the use counter, enough
// to split a bucket without reading an item.
// Invariants: the entries of a bucket's chain are packed, so the first empty one ends it; a chain
// has no empty overflow bucket; every bucket is cleared when it is taken, never before.

import { chainBucketsMax } from "../base/limits.ts";
import {
  BUCKET_MASK,
  BUCKETS,
  bucketsFirst,
  bucketWords,
  ITEMS,
  OVERFLOW_FREE,
  OVERFLOW_IN_USE,
  OVERFLOW_LOW,
  USED_UNITS,
} from "./memory.ts";

// ---- an entry: words[slot] is its meta word, words[slot + LOCATION] its location ----------------

/** S3-FIFO's counter: uses since the item entered its queue, saturating. */
export const USES_MASK = 3;
export const usesMax = 3;
/** The item is in the main queue; otherwise it is in the small one. */
export const IN_MAIN = 4;
/** The item has an expiry: the sweeper skips the others without reading them. */
export const EXPIRING = 8;
export const USED = 16;
/** The item is FOREIGN (item.ts): of a database with another identity than 0. */
export const FOREIGN_ENTRY = 32;
const HASH_SHIFT = 6;
/** The bits in which an entry must match a key: the 26 hash bits, USED and FOREIGN_ENTRY. */
export const MATCH_MASK = (-1 << HASH_SHIFT) | USED | FOREIGN_ENTRY;

export const entriesPerBucket = 7;
export const LOCATION = 7;
/** The word of a bucket that names the next bucket of its chain, 0 at the end. */
export const LINK = 14;

/** Bits of the hash that an entry holds; the position of a scan has as many. */
export const hashBits = 26;

/**
 * Items per primary bucket above which one bucket is split. At 6.5, about a third of the buckets
 * have an overflow bucket: 13.4 bytes an item; more would save little (12.9 at 7, 12.5 at 8).
 */
const splitLoad = 6.5;
/**
 * Items per primary bucket below which the last one is merged. 2 is far enough from a split's 3.25.
 */
const mergeLoad = 2;
/** The number of primary buckets whose pages are returned to the system at a time. */
const releaseBuckets = 4096;

/** What insert() returns instead of a slot. */
const NO_BUCKET_LEFT = -1;
export const CHAIN_FULL = -2;
/** As chainMax: no bound on the chain. */
const unbounded = 0x7fffffff;

/** Releases the pages of buckets `from` to `to`. */
export type BucketReleaser = (from: number, to: number) => void;

export class BucketIndex {
  readonly words: Int32Array;
  release: BucketReleaser | null;
  private readonly state: Int32Array;
  private readonly global: Int32Array;

  constructor(buffer: SharedArrayBuffer, state: Int32Array, global: Int32Array) {
    this.words = new Int32Array(buffer);
    this.release = null;
    this.state = state;
    this.global = global;
  }

  get buckets(): number {
    return this.state[BUCKETS];
  }

  bucketOf(hash: number): number {
    return addressOf(hash, this.state[BUCKET_MASK], this.state[BUCKETS]);
  }

  /** The meta word of an entry with this hash under MATCH_MASK, without FOREIGN_ENTRY. */
  wanted(hash: number): number {
    return (hash << HASH_SHIFT) | USED;
  }

  /** The bucket after this one in its chain, 0 at the end. */
  nextBucket(bucket: number): number {
    return this.words[bucket * bucketWords + LINK];
  }

  /** The slot of the entry with this location, or -1. */
  slotOf(hash: number, location: number): number {
    const words = this.words;
    let bucket = this.bucketOf(hash);
    do {
      const base = bucket * bucketWords;
      for (let slot = base; slot < base + entriesPerBucket; slot++) {
        if (words[slot + LOCATION] === location && words[slot] !== 0) return slot;
      }
      bucket = words[base + LINK];
    } while (bucket !== 0);
    return -1;
  }

  // ---- insert and remove ------------------------------------------------------------------------

  /**
   * Adds an entry and returns its slot; NO_BUCKET_LEFT if the region is used up, or CHAIN_FULL if
   * the chain would exceed chainMax buckets.
   */
  insert(hash: number, location: number, flags: number, chainMax = unbounded): number {
    const slot = this.freeSlot(this.bucketOf(hash), chainMax);
    if (slot < 0) return slot;
    this.words[slot] = this.wanted(hash) | flags;
    this.words[slot + LOCATION] = location;
    this.state[ITEMS]++;
    return slot;
  }

  private freeSlot(first: number, chainMax: number): number {
    const words = this.words;
    let base = first * bucketWords;
    let length = 1;
    for (; ; length++) {
      for (let slot = base; slot < base + entriesPerBucket; slot++) {
        if (words[slot] === 0) return slot;
      }
      if (words[base + LINK] === 0) break;
      base = words[base + LINK] * bucketWords;
    }
    if (length >= chainMax) return CHAIN_FULL;
    const bucket = this.takeOverflow();
    if (bucket === 0) return NO_BUCKET_LEFT;
    words[base + LINK] = bucket;
    return bucket * bucketWords;
  }

  /**
   * Removes an entry. The last entry of the chain moves into its slot, so a caller that walks the
   * bucket must look at the same slot again.
   */
  remove(slot: number): void {
    const words = this.words;
    let before = -1;
    let base = this.bucketOf(words[slot] >>> HASH_SHIFT) * bucketWords;
    while (words[base + LINK] !== 0) {
      before = base;
      base = words[base + LINK] * bucketWords;
    }
    let last = base + entriesPerBucket - 1;
    while (words[last] === 0) last--;
    words[slot] = words[last];
    words[slot + LOCATION] = words[last + LOCATION];
    words[last] = 0;
    if (last === base && before >= 0) {
      words[before + LINK] = 0;
      this.giveOverflow(base / bucketWords);
    }
    this.state[ITEMS]--;
  }

  /** The slot of the least used entry in the last bucket of the hash's chain. */
  leastUsedInLast(hash: number): number {
    const words = this.words;
    let base = this.bucketOf(hash) * bucketWords;
    while (words[base + LINK] !== 0) base = words[base + LINK] * bucketWords;
    let least = base;
    for (let slot = base + 1; slot < base + entriesPerBucket && words[slot] !== 0; slot++) {
      if ((words[slot] & USES_MASK) < (words[least] & USES_MASK)) least = slot;
    }
    return least;
  }

  // ---- growing and shrinking --------------------------------------------------------------------

  /** Grows by at most one bucket: no command pays for more. */
  grow(): void {
    if (this.state[ITEMS] > this.state[BUCKETS] * splitLoad) this.split();
  }

  shrink(): void {
    const buckets = this.state[BUCKETS];
    if (buckets > bucketsFirst && this.state[ITEMS] < buckets * mergeLoad) this.merge();
  }

  /** Whether the region has more than `buckets` unused buckets. */
  private room(buckets: number): boolean {
    return this.state[OVERFLOW_LOW] - this.state[BUCKETS] > buckets;
  }

  /**
   * Splits the next bucket in turn: the entries whose next hash bit is set move to a new bucket at
   * the end. Does nothing if the region is full; chains then grow longer instead.
   */
  private split(): void {
    const state = this.state;
    const created = state[BUCKETS];
    const mask = created > state[BUCKET_MASK] ? state[BUCKET_MASK] * 2 + 1 : state[BUCKET_MASK];
    const source = created & (mask >>> 1);
    if (!this.room(this.chainLength(source, unbounded) + 1)) return;
    state[BUCKET_MASK] = mask;
    state[BUCKETS] = created + 1;
    this.clear(created);
    Atomics.add(this.global, USED_UNITS, 1);
    this.redistribute(source, created, mask);
  }

  /** Reads the chain of `source` once; writes the entries that stay to slots already read. */
  private redistribute(source: number, created: number, mask: number): void {
    const words = this.words;
    let staying = source * bucketWords;
    let moving = created * bucketWords;
    let bucket = source;
    do {
      const base = bucket * bucketWords;
      for (let slot = base; slot < base + entriesPerBucket && words[slot] !== 0; slot++) {
        const meta = words[slot];
        const location = words[slot + LOCATION];
        words[slot] = 0;
        const moves = ((meta >>> HASH_SHIFT) & mask) === created;
        const target = moves ? this.advance(moving) : this.advance(staying);
        if (moves) moving = target + 1;
        else staying = target + 1;
        words[target] = meta;
        words[target + LOCATION] = location;
      }
      bucket = words[base + LINK];
    } while (bucket !== 0);
    this.truncate(staying);
  }

  /** `slot` itself if it is one of its bucket's entries, else the first slot of the next bucket. */
  private advance(slot: number): number {
    if (slot % bucketWords < entriesPerBucket) return slot;
    const base = slot - entriesPerBucket;
    if (this.words[base + LINK] === 0) this.words[base + LINK] = this.takeOverflow();
    return this.words[base + LINK] * bucketWords;
  }

  /**
   * Frees the overflow buckets after the one that contains `slot`, which is one past the last
   * entry.
   */
  private truncate(slot: number): void {
    const base = slot - (slot % bucketWords);
    let bucket = this.words[base + LINK];
    this.words[base + LINK] = 0;
    while (bucket !== 0) {
      const next = this.words[bucket * bucketWords + LINK];
      this.giveOverflow(bucket);
      bucket = next;
    }
  }

  /**
   * Undoes the last split: the entries of the last bucket move back to the bucket they came from.
   * Does nothing if the resulting chain would be too long; the table then keeps its size.
   */
  private merge(): void {
    const state = this.state;
    const last = state[BUCKETS] - 1;
    const half = state[BUCKET_MASK] >>> 1;
    const target = last & half;
    const length = this.chainLength(last, chainBucketsMax);
    if (!this.room(length + 1)) return;
    if (length + this.chainLength(target, chainBucketsMax) > chainBucketsMax) return;
    state[BUCKETS] = last;
    if (last === half + 1) state[BUCKET_MASK] = half;
    const words = this.words;
    let bucket = last;
    do {
      const base = bucket * bucketWords;
      for (let slot = base; slot < base + entriesPerBucket && words[slot] !== 0; slot++) {
        const free = this.freeSlot(target, chainBucketsMax);
        words[free] = words[slot];
        words[free + LOCATION] = words[slot + LOCATION];
      }
      bucket = words[base + LINK];
      if (base !== last * bucketWords) this.giveOverflow(base / bucketWords);
    } while (bucket !== 0);
    Atomics.sub(this.global, USED_UNITS, 1);
    if (this.release !== null && last % releaseBuckets === 0) {
      this.release(last, Math.min(last + releaseBuckets, state[OVERFLOW_LOW]));
    }
  }

  /** Counts the buckets of a chain; stops soon after `most`. */
  private chainLength(first: number, most: number): number {
    let length = 1;
    for (let bucket = this.nextBucket(first); bucket !== 0; bucket = this.nextBucket(bucket)) {
      if (length++ > most) break;
    }
    return length;
  }

  // ---- overflow buckets -------------------------------------------------------------------------

  /** A cleared overflow bucket, or 0 if the region is used up. */
  private takeOverflow(): number {
    const state = this.state;
    let bucket = state[OVERFLOW_FREE];
    if (bucket !== 0) {
      state[OVERFLOW_FREE] = this.words[bucket * bucketWords + LINK];
    } else {
      if (state[OVERFLOW_LOW] <= state[BUCKETS]) return 0;
      bucket = --state[OVERFLOW_LOW];
    }
    this.clear(bucket);
    state[OVERFLOW_IN_USE]++;
    Atomics.add(this.global, USED_UNITS, 1);
    return bucket;
  }

  private giveOverflow(bucket: number): void {
    const state = this.state;
    this.clear(bucket);
    this.words[bucket * bucketWords + LINK] = state[OVERFLOW_FREE];
    state[OVERFLOW_FREE] = bucket;
    state[OVERFLOW_IN_USE]--;
    Atomics.sub(this.global, USED_UNITS, 1);
  }

  private clear(bucket: number): void {
    const base = bucket * bucketWords;
    const words = this.words;
    for (let word = base; word < base + bucketWords; word++) words[word] = 0;
  }
}

/** Linear hashing's address: the masked hash, folded once if that bucket does not exist yet. */
export function addressOf(hash: number, mask: number, buckets: number): number {
  const bucket = hash & mask;
  return bucket < buckets ? bucket : bucket & (mask >>> 1);
}

/** The 26 hash bits of an entry's meta word. */
export function hashBitsOf(meta: number): number {
  return meta >>> HASH_SHIFT;
}
