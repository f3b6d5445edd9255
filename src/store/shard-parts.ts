// Hot path: the parts of one shard (its index, log, ghosts, counters and versions) and the steps
// that keep them consistent when an entry goes or its item moves. shard.ts finds and writes items;
// eviction.ts decides which ones go. It does not lock: the caller holds the shard's lock.
// Invariant: between two calls every entry of the index names one live item, and every live item
// has one entry, whose flags name its queue.

import { ARENA_SHIFT, UNIT_MASK } from "./arenas.ts";
import type { Attachment, RemovalReason } from "./attachment.ts";
import {
  BucketIndex,
  EXPIRING,
  FOREIGN_ENTRY,
  hashBitsOf,
  IN_MAIN,
  LOCATION,
} from "./bucket-index.ts";
import { Ghosts } from "./ghost.ts";
import {
  CHAIN,
  chainSegmentsFor,
  chainWord,
  flagsOf,
  headerBytesOf,
  identityAt,
  itemBytesAt,
  keyLengthOf,
  valueLengthAt,
} from "./item.ts";
import { ItemLog } from "./item-log.ts";
import {
  CHAIN_SEGMENTS,
  EXPIRATIONS,
  EXPIRING_ITEMS,
  ITEMS,
  MAIN_QUEUE,
  QUEUE_WORDS,
  QUEUES,
  SEGMENTS,
  SMALL_QUEUE,
  shardCounts,
  shardState,
  shardStatistics,
  versionsPerShard,
} from "./memory.ts";

export class ShardParts {
  readonly number: number;
  readonly attachment: Attachment;
  readonly state: Int32Array;
  readonly statistics: Float64Array;
  readonly index: BucketIndex;
  readonly log: ItemLog;
  readonly ghosts: Ghosts;
  protected readonly buckets: Int32Array;
  protected readonly arenaWords: readonly Int32Array[];
  /**
   * Two words by identity: its items, and how many of them expire. Those of 0 count all others
   * together, since items of identity 0 are not counted by identity.
   */
  readonly counts: Int32Array;
  private readonly versions: Int32Array;

  constructor(attachment: Attachment, number: number) {
    const { memory } = attachment;
    this.number = number;
    this.attachment = attachment;
    this.state = shardState(memory, number);
    this.statistics = shardStatistics(memory, number);
    this.counts = shardCounts(memory, number);
    this.index = new BucketIndex(memory.index[number], this.state, attachment.global);
    this.log = new ItemLog(attachment, number, this.state);
    this.ghosts = new Ghosts(memory.ghosts[number], this.state, attachment.global);
    this.buckets = this.index.words;
    this.arenaWords = attachment.arenas.words;
    // Shared with the shard of the same number in the other half: a replacement changes the
    // versions.
    const versions = (number % memory.geometry.shards) * versionsPerShard * 4;
    this.versions = new Int32Array(memory.versions, versions, versionsPerShard);
  }

  // ---- removing ---------------------------------------------------------------------------------

  /** Removes the entry and marks the item dead. The chain's last entry moves into the slot. */
  remove(slot: number): void {
    const location = this.buckets[slot + LOCATION];
    this.unlink(slot);
    this.killItem(location);
  }

  /** As remove(), but does not mark the item dead: an eviction frees its whole segment. */
  unlink(slot: number): void {
    const meta = this.buckets[slot];
    if ((meta & EXPIRING) !== 0) this.state[EXPIRING_ITEMS]--;
    const location = this.buckets[slot + LOCATION];
    const head = this.arenaWords[location >>> ARENA_SHIFT][(location & UNIT_MASK) << 1];
    // Checked here as well: an eviction unlinks hundreds of items, and hardly any has a chain.
    if ((flagsOf(head) & CHAIN) !== 0) this.releaseChain(location, this.queueOf(slot));
    if ((meta & FOREIGN_ENTRY) !== 0) this.uncount(location, meta);
    this.touchVersion(hashBitsOf(meta));
    this.index.remove(slot);
  }

  expire(slot: number): void {
    this.statistics[EXPIRATIONS]++;
    this.report("expired", this.buckets[slot + LOCATION]);
    this.remove(slot);
  }

  /** Calls the listener while the item is still intact; a dead one went with its database. */
  report(reason: RemovalReason, location: number): void {
    const { listener, other, databases } = this.attachment;
    if (listener === null) return;
    const database = databases.numberOf(this.identityOf(location));
    if (database < 0) return;
    other.loadKey(location);
    listener.removed(reason, other.keyBytes, other.keyStart, other.keyEnd, database);
  }

  // ---- identities -------------------------------------------------------------------------------

  identityOf(location: number): number {
    const words = this.arenaWords[location >>> ARENA_SHIFT];
    const bytes = this.attachment.arenas.bytesOf(location);
    return identityAt(words, (location & UNIT_MASK) << 1, bytes);
  }

  /** Writes the selected identity, which is not 0, into a header that was just written. */
  writeIdentity(location: number): void {
    const { arenas, identity } = this.attachment;
    const at = (location & UNIT_MASK) << 1;
    const head = this.arenaWords[location >>> ARENA_SHIFT][at];
    arenas.bytesOf(location)[(at << 2) + headerBytesOf(head) - 1] = identity;
  }

  /** Counts a new item of the selected identity, which is not 0. */
  protected countForeign(): void {
    this.counts[0]++;
    this.counts[this.attachment.identity * 2]++;
  }

  private countExpiring(identity: number, by: number): void {
    this.counts[1] += by;
    this.counts[identity * 2 + 1] += by;
  }

  private uncount(location: number, meta: number): void {
    const identity = this.identityOf(location);
    this.counts[0]--;
    this.counts[identity * 2]--;
    if ((meta & EXPIRING) !== 0) this.countExpiring(identity, -1);
  }

  /** The items of an identity. */
  itemsOf(identity: number): number {
    const { counts, state } = this;
    return identity === 0 ? state[ITEMS] - counts[0] : counts[identity * 2];
  }

  /** How many of them expire. */
  expiringOf(identity: number): number {
    const { counts, state } = this;
    return identity === 0 ? state[EXPIRING_ITEMS] - counts[1] : counts[identity * 2 + 1];
  }

  // ---- counters ---------------------------------------------------------------------------------

  queueOf(slot: number): number {
    return (this.buckets[slot] & IN_MAIN) !== 0 ? MAIN_QUEUE : SMALL_QUEUE;
  }

  /**
   * Notes a new expiry (0 = none) of an item of the selected database in the entry, the counters
   * and the segment.
   */
  noteExpiry(slot: number, expiresAt: number): void {
    const buckets = this.buckets;
    if (expiresAt !== 0 && (buckets[slot] & EXPIRING) === 0) {
      buckets[slot] |= EXPIRING;
      this.state[EXPIRING_ITEMS]++;
      if (this.attachment.identity !== 0) this.countExpiring(this.attachment.identity, 1);
    } else if (expiresAt === 0 && (buckets[slot] & EXPIRING) !== 0) {
      buckets[slot] &= ~EXPIRING;
      this.state[EXPIRING_ITEMS]--;
      if (this.attachment.identity !== 0) this.countExpiring(this.attachment.identity, -1);
    }
    const { arenas, segments } = this.attachment;
    segments.noteExpiry(arenas.segmentOf(buckets[slot + LOCATION]), expiresAt);
  }

  killItem(location: number): void {
    const words = this.arenaWords[location >>> ARENA_SHIFT];
    const at = (location & UNIT_MASK) << 1;
    this.log.kill(location, itemBytesAt(words, at, this.attachment.arenas.segmentShift));
  }

  /** Frees the item's chain, if it has one. */
  releaseChain(location: number, queue: number): void {
    const words = this.arenaWords[location >>> ARENA_SHIFT];
    const at = (location & UNIT_MASK) << 1;
    const head = words[at];
    if ((flagsOf(head) & CHAIN) === 0) return;
    const count = this.attachment.chains.free(words[chainWord(head, at)]);
    this.countChain(queue, -count);
  }

  chainSegmentsOf(location: number): number {
    const words = this.arenaWords[location >>> ARENA_SHIFT];
    const at = (location & UNIT_MASK) << 1;
    const flags = flagsOf(words[at]);
    if ((flags & CHAIN) === 0) return 0;
    const keyLength = keyLengthOf(words[at]);
    const { segmentShift } = this.attachment.arenas;
    return chainSegmentsFor(flags, keyLength, valueLengthAt(words, at), segmentShift);
  }

  /** Counts chain segments that an item of the queue got, or lost if `count` is negative. */
  countChain(queue: number, count: number): void {
    this.state[CHAIN_SEGMENTS] += count;
    this.state[QUEUES + queue * QUEUE_WORDS + SEGMENTS] += count;
  }

  touchVersion(hash: number): void {
    this.versions[versionOf(hash)]++;
  }

  /** The sum of all versions, modulo 2^32: it counts their changes. */
  changes(): number {
    const { versions } = this;
    let sum = 0;
    // By index: an iterator takes five times as long before it is compiled, as at each start.
    for (let i = 0; i < versions.length; i++) sum = (sum + versions[i]) | 0;
    return sum;
  }

  version(hash: number): number {
    return this.versions[versionOf(hash)] >>> 0;
  }

  /** Segments of both queues, including chains. */
  get segmentCount(): number {
    return this.state[QUEUES + SEGMENTS] + this.state[QUEUES + QUEUE_WORDS + SEGMENTS];
  }
}

/** Uses other bits than the lowest ones, which select the bucket, but only the 26 of an entry. */
function versionOf(hash: number): number {
  return (hash >>> 7) & (versionsPerShard - 1);
}
