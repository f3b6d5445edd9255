// Makes room before a write takes its locks: decides which shard gives up a segment and when to
// stop. How a shard gives one up is eviction.ts's business. Holds at most one shard's lock at a
// time, and only for one segment, so that no other thread waits longer than that.
// Invariant: a call does a bounded amount of work; what it could not repay, the next calls repay.

import type { Attachment } from "./attachment.ts";
import { COMPACTION_SHARE } from "./eviction.ts";
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

/**
 * Index growth of one insertion at worst: a split with its overflow buckets, and a ghost bucket.
 */
const INDEX_UNITS = 4;
/** Header and padding of an item at worst. */
const ITEM_BYTES = 32;
/** What a single write may announce beyond its value: keys, options, and its caller's allowance. */
const KEYS_BYTES = 16 * 1024;
/**
 * What one call empties at most beyond what the item itself takes, bytes: some milliseconds' work.
 */
const EMPTIED_BYTES_MAX = 2 * 1024 * 1024;
/** A follower that is full copies a segment for so much of it that is dead, and no less. */
const FOLLOWER_SHARE = 1 / 8;
/**
 * Writes of a full follower from one vain search for such a segment to the next: each is a look at
 * all.
 */
const FOLLOWER_SEARCH_INTERVAL = 64;
/**
 * In this many stages items need one use more to stay, so that in the end nothing stays. Bounds of
 * an eighth of this cost 0.15 points of hit ratio on a trace with many used items (measured).
 */
const STAGES = 4;

export class RoomMaker {
  readonly #attachment: Attachment;
  readonly #segments: Segments;
  readonly #shards: readonly Shard[];
  readonly #locks: readonly Mutex[] | null;
  readonly #stepsPerStage: number;
  /** Writes of a full follower that do not search any more, after one that searched in vain. */
  #unsearched: number;

  constructor(attachment: Attachment, shards: readonly Shard[], locks: readonly Mutex[] | null) {
    this.#attachment = attachment;
    this.#segments = attachment.segments;
    this.#shards = shards;
    this.#locks = locks;
    this.#stepsPerStage = EMPTIED_BYTES_MAX / attachment.segments.segmentBytes / STAGES;
    this.#unsearched = 0;
  }

  /** Whether `bytes` more surely fit below the limit: no need to look at the shard. */
  hasPlenty(bytes: number): boolean {
    const units = Math.ceil(bytes / unitBytes) + this.#segments.units + INDEX_UNITS;
    return this.#segments.unitsBelowLimit() >= units;
  }

  /**
   * Evicts or compacts until `bytes` more fit into the shard; false if they cannot. More than the
   * longest value is not made room for: a SET that will be refused must not cost the cache a
   * quarter of its items, and an MSET of so much overdraws and is repaid.
   */
  makeRoom(shard: Shard, bytes: number, now: number): boolean {
    const { evicts, expires } = this.#attachment;
    if (!expires) return this.#tidy(shard, bytes);
    if (evicts && bytes > this.#longest() + KEYS_BYTES) return true;
    const chain = this.#chainSegments(bytes);
    const stepsMax = this.#stepsPerStage * STAGES + 4 * chain;
    for (let step = 0; step < stepsMax; step++) {
      if (this.#fits(shard, bytes, chain)) return true;
      if (!this.#step(shard, bytes, now, step)) break;
    }
    if (this.#fits(shard, bytes, chain)) return true;
    return this.#mayOverdraw(chain);
  }

  /**
   * On a follower, whose leader says what goes: what went leaves gaps here, as items lie in other
   * segments than there. A write copies one segment together that is dead for an eighth, or it
   * overdraws.
   */
  #tidy(own: Shard, bytes: number): boolean {
    if (this.#unsearched > 0) this.#unsearched--;
    else if (!this.#tidyAny(own)) this.#unsearched = FOLLOWER_SEARCH_INTERVAL - 1;
    return this.#mayOverdraw(this.#chainSegments(bytes));
  }

  #tidyAny(own: Shard): boolean {
    const least = this.#segments.segmentBytes * FOLLOWER_SHARE;
    if (this.#compactOne(own, least, 0, FOLLOWER_SHARE)) return true;
    for (const shard of this.#shards) {
      if (shard !== own && this.#compactOne(shard, least, 0, FOLLOWER_SHARE)) return true;
    }
    return false;
  }

  /** One slice of repaying an overdraft, for the sweeper: the shards give in turn. */
  repay(now: number): void {
    if (!this.#attachment.evicts || this.#segments.unitsBelowLimit() >= 0) return;
    const { global } = this.#attachment;
    const turn = global[REPAY_SHARD]++;
    this.#evict(this.#shards[turn & (this.#shards.length - 1)], now, 0);
  }

  /** A quarter of the limit: no longer value is accepted. */
  #longest(): number {
    return this.#attachment.global[LIMIT_UNITS] * (unitBytes / 4);
  }

  /** Whole segments that a value of about this size takes. */
  #chainSegments(bytes: number): number {
    const { segmentBytes } = this.#segments;
    return bytes <= segmentBytes / 2 ? 0 : Math.ceil(bytes / segmentBytes);
  }

  /**
   * Whether the item surely fits. Where items are evicted a segment is kept free although the item
   * would go into the open one: then the next writes have plenty, and need not be hashed to look at
   * their shard.
   */
  #fits(shard: Shard, bytes: number, chain: number): boolean {
    const open = shard.state[QUEUES + SMALL_QUEUE * QUEUE_WORDS + NEWEST];
    const inline = chain === 0 ? bytes + ITEM_BYTES : this.#segments.segmentBytes / 2;
    const appends =
      open !== NONE && this.#segments.filled(open) + inline <= this.#segments.segmentBytes;
    const segments = chain + (appends && !this.#attachment.evicts ? 0 : 1);
    return this.#segments.unitsBelowLimit() >= segments * this.#segments.units + INDEX_UNITS;
  }

  #step(own: Shard, bytes: number, now: number, step: number): boolean {
    if (!this.#attachment.evicts) return this.#compact(own, bytes, now);
    const pressure = Math.floor(step / this.#stepsPerStage);
    if (!this.#isPoor(own) && this.#evict(own, now, pressure)) return true;
    return this.#evict(this.#richest(), now, pressure);
  }

  /**
   * Whether a shard has less than half of what a shard has on average: then others have to give.
   */
  #isPoor(shard: Shard): boolean {
    const { global } = this.#attachment;
    const fair = global[LIMIT_UNITS] / this.#segments.units / this.#shards.length;
    return shard.segmentCount * 2 < fair && this.#shards.length > 1;
  }

  #richest(): Shard {
    let richest = this.#shards[0];
    for (const shard of this.#shards) {
      if (shard.segmentCount > richest.segmentCount) richest = shard;
    }
    return richest;
  }

  #evict(shard: Shard, now: number, pressure: number): boolean {
    const lock = this.#locks?.[shard.number];
    const taken = lock?.acquire() ?? false;
    // Asked again under the lock: the node may have become a follower, which evicts nothing,
    // meanwhile.
    const done = this.#attachment.evicts && shard.evictor.evict(now, pressure);
    if (taken) lock?.release();
    return done;
  }

  #compact(own: Shard, bytes: number, now: number): boolean {
    if (this.#compactOne(own, bytes, now)) return true;
    // Another shard helps with whole segments only: a gap for these bytes there is of no use here.
    for (const shard of this.#shards) {
      if (shard !== own && this.#compactOne(shard, Infinity, now)) return true;
    }
    return false;
  }

  #compactOne(shard: Shard, bytes: number, now: number, share = COMPACTION_SHARE): boolean {
    const lock = this.#locks?.[shard.number];
    const taken = lock?.acquire() ?? false;
    const done = shard.evictor.compact(now, bytes, share);
    if (taken) lock?.release();
    return done;
  }

  /**
   * Without eviction the limit is the end. A leader that evicts did its share of work and writes
   * on; a follower has to take what its leader sends, as far as the reserve goes.
   */
  #mayOverdraw(chain: number): boolean {
    const { expires, evicts } = this.#attachment;
    if (expires) return evicts;
    return this.#segments.unitsBeforeReserve() >= (chain + 1) * this.#segments.units;
  }
}
