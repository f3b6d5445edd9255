// Hot path: the parts of one shard (its index, log, ghosts, counters and versions) and the steps
// that keep them consistent when an entry goes or its item moves. shard.ts finds and writes items;
// eviction.ts decides which ones go. It does not lock: the caller holds the shard's lock.
// Invariant: between two calls every entry of the index names one live item, and every live item
// has one entry, whose flags name its queue.

import { ARENA_SHIFT, UNIT_MASK } from "./arenas.ts";
import type { Attachment, RemovalReason } from "./attachment.ts";
import { BucketIndex, EXPIRING, hashBitsOf, IN_MAIN, LOCATION } from "./bucket-index.ts";
import { Ghosts } from "./ghost.ts";
import {
  CHAIN,
  chainSegmentsFor,
  chainWord,
  flagsOf,
  itemBytesAt,
  keyLengthOf,
  valueLengthAt,
} from "./item.ts";
import { ItemLog } from "./item-log.ts";
import {
  CHAIN_SEGMENTS,
  EXPIRATIONS,
  EXPIRING_ITEMS,
  MAIN_QUEUE,
  QUEUE_WORDS,
  QUEUES,
  SEGMENTS,
  SMALL_QUEUE,
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
  private readonly versions: Int32Array;

  constructor(attachment: Attachment, number: number) {
    const { memory } = attachment;
    this.number = number;
    this.attachment = attachment;
    this.state = shardState(memory, number);
    this.statistics = shardStatistics(memory, number);
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
    this.touchVersion(hashBitsOf(meta));
    this.index.remove(slot);
  }

  expire(slot: number): void {
    this.statistics[EXPIRATIONS]++;
    this.report("expired", this.buckets[slot + LOCATION]);
    this.remove(slot);
  }

  /** Calls the listener while the item is still intact. */
  report(reason: RemovalReason, location: number): void {
    const { listener, other } = this.attachment;
    if (listener === null) return;
    other.loadKey(location);
    listener.removed(reason, other.keyBytes, other.keyStart, other.keyEnd);
  }

  // ---- counters ---------------------------------------------------------------------------------

  queueOf(slot: number): number {
    return (this.buckets[slot] & IN_MAIN) !== 0 ? MAIN_QUEUE : SMALL_QUEUE;
  }

  /** Notes a new expiry (0 = none) in the entry, the counters and the segment. */
  noteExpiry(slot: number, expiresAt: number): void {
    const buckets = this.buckets;
    if (expiresAt !== 0 && (buckets[slot] & EXPIRING) === 0) {
      buckets[slot] |= EXPIRING;
      this.state[EXPIRING_ITEMS]++;
    } else if (expiresAt === 0 && (buckets[slot] & EXPIRING) !== 0) {
      buckets[slot] &= ~EXPIRING;
      this.state[EXPIRING_ITEMS]--;
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
    let sum = 0;
    for (const version of this.versions) sum = (sum + version) | 0;
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
