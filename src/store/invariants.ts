// Checks a whole store for consistency: walks every bucket, every item of every segment, every
// chain, the queues and the pool, and compares all counters with what it found. For tests and
// fuzzers: it takes time proportional to the store, and no other thread may write meanwhile.
// Invariant: it changes nothing.

import { assert } from "../base/errors.ts";
import type { Attachment } from "./attachment.ts";
import {
  EXPIRING,
  entriesPerBucket,
  FOREIGN_ENTRY,
  hashBits,
  hashBitsOf,
  IN_MAIN,
  LOCATION,
} from "./bucket-index.ts";
import { type DatabaseTable, identities } from "./database-table.ts";
import type { Halves } from "./halves.ts";
import { CHAIN, chainWord, DEAD_BIT, expiryAt, flagsOf, itemBytesAt, LONG_KEY } from "./item.ts";
import {
  BUCKETS,
  bucketsFirst,
  bucketWords,
  CHAIN_SEGMENTS,
  EXPIRING_ITEMS,
  FREE_SEGMENT,
  FRESH_SEGMENT,
  GHOST_BUCKETS,
  ITEMS,
  NEWEST,
  NONE,
  OLDEST,
  OVERFLOW_FREE,
  OVERFLOW_IN_USE,
  OVERFLOW_LOW,
  QUEUE_WORDS,
  QUEUES,
  REPLACING,
  SEGMENTS,
  SEGMENTS_IN_USE,
  USED_UNITS,
} from "./memory.ts";
import { SEGMENT_FREE, SEGMENT_OF_CHAIN, SEGMENT_OF_QUEUE } from "./segments.ts";
import type { Shard } from "./shard.ts";

export function checkStore(attachment: Attachment, { shards, spare }: Halves): void {
  const { global, segments, memory } = attachment;
  checkTable(attachment.databases);
  const seen = new Set<number>();
  let units = 0;
  for (const shard of shards) {
    new ShardCheck(shard, seen).run();
    units += shard.state[BUCKETS] + shard.state[OVERFLOW_IN_USE] + shard.state[GHOST_BUCKETS];
  }
  assert(seen.size === global[SEGMENTS_IN_USE], "every segment in use belongs to a shard");
  units += seen.size * segments.units;
  assert(units === global[USED_UNITS], `used units ${global[USED_UNITS]}, found ${units}`);
  let free = 0;
  for (let s = global[FREE_SEGMENT]; s !== NONE; s = segments.next(s)) {
    assert(segments.state(s) === SEGMENT_FREE && !seen.has(s), `free segment ${s} is used`);
    assert(++free <= memory.geometry.segments, "the free list is a list");
  }
  assert(free + seen.size === global[FRESH_SEGMENT], "used and free segments are all there are");
  if (global[REPLACING] === 0) for (const shard of spare) checkEmpty(shard);
}

function checkEmpty({ state, segmentCount }: Shard): void {
  const isEmpty = state[ITEMS] === 0 && segmentCount === 0 && state[BUCKETS] === bucketsFirst;
  assert(isEmpty && state[GHOST_BUCKETS] === 0, "a spare shard is empty without a replacement");
}

function checkTable(databases: DatabaseTable): void {
  const live = new Set<number>();
  for (let number = 0; number < databases.count; number++) {
    const identity = databases.identityOf(number);
    assert(databases.numberOf(identity) === number, `database ${number} has its own identity`);
    live.add(identity);
  }
  let dead = 0;
  for (let identity = 0; identity < identities; identity++) {
    const isLive = databases.numberOf(identity) >= 0;
    assert(isLive === live.has(identity), `identity ${identity} has no database`);
    if (databases.isDead(identity)) dead++;
  }
  assert(databases.hasDead === dead > 0, "dead identities are counted");
}

class ShardCheck {
  private readonly shard: Shard;
  private readonly attachment: Attachment;
  /** Segments found so far, in all shards. */
  private readonly seen: Set<number>;
  private readonly liveBytes = new Map<number, number>();
  private readonly chains = [0, 0];
  /** Items and expiring items by identity. */
  private readonly counts = new Int32Array(2 * identities);

  constructor(shard: Shard, seen: Set<number>) {
    this.shard = shard;
    this.attachment = shard.attachment;
    this.seen = seen;
  }

  run(): void {
    this.checkIndex();
    this.checkQueue(0);
    this.checkQueue(1);
    const chains = this.chains[0] + this.chains[1];
    assert(chains === this.shard.state[CHAIN_SEGMENTS], "chain segments are counted");
    for (let i = 0; i < this.counts.length; i++) {
      assert(this.counts[i] === this.shard.counts[i], `identity ${i >> 1} is counted`);
    }
  }

  // ---- index ------------------------------------------------------------------------------------

  private checkIndex(): void {
    const { index, state } = this.shard;
    let items = 0;
    let expiring = 0;
    let overflow = 0;
    for (let first = 0; first < index.buckets; first++) {
      let full = true;
      for (let bucket = first; ; overflow++) {
        const count = this.checkBucket(first, bucket, full);
        items += count;
        expiring += this.countExpiring(bucket);
        full = count === entriesPerBucket;
        bucket = index.nextBucket(bucket);
        if (bucket === 0) break;
        const empty = index.words[bucket * bucketWords] === 0;
        assert(
          !empty && bucket >= state[OVERFLOW_LOW],
          `bucket ${bucket} is not an overflow bucket`,
        );
      }
    }
    assert(items === state[ITEMS], `${state[ITEMS]} items counted, ${items} found`);
    assert(expiring === state[EXPIRING_ITEMS], "expiring items are counted");
    assert(overflow === state[OVERFLOW_IN_USE], "overflow buckets are counted");
    const region = index.words.length / bucketWords;
    const taken = region - state[OVERFLOW_LOW];
    assert(overflow + this.freeBuckets() === taken, "no overflow bucket is lost");
  }

  private checkBucket(first: number, bucket: number, mayHold: boolean): number {
    const { index } = this.shard;
    let count = 0;
    let ended = false;
    for (let i = 0; i < entriesPerBucket; i++) {
      const slot = bucket * bucketWords + i;
      if (index.words[slot] === 0) {
        ended = true;
        continue;
      }
      assert(!ended && mayHold, `bucket ${bucket} is not packed`);
      const bits = hashBitsOf(index.words[slot]);
      assert(index.bucketOf(bits) === first, `slot ${slot} is in the wrong bucket`);
      this.checkEntry(slot, bits);
      count++;
    }
    return count;
  }

  private countExpiring(bucket: number): number {
    let count = 0;
    for (let i = 0; i < entriesPerBucket; i++) {
      if ((this.shard.index.words[bucket * bucketWords + i] & EXPIRING) !== 0) count++;
    }
    return count;
  }

  private freeBuckets(): number {
    const { index, state } = this.shard;
    let count = 0;
    for (let b = state[OVERFLOW_FREE]; b !== 0; b = index.nextBucket(b)) count++;
    return count;
  }

  // ---- items ------------------------------------------------------------------------------------

  private checkEntry(slot: number, bits: number): void {
    const { arenas, segments, databases, other } = this.attachment;
    const meta = this.shard.index.words[slot];
    const location = this.shard.index.words[slot + LOCATION];
    const words = arenas.wordsOf(location);
    const at = arenas.wordAt(location);
    assert((words[at] & DEAD_BIT) === 0, "an entry names a live item");
    other.loadKey(location);
    const identity = this.shard.identityOf(location);
    const isForeign = (meta & FOREIGN_ENTRY) !== 0;
    assert(isForeign === (identity !== 0), "an entry knows whether its item is foreign");
    const isUsed = databases.numberOf(identity) >= 0 || databases.isDead(identity);
    assert(isUsed, `identity ${identity} is free`);
    const hasher = this.attachment.hasherOf(identity);
    const hash = hasher.hash(other.keyBytes, other.keyStart, other.keyEnd);
    assert((hash & (2 ** hashBits - 1)) === bits, "an entry has its key's hash");
    const expiring = expiryAt(words, at) !== 0;
    assert(expiring === ((meta & EXPIRING) !== 0), "an entry knows whether its item expires");
    if (isForeign) this.countForeign(identity, expiring);
    const segment = arenas.segmentOf(location);
    const queue = (meta & IN_MAIN) !== 0 ? 1 : 0;
    assert(segments.state(segment) === SEGMENT_OF_QUEUE + queue, "an item is in its queue");
    assert(segments.owner(segment) === this.shard.number, "an item is in its shard");
    const bytes = itemBytesAt(words, at, arenas.segmentShift);
    this.liveBytes.set(segment, (this.liveBytes.get(segment) ?? 0) + bytes);
    if ((flagsOf(words[at]) & CHAIN) !== 0) this.checkChain(location, queue);
    else assert((flagsOf(words[at]) & LONG_KEY) === 0, "a long key is in a chain");
  }

  private countForeign(identity: number, expiring: boolean): void {
    for (const at of [0, 2 * identity]) {
      this.counts[at]++;
      if (expiring) this.counts[at + 1]++;
    }
  }

  private checkChain(location: number, queue: number): void {
    const { arenas, segments } = this.attachment;
    const words = arenas.wordsOf(location);
    const at = arenas.wordAt(location);
    let count = 0;
    for (let s = words[chainWord(words[at], at)]; s !== NONE; s = segments.next(s)) {
      assert(segments.state(s) === SEGMENT_OF_CHAIN, `segment ${s} is not of a chain`);
      assert(segments.owner(s) === this.shard.number, `segment ${s} belongs to another shard`);
      this.meet(s);
      count++;
    }
    assert(count === this.shard.chainSegmentsOf(location), "a chain is as long as its item says");
    this.chains[queue] += count;
  }

  // ---- segments ---------------------------------------------------------------------------------

  private checkQueue(queue: number): void {
    const { segments } = this.attachment;
    const { state } = this.shard;
    const words = QUEUES + queue * QUEUE_WORDS;
    let count = 0;
    let previous = NONE;
    for (let s = state[words + OLDEST]; s !== NONE; s = segments.next(s)) {
      assert(segments.previous(s) === previous, `segment ${s} is linked both ways`);
      this.meet(s);
      this.checkSegment(s);
      previous = s;
      count++;
    }
    assert(previous === state[words + NEWEST], "a queue ends at its newest segment");
    assert(count + this.chains[queue] === state[words + SEGMENTS], "segments are counted");
  }

  private checkSegment(segment: number): void {
    const { arenas, segments } = this.attachment;
    const first = arenas.locate(segment, 0);
    const words = arenas.wordsOf(first);
    const start = arenas.wordAt(first);
    let at = start;
    let dead = 0;
    while (at < start + segments.filled(segment) / 4) {
      const bytes = itemBytesAt(words, at, arenas.segmentShift);
      if ((words[at] & DEAD_BIT) !== 0) dead += bytes;
      at += bytes / 4;
    }
    assert(at === start + segments.filled(segment) / 4, "items fill a segment end to end");
    assert(dead === segments.deadBytes(segment), `segment ${segment}: dead bytes are counted`);
    const live = this.liveBytes.get(segment) ?? 0;
    assert(live === segments.liveBytes(segment), `segment ${segment}: an item has no entry`);
  }

  private meet(segment: number): void {
    assert(!this.seen.has(segment), `segment ${segment} is used twice`);
    this.seen.add(segment);
  }
}
