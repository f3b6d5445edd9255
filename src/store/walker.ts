// Walks over the index: the cursor of SCAN and of snapshots, the sweeper, and a random item. The
// cursor is shard * 2^26 + a position in the order of the bit-reversed 26 hash bits. Linear hashing
// splits a bucket by the next hash bit, so a bucket is a contiguous range of that order and its
// halves are the halves of the range: splitting and merging never move a key across a walk's
// position.
// A walk visits the items of one identity.
// Invariant: a walk visits a key that exists throughout exactly once, and no key twice, whether the
// table grows or shrinks; the order within a bucket does not matter, since it is visited whole.

import type { Attachment } from "./attachment.ts";
import {
  EXPIRING,
  entriesPerBucket,
  FOREIGN_ENTRY,
  hashBits,
  hashBitsOf,
  LINK,
  LOCATION,
} from "./bucket-index.ts";
import { DEAD_POSITION, DEAD_SHARD, identities } from "./database-table.ts";
import type { Halves } from "./halves.ts";
import type { Mutex } from "./lock.ts";
import { BUCKET_MASK, bucketWords, EXPIRING_ITEMS, SWEEP_POSITION, SWEEP_SHARD } from "./memory.ts";
import type { Shard } from "./shard.ts";

const positions = 2 ** hashBits;

/** What sweeps have met since the start. */
export interface Swept {
  /** Items with an expiry. */
  readonly looked: number;
  /** Of these, expired ones. */
  readonly expired: number;
}

export class Walker {
  private readonly attachment: Attachment;
  private readonly halves: Halves;
  private readonly locks: readonly Mutex[] | null;
  /** Of this thread's sweeps. */
  readonly swept = { looked: 0, expired: 0 };

  constructor(attachment: Attachment, halves: Halves, locks: readonly Mutex[] | null) {
    this.attachment = attachment;
    this.halves = halves;
    this.locks = locks;
  }

  // ---- scan -------------------------------------------------------------------------------------

  /** Visits the live items of one bucket and identity; returns the next cursor, 0 at the end. */
  scan(cursor: number, identity: number, now: number, visit: () => void): number {
    const number = Math.floor(cursor / positions);
    const position = cursor % positions;
    if (!(number < this.halves.count && position >= 0)) return 0;
    const lock = this.locks?.[number];
    const taken = lock?.acquire() ?? false;
    const shard = this.halves.at(number);
    const bucket = shard.index.bucketOf(reverse(position));
    const span = positions >>> addressBits(bucket, shard.state[BUCKET_MASK], shard.index.buckets);
    this.visitBucket(shard, bucket, position, identity, now, visit);
    if (taken) lock?.release();
    const next = position - (position % span) + span;
    if (next < positions) return number * positions + next;
    return number + 1 === this.halves.count ? 0 : (number + 1) * positions;
  }

  /** Whether the position of a key with this hash is before the cursor. */
  passed(cursor: number, hash: number): boolean {
    const number = this.halves.numberOf(hash);
    const position = reverse(hash & (positions - 1));
    return number * positions + position < cursor;
  }

  /** Skips entries before `from`: they were visited when they were in another bucket. */
  private visitBucket(
    shard: Shard,
    first: number,
    from: number,
    identity: number,
    now: number,
    visit: () => void,
  ): void {
    const { current } = this.attachment;
    const { words } = shard.index;
    let bucket = first;
    do {
      const base = bucket * bucketWords;
      for (let slot = base; slot < base + entriesPerBucket && words[slot] !== 0; slot++) {
        if (reverse(hashBitsOf(words[slot])) < from) continue;
        if (!has(shard, slot, identity) || !this.lives(shard, slot, now)) continue;
        current.load(words[slot + LOCATION]);
        current.loadKey(words[slot + LOCATION]);
        visit();
      }
      bucket = shard.index.nextBucket(bucket);
    } while (bucket !== 0);
  }

  private lives(shard: Shard, slot: number, now: number): boolean {
    return (shard.index.words[slot] & EXPIRING) === 0 || !shard.expiredAt(slot, now);
  }

  // ---- sweep ------------------------------------------------------------------------------------

  /** Removes the expired items of up to `budget` buckets; returns their number. */
  sweep(budget: number, now: number): number {
    const { global, expires } = this.attachment;
    const { count } = this.halves;
    if (!expires) return 0;
    let removed = 0;
    let left = budget;
    // At most one round: if nothing has an expiry, this only reads a counter of each shard.
    for (let turn = 0; turn <= count && left > 0; turn++) {
      const number = global[SWEEP_SHARD] % count;
      const shard = this.halves.at(number);
      const from = global[SWEEP_POSITION];
      const looked = shard.state[EXPIRING_ITEMS] === 0 ? 0 : shard.index.buckets - from;
      if (looked > left) {
        removed += this.sweepShard(number, from, from + left, now);
        global[SWEEP_POSITION] = from + left;
        return removed;
      }
      if (looked > 0) removed += this.sweepShard(number, from, from + looked, now);
      global[SWEEP_POSITION] = 0;
      global[SWEEP_SHARD] = (number + 1) % count;
      left -= Math.max(looked, 0);
    }
    return removed;
  }

  private sweepShard(number: number, from: number, to: number, now: number): number {
    const { swept } = this;
    const hasExpired = (shard: Shard, slot: number) => {
      if ((shard.index.words[slot] & EXPIRING) === 0) return false;
      swept.looked++;
      return shard.expiredAt(slot, now);
    };
    const removed = this.clearBuckets(number, from, to, hasExpired, (shard, slot) => {
      shard.expire(slot);
    });
    swept.expired += removed;
    return removed;
  }

  /** Removes what is to go from some buckets of a shard; returns the number of items. */
  private clearBuckets(
    number: number,
    from: number,
    to: number,
    goes: (shard: Shard, slot: number) => boolean,
    remove: (shard: Shard, slot: number) => void,
  ): number {
    const lock = this.locks?.[number];
    const taken = lock?.acquire() ?? false;
    const shard = this.halves.at(number);
    let removed = 0;
    for (let bucket = from; bucket < to && bucket < shard.index.buckets; bucket++) {
      removed += this.clearBucket(shard, bucket, goes, remove);
    }
    for (let i = 0; i < removed; i++) shard.index.shrink();
    if (taken) lock?.release();
    return removed;
  }

  private clearBucket(
    shard: Shard,
    first: number,
    goes: (shard: Shard, slot: number) => boolean,
    remove: (shard: Shard, slot: number) => void,
  ): number {
    const { words } = shard.index;
    let removed = 0;
    let bucket = first;
    do {
      const base = bucket * bucketWords;
      // Read now: the bucket may be freed with its last entry, and its link then means something
      // else.
      bucket = words[base + LINK];
      for (let slot = base; slot < base + entriesPerBucket && words[slot] !== 0; ) {
        if (!goes(shard, slot)) {
          slot++;
          continue;
        }
        remove(shard, slot);
        removed++;
      }
      if (words[base + entriesPerBucket - 1] === 0) return removed;
    } while (bucket !== 0);
    return removed;
  }

  // ---- dead items -------------------------------------------------------------------------------

  /** Removes items of flushed databases from up to `budget` buckets, and returns their number. */
  bury(budget: number): number {
    const { words } = this.attachment.databases;
    const { count } = this.halves;
    let removed = 0;
    let left = budget;
    for (let turn = 0; turn <= count && left > 0; turn++) {
      const number = words[DEAD_SHARD] % count;
      const shard = this.halves.at(number);
      const from = words[DEAD_POSITION];
      if (this.deadIn(shard) > 0) {
        removed += this.buryShard(number, from, from + left);
        if (from + left < shard.index.buckets) {
          words[DEAD_POSITION] = from + left;
          return removed;
        }
        left -= shard.index.buckets - from;
      }
      // Some may have moved to buckets before this one: then the shard has another turn.
      words[DEAD_POSITION] = 0;
      words[DEAD_SHARD] = (number + 1) % count;
    }
    return removed;
  }

  private buryShard(number: number, from: number, to: number): number {
    const { databases } = this.attachment;
    const isZeroDead = databases.isDead(0);
    return this.clearBuckets(
      number,
      from,
      to,
      (shard, slot) => {
        const { words } = shard.index;
        if ((words[slot] & FOREIGN_ENTRY) === 0) return isZeroDead;
        return databases.isDead(shard.identityOf(words[slot + LOCATION]));
      },
      (shard, slot) => shard.remove(slot),
    );
  }

  /** Dead items of a shard. */
  private deadIn(shard: Shard): number {
    const { databases } = this.attachment;
    let items = 0;
    for (let identity = 0; identity < identities; identity++) {
      if (databases.isDead(identity)) items += shard.itemsOf(identity);
    }
    return items;
  }

  /** Dead identities without items. */
  unused(): number[] {
    const { databases } = this.attachment;
    const unused: number[] = [];
    for (let identity = 0; identity < identities; identity++) {
      if (!databases.isDead(identity)) continue;
      if (this.halves.shards.every((shard) => shard.itemsOf(identity) === 0)) unused.push(identity);
    }
    return unused;
  }

  // ---- a random item ----------------------------------------------------------------------------

  /** Makes a live item of an identity current, chosen by 32 random bits; false without one. */
  randomItem(random: number, identity: number, now: number): boolean {
    const { count } = this.halves;
    const start = (random >>> 26) % count;
    for (let i = 0; i < count; i++) {
      const shard = this.halves.at((start + i) % count);
      if (shard.itemsOf(identity) > 0 && this.randomOf(shard, random, identity, now)) return true;
    }
    return false;
  }

  private randomOf(shard: Shard, random: number, identity: number, now: number): boolean {
    const { buckets } = shard.index;
    const start = random % buckets;
    for (let i = 0; i < buckets; i++) {
      const bucket = (start + i) % buckets;
      const live = this.countLive(shard, bucket, identity, now);
      if (live === 0) continue;
      this.loadNth(shard, bucket, Math.floor(random / buckets) % live, identity, now);
      return true;
    }
    return false;
  }

  private countLive(shard: Shard, bucket: number, identity: number, now: number): number {
    let live = 0;
    this.visitBucket(shard, bucket, 0, identity, now, () => {
      live++;
    });
    return live;
  }

  private loadNth(shard: Shard, first: number, nth: number, identity: number, now: number): void {
    const { current } = this.attachment;
    const { words } = shard.index;
    let left = nth;
    for (let bucket = first; ; bucket = shard.index.nextBucket(bucket)) {
      const base = bucket * bucketWords;
      for (let slot = base; slot < base + entriesPerBucket && words[slot] !== 0; slot++) {
        if (!has(shard, slot, identity) || !this.lives(shard, slot, now) || left-- > 0) continue;
        current.load(words[slot + LOCATION]);
        current.loadKey(words[slot + LOCATION]);
        return;
      }
    }
  }
}

/** Whether an entry is of this identity. Those of 0 are told from others without their items. */
function has(shard: Shard, slot: number, identity: number): boolean {
  const { words } = shard.index;
  if ((words[slot] & FOREIGN_ENTRY) === 0) return identity === 0;
  return identity !== 0 && shard.identityOf(words[slot + LOCATION]) === identity;
}

/** The 26 bits in reverse order. */
function reverse(bits: number): number {
  let x = bits << (32 - hashBits);
  x = ((x >>> 1) & 0x55555555) | ((x & 0x55555555) << 1);
  x = ((x >>> 2) & 0x33333333) | ((x & 0x33333333) << 2);
  x = ((x >>> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4);
  x = ((x >>> 8) & 0x00ff00ff) | ((x & 0x00ff00ff) << 8);
  return ((x >>> 16) | (x << 16)) >>> 0;
}

/** Where a walk begins that is to pass this share (0 to 1) of the store by. */
export function cursorAt(share: number, shards: number): number {
  return Math.floor(share * shards * positions);
}

/** The number of low hash bits that select this bucket: one less if it has not been split yet. */
function addressBits(bucket: number, mask: number, buckets: number): number {
  const bits = 32 - Math.clz32(mask);
  const half = (mask >>> 1) + 1;
  return (bucket & (half - 1)) + half < buckets ? bits : bits - 1;
}
