// S3-FIFO over the segments of one shard, and compaction. An eviction empties one segment: what is
// to stay is copied into the open segment of a queue, the rest is removed, and the segment goes
// back to the pool. It knows one shard only: which shard has to give is decided in room.ts. Why
// segments: moving an item costs a copy, but there are no lists to keep, no bytes for links, and a
// read only counts a use. A new item waits in the small queue; used again there, it goes to the
// main queue; main's oldest get another round for each use. A key that was dropped from the small
// queue is remembered as a ghost and enters the main queue when it comes back.
//
// Invariant: an eviction always ends with the victim free; if nothing can be copied, nothing is
// kept.

import { assert } from "../base/errors.ts";
import { ARENA_SHIFT, type Arenas, UNIT_MASK } from "./arenas.ts";
import type { Attachment } from "./attachment.ts";
import { EXPIRING, IN_MAIN, LOCATION, USES_MASK } from "./bucket-index.ts";
import { expiryAt, itemBytesAt } from "./item.ts";
import {
  EVICTIONS,
  EXPIRATIONS,
  MAIN_QUEUE,
  NEWEST,
  NONE,
  OLDEST,
  PROMOTIONS,
  QUEUE_WORDS,
  QUEUES,
  SEGMENTS,
  SMALL_QUEUE,
} from "./memory.ts";
import { SegmentReader } from "./segment-reader.ts";
import { SEGMENT_OF_QUEUE, type Segments } from "./segments.ts";
import type { Shard } from "./shard.ts";

/** The small queue gives while it is above this share of the shard's segments. */
const SMALL_SHARE = 0.1;
/** Uses in the small queue that take an item to the main queue. */
const PROMOTING_USES = 1;
/** A segment that gives so much of itself is compacted before anything is evicted. */
const SPARSE_SHARE = 0.5;
/**
 * Evictions from one vain search for such a segment to the next: each looks at the whole shard's.
 */
const SEARCH_INTERVAL = 8;
/** Compaction for an item that does not fit is not worth copying a segment for less than this. */
export const COMPACTION_SHARE = 1 / 64;

/** Everything that lives is copied within its queue: compaction. */
const KEEP_ALL = -1;

export class Evictor {
  readonly #shard: Shard;
  readonly #attachment: Attachment;
  readonly #arenas: Arenas;
  readonly #segments: Segments;
  readonly #state: Int32Array;
  readonly #reader: SegmentReader;
  /** Evictions that do not look for a sparse segment any more, after one that looked in vain. */
  #unsearched: number;

  constructor(shard: Shard) {
    this.#shard = shard;
    this.#attachment = shard.attachment;
    this.#arenas = shard.attachment.arenas;
    this.#segments = shard.attachment.segments;
    this.#state = shard.state;
    this.#reader = new SegmentReader(shard);
    this.#unsearched = 0;
  }

  /**
   * Empties one segment; false if the shard has none. `pressure` raises the uses that an item needs
   * to stay, so that a shard of nothing but used items gives way after a few steps.
   */
  evict(now: number, pressure: number): boolean {
    if (this.#emptySparse(now)) return true;
    const victim = this.#oldest();
    if (victim === NONE) return false;
    const small = this.#queueOf(victim) === SMALL_QUEUE;
    this.#empty(victim, now, (small ? PROMOTING_USES : 1) + pressure);
    return true;
  }

  /**
   * Empties a segment that is mostly dead or has expired whole; looks for one now and then only.
   */
  #emptySparse(now: number): boolean {
    if (this.#unsearched > 0) {
      this.#unsearched--;
      return false;
    }
    const sparse = this.#sparsest(now, this.#segments.segmentBytes * SPARSE_SHARE);
    if (sparse === NONE) {
      this.#unsearched = SEARCH_INTERVAL - 1;
      return false;
    }
    this.#empty(sparse, now, KEEP_ALL);
    return true;
  }

  /**
   * Gains room without losing an item, if a segment gives at least `bytes` or that share of itself.
   */
  compact(now: number, bytes: number, share = COMPACTION_SHARE): boolean {
    const least = this.#segments.segmentBytes * share;
    const sparse = this.#sparsest(now, Math.min(bytes, least));
    if (sparse === NONE) return false;
    this.#empty(sparse, now, KEEP_ALL);
    return true;
  }

  /** One step within a command, whose `now` is not known: nothing counts as expired. */
  relieve(): boolean {
    if (this.#attachment.evicts) return this.evict(0, 1);
    return this.compact(0, this.#segments.segmentBytes);
  }

  // ---- choosing ---------------------------------------------------------------------------------

  /** The oldest segment of the queue that is to give. */
  #oldest(): number {
    const small = QUEUES + SMALL_QUEUE * QUEUE_WORDS;
    const main = QUEUES + MAIN_QUEUE * QUEUE_WORDS;
    const state = this.#state;
    const all = state[small + SEGMENTS] + state[main + SEGMENTS];
    const smallGives = state[small + SEGMENTS] > all * SMALL_SHARE;
    const first = state[(smallGives ? small : main) + OLDEST];
    return first !== NONE ? first : state[(smallGives ? main : small) + OLDEST];
  }

  /**
   * The segment that gives most when it is compacted, at least `least` bytes, or one that has
   * expired whole. A look at each entry: microseconds for a thousand, against hundreds for emptying
   * one.
   */
  #sparsest(now: number, least: number): number {
    let best = NONE;
    let most = least - 1;
    for (let queue = SMALL_QUEUE; queue <= MAIN_QUEUE; queue++) {
      const words = QUEUES + queue * QUEUE_WORDS;
      for (let s = this.#state[words + OLDEST]; s !== NONE; s = this.#segments.next(s)) {
        if (this.#expired(s, now)) return s;
        const gain = this.#gain(s, s === this.#state[words + NEWEST]);
        if (gain <= most) continue;
        most = gain;
        best = s;
      }
    }
    return best;
  }

  /** What compacting gives: dead bytes and the tail, but the open segment's tail is no loss. */
  #gain(segment: number, open: boolean): number {
    const dead = this.#segments.deadBytes(segment);
    if (open || dead === 0) return dead;
    return this.#segments.segmentBytes - this.#segments.liveBytes(segment);
  }

  #expired(segment: number, now: number): boolean {
    return this.#attachment.expires && this.#segments.expired(segment, now);
  }

  #queueOf(segment: number): number {
    return this.#segments.state(segment) - SEGMENT_OF_QUEUE;
  }

  // ---- emptying a segment -----------------------------------------------------------------------

  #empty(victim: number, now: number, usesToStay: number): void {
    // Detached first: what stays must not be copied into the very segment that is being emptied.
    this.#segments.detach(this.#state, this.#queueOf(victim), victim);
    const reader = this.#reader;
    reader.open(victim);
    for (let count = reader.next(); count > 0; count = reader.next()) {
      for (let i = 0; i < count; i++) {
        this.#settle(reader.locations[i], reader.hashes[i], now, usesToStay);
      }
    }
    this.#segments.give(victim);
    this.#shard.index.shrink();
  }

  /** Moves one live item on, or removes it. */
  #settle(location: number, hash: number, now: number, usesToStay: number): void {
    const shard = this.#shard;
    const words = this.#arenas.wordsOf(location);
    const at = this.#arenas.wordAt(location);
    const { index } = shard;
    const slot = index.slotOf(hash, location);
    assert(slot >= 0, "every live item has an entry");
    const meta = index.words[slot];
    const expires = (meta & EXPIRING) !== 0 && this.#attachment.expires;
    if (expires && expiryAt(words, at) <= now) {
      shard.statistics[EXPIRATIONS]++;
      shard.report("expired", location);
      shard.unlink(slot);
      return;
    }
    const stays = usesToStay === KEEP_ALL || (meta & USES_MASK) >= usesToStay;
    if (stays && this.#move(slot, location, words, at, usesToStay === KEEP_ALL)) return;
    shard.statistics[EVICTIONS]++;
    shard.report("evicted", location);
    if ((meta & IN_MAIN) === 0) shard.ghosts.remember(hash);
    shard.unlink(slot);
    index.shrink();
  }

  /**
   * Copies an item into the open segment of the queue where it belongs now. From the small queue it
   * enters the main one with no uses counted; another round in the main queue costs it one use.
   */
  #move(
    slot: number,
    location: number,
    words: Int32Array,
    at: number,
    compacting: boolean,
  ): boolean {
    const shard = this.#shard;
    const buckets = shard.index.words;
    const meta = buckets[slot];
    const from = shard.queueOf(slot);
    const queue = compacting ? from : MAIN_QUEUE;
    const bytes = itemBytesAt(words, at, this.#arenas.segmentShift);
    const target = shard.log.append(bytes, queue, true);
    if (target === NONE) return false;
    this.#copyWords(words, at, bytes >>> 2, target);
    buckets[slot + LOCATION] = target;
    if (!compacting) buckets[slot] = (from === MAIN_QUEUE ? meta - 1 : meta & ~USES_MASK) | IN_MAIN;
    if (from !== queue) {
      shard.statistics[PROMOTIONS]++;
      this.#transferChain(location, from);
    }
    const expiresAt = (meta & EXPIRING) === 0 ? 0 : expiryAt(words, at);
    this.#segments.noteExpiry(this.#arenas.segmentOf(target), expiresAt);
    return true;
  }

  #copyWords(source: Int32Array, at: number, count: number, target: number): void {
    const words = this.#arenas.words[target >>> ARENA_SHIFT];
    const to = (target & UNIT_MASK) << 1;
    if (words === source) words.copyWithin(to, at, at + count);
    else words.set(source.subarray(at, at + count), to);
  }

  #transferChain(location: number, from: number): void {
    const count = this.#shard.chainSegmentsOf(location);
    this.#shard.countChain(from, -count);
    this.#shard.countChain(MAIN_QUEUE, count);
  }
}
