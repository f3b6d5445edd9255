// S3-FIFO over the segments of one shard, and compaction. An eviction empties one segment: items
// that stay are copied into the open segment of a queue, the others are removed, and the segment
// returns to the pool. It knows one shard only; room.ts decides which shard must give up a segment.
// Why segments: moving an item costs a copy, but there are no lists to maintain, no bytes for
// links, and a read only counts a use. A new item enters the small queue; if it is used there, it
// moves to the main queue; the oldest items of the main queue get another round for each use. A key
// that is evicted from the small queue becomes a ghost, and enters the main queue if it comes back.
// Invariant: an eviction always frees its victim; if nothing can be copied, nothing is kept.

import { assert } from "../base/errors.ts";
import { ARENA_SHIFT, type Arenas, UNIT_MASK } from "./arenas.ts";
import type { Attachment } from "./attachment.ts";
import { EXPIRING, IN_MAIN, LOCATION, USES_MASK } from "./bucket-index.ts";
import { expiryAt, itemBytesAt } from "./item.ts";
import {
  EVICTIONS,
  EVICTIONS_MAIN,
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
import type { ShardParts } from "./shard-parts.ts";

/** The small queue is emptied first while it has more than this share of the shard's segments. */
const smallShare = 0.1;
/** Uses in the small queue that promote an item to the main queue. */
const PROMOTING_USES = 1;
/** A segment that yields this share of itself is compacted before anything is evicted. */
const sparseShare = 0.5;
/**
 * Evictions between two searches for such a segment, after one found none: a search reads all
 * segments.
 */
const searchInterval = 8;
/** To make an item fit, a segment is compacted only if it yields this share of itself. */
export const compactionShare = 1 / 64;

/** Compaction: every live item is copied within its queue. */
const KEEP_ALL = -1;

export class Evictor {
  private readonly shard: ShardParts;
  private readonly attachment: Attachment;
  private readonly arenas: Arenas;
  private readonly segments: Segments;
  private readonly state: Int32Array;
  private readonly reader: SegmentReader;
  /** Evictions left that skip the search for a sparse segment, after a search found none. */
  private unsearched: number;
  /** Whether a database was flushed whose items are still here: they do not stay. */
  private hasDead: boolean;

  constructor(shard: ShardParts) {
    this.shard = shard;
    this.attachment = shard.attachment;
    this.arenas = shard.attachment.arenas;
    this.segments = shard.attachment.segments;
    this.state = shard.state;
    this.reader = new SegmentReader(shard);
    this.unsearched = 0;
    this.hasDead = false;
  }

  /**
   * Empties one segment; false if the shard has none. `pressure` raises the number of uses that an
   * item needs to stay, so that even a shard full of used items yields after a few steps.
   */
  evict(now: number, pressure: number): boolean {
    if (this.emptySparse(now)) return true;
    const victim = this.oldest();
    if (victim === NONE) return false;
    const small = this.queueOf(victim) === SMALL_QUEUE;
    this.empty(victim, now, (small ? PROMOTING_USES : 1) + pressure);
    return true;
  }

  /** Empties a segment that is mostly dead or has wholly expired; searches only now and then. */
  private emptySparse(now: number): boolean {
    if (this.unsearched > 0) {
      this.unsearched--;
      return false;
    }
    const sparse = this.sparsest(now, this.segments.segmentBytes * sparseShare);
    if (sparse === NONE) {
      this.unsearched = searchInterval - 1;
      return false;
    }
    this.empty(sparse, now, KEEP_ALL);
    return true;
  }

  /**
   * Gains room without losing an item, if a segment yields at least `bytes` or that share of
   * itself.
   */
  compact(now: number, bytes: number, share = compactionShare): boolean {
    const least = this.segments.segmentBytes * share;
    const sparse = this.sparsest(now, Math.min(bytes, least));
    if (sparse === NONE) return false;
    this.empty(sparse, now, KEEP_ALL);
    return true;
  }

  /** One step within a command. `now` is unknown there, so nothing counts as expired. */
  relieve(): boolean {
    if (this.attachment.evicts) return this.evict(0, 1);
    return this.compact(0, this.segments.segmentBytes);
  }

  // ---- choosing ---------------------------------------------------------------------------------

  /** The oldest segment of the queue that must give one up. */
  private oldest(): number {
    const small = QUEUES + SMALL_QUEUE * QUEUE_WORDS;
    const main = QUEUES + MAIN_QUEUE * QUEUE_WORDS;
    const state = this.state;
    const all = state[small + SEGMENTS] + state[main + SEGMENTS];
    const smallGives = state[small + SEGMENTS] > all * smallShare;
    const first = state[(smallGives ? small : main) + OLDEST];
    return first !== NONE ? first : state[(smallGives ? main : small) + OLDEST];
  }

  /**
   * The segment that yields most when compacted, if at least `least` bytes, or one that has wholly
   * expired. Reads the entry of each segment: microseconds for a thousand, while emptying one takes
   * hundreds.
   */
  private sparsest(now: number, least: number): number {
    let best = NONE;
    let most = least - 1;
    for (let queue = SMALL_QUEUE; queue <= MAIN_QUEUE; queue++) {
      const words = QUEUES + queue * QUEUE_WORDS;
      for (let s = this.state[words + OLDEST]; s !== NONE; s = this.segments.next(s)) {
        if (this.expired(s, now)) return s;
        const gain = this.gain(s, s === this.state[words + NEWEST]);
        if (gain <= most) continue;
        most = gain;
        best = s;
      }
    }
    return best;
  }

  /** What compacting yields: dead bytes and the tail, but the open segment's tail is not lost. */
  private gain(segment: number, open: boolean): number {
    const dead = this.segments.deadBytes(segment);
    if (open || dead === 0) return dead;
    return this.segments.segmentBytes - this.segments.liveBytes(segment);
  }

  private expired(segment: number, now: number): boolean {
    return this.attachment.expires && this.segments.expired(segment, now);
  }

  private queueOf(segment: number): number {
    return this.segments.state(segment) - SEGMENT_OF_QUEUE;
  }

  // ---- emptying a segment -----------------------------------------------------------------------

  private empty(victim: number, now: number, usesToStay: number): void {
    // Detached first: items that stay must not be copied into the segment that is being emptied.
    this.segments.detach(this.state, this.queueOf(victim), victim);
    this.hasDead = this.attachment.databases.hasDead;
    const reader = this.reader;
    reader.open(victim);
    for (let count = reader.next(); count > 0; count = reader.next()) {
      for (let i = 0; i < count; i++) {
        this.settle(reader.locations[i], reader.hashes[i], now, usesToStay);
      }
    }
    this.segments.give(victim);
    this.shard.index.shrink();
  }

  /** Moves one live item, or removes it. */
  private settle(location: number, hash: number, now: number, usesToStay: number): void {
    const shard = this.shard;
    const words = this.arenas.wordsOf(location);
    const at = this.arenas.wordAt(location);
    const { index } = shard;
    const slot = index.slotOf(hash, location);
    assert(slot >= 0, "every live item has an entry");
    const meta = index.words[slot];
    if (this.hasDead && this.attachment.databases.isDead(shard.identityOf(location))) {
      return shard.unlink(slot);
    }
    const expires = (meta & EXPIRING) !== 0 && this.attachment.expires;
    if (expires && expiryAt(words, at) <= now) {
      shard.statistics[EXPIRATIONS]++;
      shard.report("expired", location);
      shard.unlink(slot);
      return;
    }
    const stays = usesToStay === KEEP_ALL || (meta & USES_MASK) >= usesToStay;
    if (stays && this.move(slot, location, words, at, usesToStay === KEEP_ALL)) return;
    shard.statistics[EVICTIONS]++;
    shard.report("evicted", location);
    if ((meta & IN_MAIN) === 0) shard.ghosts.remember(hash);
    else shard.statistics[EVICTIONS_MAIN]++;
    shard.unlink(slot);
    index.shrink();
  }

  /**
   * Copies an item into the open segment of the queue where it now belongs. From the small queue it
   * enters the main queue with a use count of 0; another round in the main queue costs one use.
   */
  private move(
    slot: number,
    location: number,
    words: Int32Array,
    at: number,
    compacting: boolean,
  ): boolean {
    const shard = this.shard;
    const buckets = shard.index.words;
    const meta = buckets[slot];
    const from = shard.queueOf(slot);
    const queue = compacting ? from : MAIN_QUEUE;
    const bytes = itemBytesAt(words, at, this.arenas.segmentShift);
    const target = shard.log.append(bytes, queue, true);
    if (target === NONE) return false;
    this.copyWords(words, at, bytes >>> 2, target);
    buckets[slot + LOCATION] = target;
    if (!compacting) buckets[slot] = (from === MAIN_QUEUE ? meta - 1 : meta & ~USES_MASK) | IN_MAIN;
    if (from !== queue) {
      shard.statistics[PROMOTIONS]++;
      this.transferChain(location, from);
    }
    const expiresAt = (meta & EXPIRING) === 0 ? 0 : expiryAt(words, at);
    this.segments.noteExpiry(this.arenas.segmentOf(target), expiresAt);
    return true;
  }

  private copyWords(source: Int32Array, at: number, count: number, target: number): void {
    const words = this.arenas.words[target >>> ARENA_SHIFT];
    const to = (target & UNIT_MASK) << 1;
    if (words === source) words.copyWithin(to, at, at + count);
    else words.set(source.subarray(at, at + count), to);
  }

  private transferChain(location: number, from: number): void {
    const count = this.shard.chainSegmentsOf(location);
    this.shard.countChain(from, -count);
    this.shard.countChain(MAIN_QUEUE, count);
  }
}
