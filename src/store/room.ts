// Makes room before a write takes its locks: decides which shard gives up a segment and when to
// stop; eviction.ts empties the segment. It holds at most one shard's lock at a time, and only for
// one segment, so no other thread waits longer than that.
// Invariant: a call does a bounded amount of work; later calls repay the rest.

import type { Attachment } from "./attachment.ts";
import { compactionShare } from "./eviction.ts";
import type { Mutex } from "./lock.ts";
import {
  LIMIT_UNITS,
  NEWEST,
  NONE,
  QUEUE_WORDS,
  QUEUES,
  REPAY_SHARD,
  SMALL_QUEUE,
  unitBytes,
} from "./memory.ts";
import type { Segments } from "./segments.ts";
import type { Shard } from "./shard.ts";

/** Most index growth of one insertion: a split with its overflow buckets, and a ghost bucket. */
const indexUnits = 4;
/** Most header and padding bytes of an item. */
const itemBytes = 32;
/**
 * Bytes that a single write may announce beyond its value: keys, options, and its caller's
 * allowance.
 */
const keysBytes = 16 * 1024;
/** Most bytes that one call empties beyond the size of the item: some milliseconds of work. */
const emptiedBytesMax = 2 * 1024 * 1024;
/** A full follower compacts a segment only if this share of it is dead. */
const followerShare = 1 / 8;
/** Writes of a full follower between two searches for such a segment, after one found none. */
const followerSearchInterval = 64;
/**
 * The number of stages. Each requires one use more of an item to stay, so that finally none stays.
 * An eighth of emptiedBytesMax cost 0.15 points of hit ratio on a trace with many used items
 * (measured).
 */
const stages = 4;

export class RoomMaker {
  private readonly attachment: Attachment;
  private readonly segments: Segments;
  private readonly shards: readonly Shard[];
  private readonly locks: readonly Mutex[] | null;
  private readonly stepsPerStage: number;
  /** Writes left that skip the search on a full follower, after a search found nothing. */
  private unsearched: number;

  constructor(attachment: Attachment, shards: readonly Shard[], locks: readonly Mutex[] | null) {
    this.attachment = attachment;
    this.segments = attachment.segments;
    this.shards = shards;
    this.locks = locks;
    this.stepsPerStage = emptiedBytesMax / attachment.segments.segmentBytes / stages;
    this.unsearched = 0;
  }

  /** Whether `bytes` more are certain to fit below the limit, whatever the shard. */
  hasPlenty(bytes: number): boolean {
    const units = Math.ceil(bytes / unitBytes) + this.segments.units + indexUnits;
    return this.segments.unitsBelowLimit() >= units;
  }

  /**
   * Evicts or compacts until `bytes` more fit into the shard; false if they cannot. It makes no
   * room for more than the longest value: a SET that will be refused must not cost the cache a
   * quarter of its items, and an MSET of that size overdraws and is repaid.
   */
  makeRoom(shard: Shard, bytes: number, now: number): boolean {
    const { evicts, expires } = this.attachment;
    if (!expires) return this.tidy(shard, bytes);
    if (evicts && bytes > this.longest() + keysBytes) return true;
    const chain = this.chainSegments(bytes);
    const stepsMax = this.stepsPerStage * stages + 4 * chain;
    for (let step = 0; step < stepsMax; step++) {
      if (this.fits(shard, bytes, chain)) return true;
      if (!this.step(shard, bytes, now, step)) break;
    }
    if (this.fits(shard, bytes, chain)) return true;
    return this.mayOverdraw(chain);
  }

  /**
   * For a follower, whose leader decides what is removed. Removals leave gaps here, since items are
   * in other segments than on the leader. A write compacts segments that are dead by an eighth, in
   * proportion to its size, or overdraws. At the reserve it compacts all of them before it is
   * refused, because what is refused here is missing until the next full sync.
   */
  private tidy(own: Shard, bytes: number): boolean {
    const chain = this.chainSegments(bytes);
    for (let step = 0; step <= 4 * chain && !this.fits(own, bytes, chain); step++) {
      if (!this.tidyNext(own)) break;
    }
    while (!this.mayOverdraw(chain)) {
      if (!this.tidyAny(own)) return false;
    }
    return true;
  }

  private tidyNext(own: Shard): boolean {
    if (this.unsearched > 0) {
      this.unsearched--;
      return false;
    }
    if (this.tidyAny(own)) return true;
    this.unsearched = followerSearchInterval - 1;
    return false;
  }

  private tidyAny(own: Shard): boolean {
    const least = this.segments.segmentBytes * followerShare;
    if (this.compactOne(own, least, 0, followerShare)) return true;
    for (const shard of this.shards) {
      if (shard !== own && this.compactOne(shard, least, 0, followerShare)) return true;
    }
    return false;
  }

  /**
   * Repays one slice of an overdraft, for the sweeper, and returns whether it could: the shards
   * take turns. A follower has only the gaps that removals left.
   */
  repay(now: number): boolean {
    const { global, evicts, expires } = this.attachment;
    if (this.segments.unitsBelowLimit() >= 0 || (expires && !evicts)) return false;
    const turn = global[REPAY_SHARD]++;
    const shard = this.shards[turn & (this.shards.length - 1)];
    return evicts ? this.evict(shard, now, 0) : this.tidyAny(shard);
  }

  /** A quarter of the limit, bytes: no longer value is accepted. */
  private longest(): number {
    return this.attachment.global[LIMIT_UNITS] * (unitBytes / 4);
  }

  /** Whole segments that a value of about `bytes` bytes takes. */
  private chainSegments(bytes: number): number {
    const { segmentBytes } = this.segments;
    return bytes <= segmentBytes / 2 ? 0 : Math.ceil(bytes / segmentBytes);
  }

  /**
   * Whether the item is certain to fit. With eviction, one segment is kept free even if the item
   * fits into the open one: the next writes then have plenty, and need no hash to look at their
   * shard.
   */
  private fits(shard: Shard, bytes: number, chain: number): boolean {
    const open = shard.state[QUEUES + SMALL_QUEUE * QUEUE_WORDS + NEWEST];
    const inline = chain === 0 ? bytes + itemBytes : this.segments.segmentBytes / 2;
    const appends =
      open !== NONE && this.segments.filled(open) + inline <= this.segments.segmentBytes;
    const segments = chain + (appends && !this.attachment.evicts ? 0 : 1);
    return this.segments.unitsBelowLimit() >= segments * this.segments.units + indexUnits;
  }

  private step(own: Shard, bytes: number, now: number, step: number): boolean {
    if (!this.attachment.evicts) return this.compact(own, bytes, now);
    const pressure = Math.floor(step / this.stepsPerStage);
    if (!this.isPoor(own) && this.evict(own, now, pressure)) return true;
    return this.evict(this.richest(), now, pressure);
  }

  /** Whether a shard has less than half of the average: then other shards must give. */
  private isPoor(shard: Shard): boolean {
    const { global } = this.attachment;
    const fair = global[LIMIT_UNITS] / this.segments.units / this.shards.length;
    return shard.segmentCount * 2 < fair && this.shards.length > 1;
  }

  private richest(): Shard {
    let richest = this.shards[0];
    for (const shard of this.shards) {
      if (shard.segmentCount > richest.segmentCount) richest = shard;
    }
    return richest;
  }

  private evict(shard: Shard, now: number, pressure: number): boolean {
    const lock = this.locks?.[shard.number];
    const taken = lock?.acquire() ?? false;
    // Checked again under the lock: the node may have become a follower, which evicts nothing.
    const done = this.attachment.evicts && shard.evictor.evict(now, pressure);
    if (taken) lock?.release();
    return done;
  }

  private compact(own: Shard, bytes: number, now: number): boolean {
    if (this.compactOne(own, bytes, now)) return true;
    // Another shard helps only with whole segments: a gap there is of no use here.
    for (const shard of this.shards) {
      if (shard !== own && this.compactOne(shard, Infinity, now)) return true;
    }
    return false;
  }

  private compactOne(shard: Shard, bytes: number, now: number, share = compactionShare): boolean {
    const lock = this.locks?.[shard.number];
    const taken = lock?.acquire() ?? false;
    const done = shard.evictor.compact(now, bytes, share);
    if (taken) lock?.release();
    return done;
  }

  /**
   * Without eviction the limit is final. A leader that evicts has done its share of work and may
   * write; a follower must take what its leader sends, up to the reserve.
   */
  private mayOverdraw(chain: number): boolean {
    const { expires, evicts } = this.attachment;
    if (expires) return evicts;
    return this.segments.unitsBeforeReserve() >= (chain + 1) * this.segments.units;
  }
}
