// Hot path: one shard's items. It finds, writes and removes them, and keeps index, log and counters
// consistent. It does not lock: the caller holds the shard's lock. eviction.ts decides what to
// evict; rewrite.ts changes parts of an item (a new TTL, a longer value).
// Invariant: between two calls every entry of the index names one live item, and every live item
// has one entry, whose flags name its queue.

import { copyBytes } from "../base/bytes.ts";
import { chainBucketsMax, keyBytesMax } from "../base/limits.ts";
import { ARENA_SHIFT, UNIT_MASK } from "./arenas.ts";
import type { Attachment, RemovalReason } from "./attachment.ts";
import {
  BucketIndex,
  CHAIN_FULL,
  EXPIRING,
  hashBitsOf,
  IN_MAIN,
  LOCATION,
  USES_MASK,
  usesMax,
} from "./bucket-index.ts";
import { Evictor } from "./eviction.ts";
import { Ghosts } from "./ghost.ts";
import {
  CHAIN,
  chainSegmentsFor,
  chainWord,
  flagsOf,
  HEADER_BYTES,
  itemBytesAt,
  keyLengthOf,
  LONG_KEY,
  valueLengthAt,
} from "./item.ts";
import { ItemLog } from "./item-log.ts";
import { ABSENT, Lookup } from "./lookup.ts";
import {
  CHAIN_SEGMENTS,
  CROWDED,
  EVICTIONS,
  EXPIRATIONS,
  EXPIRING_ITEMS,
  GHOST_HITS,
  HITS,
  LIMIT_UNITS,
  MAIN_QUEUE,
  MISSES,
  NONE,
  QUEUE_WORDS,
  QUEUES,
  SEGMENTS,
  SMALL_QUEUE,
  type StoreMemory,
  shardState,
  shardStatistics,
  unitBytes,
  VALUE_BYTES_MAX,
  versionsPerShard,
} from "./memory.ts";

/** The item is stored. */
export const STORED = 0;
/** The value exceeds the longest allowed or a quarter of the limit, or the key is too long. */
export const TOO_LARGE = 1;
/** The item does not fit, and nothing may be evicted. */
export const FULL = 2;

export class Shard {
  readonly number: number;
  readonly attachment: Attachment;
  readonly state: Int32Array;
  readonly statistics: Float64Array;
  readonly index: BucketIndex;
  readonly log: ItemLog;
  readonly ghosts: Ghosts;
  readonly evictor: Evictor;
  readonly #lookup: Lookup;
  readonly #versions: Int32Array;
  readonly #buckets: Int32Array;
  readonly #arenaWords: readonly Int32Array[];
  readonly #arenaBytes: readonly Uint8Array[];
  /** The chain that allocate() took for the item, or NONE. */
  #chain: number;
  /** The slot that #prepare() wrote. */
  #slot: number;

  constructor(attachment: Attachment, number: number) {
    const memory: StoreMemory = attachment.memory;
    this.number = number;
    this.attachment = attachment;
    this.state = shardState(memory, number);
    this.statistics = shardStatistics(memory, number);
    this.index = new BucketIndex(memory.index[number], this.state, attachment.global);
    this.log = new ItemLog(attachment, number, this.state);
    this.ghosts = new Ghosts(memory.ghosts[number], this.state, attachment.global);
    this.evictor = new Evictor(this);
    this.#lookup = new Lookup(attachment, this.index);
    // Shared with the shard of the same number in the other half: a replacement changes the
    // versions.
    const versions = (number % memory.geometry.shards) * versionsPerShard * 4;
    this.#versions = new Int32Array(memory.versions, versions, versionsPerShard);
    this.#buckets = this.index.words;
    this.#arenaWords = attachment.arenas.words;
    this.#arenaBytes = attachment.arenas.bytes;
    this.#chain = NONE;
    this.#slot = ABSENT;
  }

  // ---- finding ----------------------------------------------------------------------------------

  find(hash: number, key: Uint8Array, start: number, end: number, now: number): boolean {
    const slot = this.locateLive(hash, key, start, end, now);
    if (slot === ABSENT) return false;
    this.attachment.current.load(this.#buckets[slot + LOCATION]);
    return true;
  }

  read(hash: number, key: Uint8Array, start: number, end: number, now: number): boolean {
    const slot = this.locateLive(hash, key, start, end, now);
    if (slot === ABSENT) {
      this.statistics[MISSES]++;
      return false;
    }
    this.statistics[HITS]++;
    const meta = this.#buckets[slot];
    // Not written when saturated: a hot item's bucket stays clean in every core's cache.
    if ((meta & USES_MASK) !== usesMax && this.attachment.countsUses)
      this.#buckets[slot] = meta + 1;
    this.attachment.current.load(this.#buckets[slot + LOCATION]);
    return true;
  }

  /**
   * The slot of an item that is live at `now`, or -1. Removes an expired one if this node expires.
   */
  locateLive(hash: number, key: Uint8Array, start: number, end: number, now: number): number {
    const slot = this.locate(hash, key, start, end);
    if (slot === ABSENT || (this.#buckets[slot] & EXPIRING) === 0) return slot;
    if (!this.expiredAt(slot, now)) return slot;
    if (this.attachment.expires) {
      this.expire(slot);
      this.index.shrink();
    }
    return ABSENT;
  }

  /** The slot of the key's entry, expired or not, or -1. */
  locate(hash: number, key: Uint8Array, start: number, end: number): number {
    return this.#lookup.locate(hash, key, start, end);
  }

  /** Whether the item of an EXPIRING entry has expired. At its exact moment it has. */
  expiredAt(slot: number, now: number): boolean {
    return this.#lookup.expiredAt(slot, now);
  }

  // ---- writing ----------------------------------------------------------------------------------

  set(
    hash: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
    clientFlags: number,
  ): number {
    const length = valueEnd - valueStart;
    if (!this.accepts(keyEnd - keyStart, length)) return TOO_LARGE;
    const { layout, other } = this.attachment;
    layout.measure(keyEnd - keyStart, length, expiresAt, clientFlags);
    const location = this.#prepare(hash, key, keyStart, keyEnd, length, expiresAt, clientFlags);
    if (location === NONE) return FULL;
    if (layout.chainSegments === 0) {
      const bytes = this.#arenaBytes[location >>> ARENA_SHIFT];
      const item = (location & UNIT_MASK) << 3;
      const at = item + HEADER_BYTES[layout.flags & 15] + keyEnd - keyStart;
      copyBytes(value, valueStart, valueEnd, bytes, at);
    } else {
      other.load(location);
      other.write(0, value, valueStart, valueEnd);
    }
    return STORED;
  }

  /**
   * Creates an item with a value of `length` undefined bytes, which becomes current to be written.
   */
  create(hash: number, key: Uint8Array, keyStart: number, keyEnd: number, length: number): boolean {
    const { layout, current } = this.attachment;
    layout.measure(keyEnd - keyStart, length, 0, 0);
    const location = this.#prepare(hash, key, keyStart, keyEnd, length, 0, 0);
    if (location !== NONE) current.load(location);
    return location !== NONE;
  }

  /** Whether the lengths are allowed. A follower accepts any that its leader accepted. */
  accepts(keyLength: number, valueLength: number): boolean {
    const { global, expires } = this.attachment;
    if (keyLength > keyBytesMax) return false;
    if (!expires) return true;
    const quarter = global[LIMIT_UNITS] * (unitBytes / 4);
    return valueLength <= global[VALUE_BYTES_MAX] && valueLength <= quarter && keyLength <= quarter;
  }

  /**
   * Does all of a write except the value's bytes: room, entry, header, key. Returns the location,
   * or NONE if there is no room; the key then keeps its old item.
   */
  #prepare(
    hash: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueLength: number,
    expiresAt: number,
    clientFlags: number,
  ): number {
    if (!this.makeReady()) return NONE;
    const { attachment } = this;
    const { layout } = attachment;
    const slot = this.locate(hash, key, keyStart, keyEnd);
    const location = slot === ABSENT ? this.#enter(hash) : this.#replace(slot);
    if (location === NONE) return NONE;
    const at = (location & UNIT_MASK) << 1;
    const words = this.#arenaWords[location >>> ARENA_SHIFT];
    layout.write(words, at, valueLength, expiresAt, clientFlags, this.#chain);
    if ((layout.flags & LONG_KEY) !== 0) {
      attachment.chains.write(this.#chain, 0, key, keyStart, keyEnd);
    } else {
      const bytes = this.#arenaBytes[location >>> ARENA_SHIFT];
      copyBytes(key, keyStart, keyEnd, bytes, (at << 2) + HEADER_BYTES[layout.flags & 15]);
    }
    this.noteExpiry(this.#slot, expiresAt);
    this.touchVersion(hash);
    if (slot === ABSENT) this.index.grow();
    return location;
  }

  /** Adds an entry, in the main queue if the key recently left the small one. */
  #enter(hash: number): number {
    const recalled = this.attachment.evicts && this.ghosts.recall(hash);
    if (recalled) this.statistics[GHOST_HITS]++;
    const queue = recalled ? IN_MAIN : 0;
    let slot = this.index.insert(hash, 0, queue, chainBucketsMax);
    while (slot < 0) {
      if (slot === CHAIN_FULL) {
        slot = this.#enterCrowded(hash, queue);
        if (slot === CHAIN_FULL) return NONE;
        continue;
      }
      // No overflow bucket is left: evictions free slots, eventually one in this bucket.
      if (!this.evictor.relieve()) return NONE;
      slot = this.index.insert(hash, 0, queue, chainBucketsMax);
    }
    const location = this.allocate(recalled ? MAIN_QUEUE : SMALL_QUEUE, false);
    if (location === NONE) this.index.remove(slot);
    else this.#buckets[slot + LOCATION] = location;
    this.#slot = slot;
    return location;
  }

  /**
   * The chain is at its bound, which only keys chosen to collide can cause. The least used entry of
   * the last bucket is evicted; if nothing may be evicted, the new entry is refused. A follower
   * holds what its leader holds, and lets the chain grow.
   */
  #enterCrowded(hash: number, queue: number): number {
    this.statistics[CROWDED]++;
    const { expires, evicts } = this.attachment;
    if (!expires) return this.index.insert(hash, 0, queue);
    if (!evicts) return CHAIN_FULL;
    const victim = this.index.leastUsedInLast(hash);
    this.statistics[EVICTIONS]++;
    this.report("evicted", this.#buckets[victim + LOCATION]);
    this.remove(victim);
    return this.index.insert(hash, 0, queue, chainBucketsMax);
  }

  /**
   * The location for the new item of an existing entry: that of the old item if the sizes are
   * equal.
   */
  #replace(slot: number): number {
    const { layout, arenas } = this.attachment;
    const buckets = this.#buckets;
    const old = buckets[slot + LOCATION];
    const at = (old & UNIT_MASK) << 1;
    const words = this.#arenaWords[old >>> ARENA_SHIFT];
    if ((buckets[slot] & USES_MASK) !== usesMax) buckets[slot]++;
    this.#slot = slot;
    if (layout.equals(words[at])) return old;
    const chained = (flagsOf(words[at]) & CHAIN) !== 0;
    this.#chain = chained ? words[chainWord(words[at], at)] : NONE;
    if (
      itemBytesAt(words, at, arenas.segmentShift) === layout.bytes &&
      this.chainSegmentsOf(old) === layout.chainSegments
    ) {
      return old;
    }
    const location = this.allocate(this.queueOf(slot), false);
    if (location === NONE) return NONE;
    this.releaseChain(old, this.queueOf(slot));
    this.killItem(old);
    buckets[slot + LOCATION] = location;
    return location;
  }

  /**
   * Allocates chain and location for the layout's item; NONE, and nothing is taken, if there is no
   * room.
   */
  allocate(queue: number, evicting: boolean): number {
    const { layout, chains } = this.attachment;
    const count = layout.chainSegments;
    let chain = NONE;
    if (count !== 0) {
      chain = chains.take(this.number, count);
      if (chain === NONE) return NONE;
    }
    const location = this.log.append(layout.bytes, queue, evicting);
    if (count !== 0) {
      if (location === NONE) chains.free(chain);
      else this.countChain(queue, count);
    }
    this.#chain = chain;
    return location;
  }

  /** The chain of the item just allocated. */
  get allocatedChain(): number {
    return this.#chain;
  }

  /** Whether the layout's item is certain to fit below the reserve, in either queue. */
  hasRoom(): boolean {
    const { layout, segments } = this.attachment;
    if (segments.unitsBeforeReserve() >= (layout.chainSegments + 1) * segments.units + 4)
      return true;
    if (layout.chainSegments !== 0) return false;
    return this.log.fits(layout.bytes, SMALL_QUEUE) && this.log.fits(layout.bytes, MAIN_QUEUE);
  }

  /**
   * Makes room within a command. Room was made before it, so the reserve itself is used up here (a
   * large EXEC, or a reserve no larger than the limit), and this shard evicts under its lock.
   */
  makeReady(): boolean {
    while (!this.hasRoom()) {
      if (!this.evictor.relieve()) return this.attachment.segments.overdraws;
    }
    return true;
  }

  // ---- removing ---------------------------------------------------------------------------------

  delete(hash: number, key: Uint8Array, start: number, end: number, now: number): boolean {
    const slot = this.locateLive(hash, key, start, end, now);
    if (slot === ABSENT) return false;
    this.remove(slot);
    this.index.shrink();
    return true;
  }

  /** Removes the entry and marks the item dead. The chain's last entry moves into the slot. */
  remove(slot: number): void {
    const location = this.#buckets[slot + LOCATION];
    this.unlink(slot);
    this.killItem(location);
  }

  /** As remove(), but does not mark the item dead: an eviction frees its whole segment. */
  unlink(slot: number): void {
    const meta = this.#buckets[slot];
    if ((meta & EXPIRING) !== 0) this.state[EXPIRING_ITEMS]--;
    const location = this.#buckets[slot + LOCATION];
    const head = this.#arenaWords[location >>> ARENA_SHIFT][(location & UNIT_MASK) << 1];
    // Checked here as well: an eviction unlinks hundreds of items, and hardly any has a chain.
    if ((flagsOf(head) & CHAIN) !== 0) this.releaseChain(location, this.queueOf(slot));
    this.touchVersion(hashBitsOf(meta));
    this.index.remove(slot);
  }

  expire(slot: number): void {
    this.statistics[EXPIRATIONS]++;
    this.report("expired", this.#buckets[slot + LOCATION]);
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
    return (this.#buckets[slot] & IN_MAIN) !== 0 ? MAIN_QUEUE : SMALL_QUEUE;
  }

  /** Notes a new expiry (0 = none) in the entry, the counters and the segment. */
  noteExpiry(slot: number, expiresAt: number): void {
    const buckets = this.#buckets;
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
    const words = this.#arenaWords[location >>> ARENA_SHIFT];
    const at = (location & UNIT_MASK) << 1;
    this.log.kill(location, itemBytesAt(words, at, this.attachment.arenas.segmentShift));
  }

  /** Frees the item's chain, if it has one. */
  releaseChain(location: number, queue: number): void {
    const words = this.#arenaWords[location >>> ARENA_SHIFT];
    const at = (location & UNIT_MASK) << 1;
    const head = words[at];
    if ((flagsOf(head) & CHAIN) === 0) return;
    const count = this.attachment.chains.free(words[chainWord(head, at)]);
    this.countChain(queue, -count);
  }

  chainSegmentsOf(location: number): number {
    const words = this.#arenaWords[location >>> ARENA_SHIFT];
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
    this.#versions[versionOf(hash)]++;
  }

  /** The sum of all versions, modulo 2^32: it counts their changes. */
  changes(): number {
    let sum = 0;
    for (const version of this.#versions) sum = (sum + version) | 0;
    return sum;
  }

  version(hash: number): number {
    return this.#versions[versionOf(hash)] >>> 0;
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
