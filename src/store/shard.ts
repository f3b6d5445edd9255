// Hot path: finds, writes and deletes the items of one shard. shard-parts.ts keeps its parts
// consistent; eviction.ts decides what to evict; rewrite.ts changes parts of an item (a new TTL, a
// longer value). It does not lock: the caller holds the shard's lock.

import { copyBytes } from "../base/bytes.ts";
import { chainBucketsMax, keyBytesMax, overdraftShare } from "../base/limits.ts";
import { ARENA_SHIFT, UNIT_MASK } from "./arenas.ts";
import type { Attachment } from "./attachment.ts";
import { CHAIN_FULL, EXPIRING, IN_MAIN, LOCATION, USES_MASK, usesMax } from "./bucket-index.ts";
import { Evictor } from "./eviction.ts";
import {
  CHAIN,
  CLIENT_FLAGS,
  chainWord,
  EXPIRY,
  FOREIGN,
  flagsOf,
  headerBytes,
  itemBytesAt,
  LAYOUT_MASK,
  LONG_KEY,
} from "./item.ts";
import { ABSENT, Lookup } from "./lookup.ts";
import {
  CROWDED,
  EVICTIONS,
  EVICTIONS_CROWDED,
  GHOST_HITS,
  HITS,
  LIMIT_UNITS,
  MAIN_QUEUE,
  MISSES,
  NONE,
  SMALL_QUEUE,
  unitBytes,
  VALUE_BYTES_MAX,
} from "./memory.ts";
import { ShardParts } from "./shard-parts.ts";

/** The item is stored. */
export const STORED = 0;
/** The value exceeds the longest allowed or a quarter of the limit, or the key is too long. */
export const TOO_LARGE = 1;
/** The item does not fit, and nothing may be evicted. */
export const FULL = 2;

export class Shard extends ShardParts {
  readonly evictor: Evictor;
  private readonly lookup: Lookup;
  private readonly arenaBytes: readonly Uint8Array[];
  /** The chain that allocate() took for the item, or NONE. */
  private chain: number;
  /** The slot that prepare() wrote. */
  private slot: number;

  constructor(attachment: Attachment, number: number) {
    super(attachment, number);
    this.evictor = new Evictor(this);
    this.lookup = new Lookup(attachment, this.index);
    this.arenaBytes = attachment.arenas.bytes;
    this.chain = NONE;
    this.slot = ABSENT;
  }

  // ---- finding ----------------------------------------------------------------------------------

  find(hash: number, key: Uint8Array, start: number, end: number, now: number): boolean {
    const slot = this.locateLive(hash, key, start, end, now);
    if (slot === ABSENT) return false;
    this.attachment.current.load(this.buckets[slot + LOCATION]);
    return true;
  }

  read(hash: number, key: Uint8Array, start: number, end: number, now: number): boolean {
    const slot = this.locateLive(hash, key, start, end, now);
    if (slot === ABSENT) {
      this.statistics[MISSES]++;
      return false;
    }
    this.statistics[HITS]++;
    const meta = this.buckets[slot];
    // Not written when saturated: a hot item's bucket stays clean in every core's cache.
    if ((meta & USES_MASK) !== usesMax && this.attachment.countsUses) this.buckets[slot] = meta + 1;
    this.attachment.current.load(this.buckets[slot + LOCATION]);
    return true;
  }

  /**
   * The slot of an item that is live at `now`, or -1. Removes an expired one if this node expires.
   */
  locateLive(hash: number, key: Uint8Array, start: number, end: number, now: number): number {
    const slot = this.locate(hash, key, start, end);
    if (slot === ABSENT || (this.buckets[slot] & EXPIRING) === 0) return slot;
    if (!this.expiredAt(slot, now)) return slot;
    if (this.attachment.expires) {
      this.expire(slot);
      this.index.shrink();
    }
    return ABSENT;
  }

  /** The slot of the key's entry, expired or not, or -1. */
  locate(hash: number, key: Uint8Array, start: number, end: number): number {
    return this.lookup.locate(hash, key, start, end);
  }

  /** Whether the item of an EXPIRING entry has expired. At its exact moment it has. */
  expiredAt(slot: number, now: number): boolean {
    return this.lookup.expiredAt(slot, now);
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
    const location = this.prepare(hash, key, keyStart, keyEnd, length, expiresAt, clientFlags);
    if (location === NONE) return FULL;
    if (layout.chainSegments === 0) {
      const bytes = this.arenaBytes[location >>> ARENA_SHIFT];
      const item = (location & UNIT_MASK) << 3;
      const at = item + headerBytes[layout.flags & LAYOUT_MASK] + keyEnd - keyStart;
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
    const location = this.prepare(hash, key, keyStart, keyEnd, length, 0, 0);
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
  private prepare(
    hash: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueLength: number,
    expiresAt: number,
    clientFlags: number,
  ): number {
    if (!this.makeReady()) return NONE;
    const { layout } = this.attachment;
    const slot = this.locate(hash, key, keyStart, keyEnd);
    if (slot !== ABSENT && this.fitsExactly(slot)) {
      return this.overwrite(slot, hash, valueLength, expiresAt, clientFlags);
    }
    const location = slot === ABSENT ? this.enter(hash) : this.replace(slot);
    if (location === NONE) return NONE;
    const at = (location & UNIT_MASK) << 1;
    const words = this.arenaWords[location >>> ARENA_SHIFT];
    layout.write(words, at, valueLength, expiresAt, clientFlags, this.chain);
    if ((layout.flags & (FOREIGN | LONG_KEY)) !== 0) {
      this.writeRareKey(location, key, keyStart, keyEnd);
      if (slot === ABSENT && (layout.flags & FOREIGN) !== 0) this.countForeign();
    } else {
      const bytes = this.arenaBytes[location >>> ARENA_SHIFT];
      copyBytes(key, keyStart, keyEnd, bytes, (at << 2) + headerBytes[layout.flags & LAYOUT_MASK]);
    }
    this.noteExpiry(this.slot, expiresAt);
    this.touchVersion(hash);
    if (slot === ABSENT) this.index.grow();
    return location;
  }

  /** Whether the layout's item and the entry's begin alike: the same flags and lengths. */
  private fitsExactly(slot: number): boolean {
    const location = this.buckets[slot + LOCATION];
    const head = this.arenaWords[location >>> ARENA_SHIFT][(location & UNIT_MASK) << 1];
    return this.attachment.layout.equals(head);
  }

  /**
   * Puts the layout's item in the place of one that it fits exactly. The key is there already, and
   * if neither expires, the header, the entry and the segment's table say so: most SETs of a key
   * that exists touch none of them.
   */
  private overwrite(
    slot: number,
    hash: number,
    valueLength: number,
    expiresAt: number,
    clientFlags: number,
  ): number {
    const { layout } = this.attachment;
    const { buckets } = this;
    const location = buckets[slot + LOCATION];
    if ((buckets[slot] & USES_MASK) !== usesMax) buckets[slot]++;
    if ((layout.flags & (EXPIRY | CLIENT_FLAGS)) !== 0) {
      const words = this.arenaWords[location >>> ARENA_SHIFT];
      const at = (location & UNIT_MASK) << 1;
      layout.write(words, at, valueLength, expiresAt, clientFlags, NONE);
      this.noteExpiry(slot, expiresAt);
    }
    this.touchVersion(hash);
    return location;
  }

  /** The key of an item that also carries its identity, or whose key is in its chain. */
  private writeRareKey(location: number, key: Uint8Array, start: number, end: number): void {
    const { chains, layout } = this.attachment;
    if ((layout.flags & FOREIGN) !== 0) this.writeIdentity(location);
    if ((layout.flags & LONG_KEY) !== 0) return chains.write(this.chain, 0, key, start, end);
    const bytes = this.arenaBytes[location >>> ARENA_SHIFT];
    const item = (location & UNIT_MASK) << 3;
    copyBytes(key, start, end, bytes, item + headerBytes[layout.flags & LAYOUT_MASK]);
  }

  /** Adds an entry, in the main queue if the key recently left the small one. */
  private enter(hash: number): number {
    const recalled = this.attachment.evicts && this.ghosts.recall(hash);
    if (recalled) this.statistics[GHOST_HITS]++;
    const flags = (recalled ? IN_MAIN : 0) | this.attachment.mark;
    let slot = this.index.insert(hash, 0, flags, chainBucketsMax);
    while (slot < 0) {
      if (slot === CHAIN_FULL) {
        slot = this.enterCrowded(hash, flags);
        if (slot === CHAIN_FULL) return NONE;
        continue;
      }
      // No overflow bucket is left: evictions free slots, eventually one in this bucket.
      if (!this.evictor.relieve()) return NONE;
      slot = this.index.insert(hash, 0, flags, chainBucketsMax);
    }
    const location = this.allocate(recalled ? MAIN_QUEUE : SMALL_QUEUE, false);
    if (location === NONE) this.index.remove(slot);
    else this.buckets[slot + LOCATION] = location;
    this.slot = slot;
    return location;
  }

  /**
   * The chain is at its bound, which only keys chosen to collide can cause. The least used entry of
   * the last bucket is evicted; if nothing may be evicted, the new entry is refused. A follower
   * holds what its leader holds, and lets the chain grow.
   */
  private enterCrowded(hash: number, flags: number): number {
    this.statistics[CROWDED]++;
    const { expires, evicts } = this.attachment;
    if (!expires) return this.index.insert(hash, 0, flags);
    if (!evicts) return CHAIN_FULL;
    const victim = this.index.leastUsedInLast(hash);
    this.statistics[EVICTIONS]++;
    this.statistics[EVICTIONS_CROWDED]++;
    this.report("evicted", this.buckets[victim + LOCATION]);
    this.remove(victim);
    return this.index.insert(hash, 0, flags, chainBucketsMax);
  }

  /**
   * The location for the new item of an existing entry: that of the old item if the sizes are
   * equal.
   */
  private replace(slot: number): number {
    const { layout, arenas } = this.attachment;
    const buckets = this.buckets;
    const old = buckets[slot + LOCATION];
    const at = (old & UNIT_MASK) << 1;
    const words = this.arenaWords[old >>> ARENA_SHIFT];
    if ((buckets[slot] & USES_MASK) !== usesMax) buckets[slot]++;
    this.slot = slot;
    const chained = (flagsOf(words[at]) & CHAIN) !== 0;
    this.chain = chained ? words[chainWord(words[at], at)] : NONE;
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
    this.chain = chain;
    return location;
  }

  /** The chain of the item just allocated. */
  get allocatedChain(): number {
    return this.chain;
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
   * Makes room within a command. Room was made before it, so what is short here is that of a large
   * EXEC or MSET, which moderates its overdraft, or the reserve itself is used up, and this shard
   * evicts under its lock.
   */
  makeReady(): boolean {
    const { layout, segments } = this.attachment;
    const units = (layout.chainSegments + 1) * segments.units + 4;
    const below = segments.unitsBelowLimit();
    if (below >= units) return true;
    if (below < 0) this.moderate(2 * (layout.chainSegments + 1));
    while (!this.hasRoom()) {
      if (!this.evictor.relieve()) return this.attachment.segments.overdraws;
    }
    return true;
  }

  /**
   * Keeps what one command draws beyond the limit near a quarter of it: from there on, a write
   * empties two segments of its shard for each that it takes, until the shard has less than half of
   * a fair share.
   */
  private moderate(stepsMax: number): void {
    const { attachment } = this;
    if (!attachment.evicts) return;
    const { segments, global, memory } = attachment;
    const limit = global[LIMIT_UNITS];
    const fair = limit / segments.units / memory.geometry.shards;
    for (let steps = stepsMax; steps > 0 && this.segmentCount * 2 > fair; steps--) {
      if (segments.unitsBelowLimit() >= -limit * overdraftShare || !this.evictor.relieve()) return;
    }
  }

  // ---- removing ---------------------------------------------------------------------------------

  delete(hash: number, key: Uint8Array, start: number, end: number, now: number): boolean {
    const slot = this.locateLive(hash, key, start, end, now);
    if (slot === ABSENT) return false;
    this.remove(slot);
    this.index.shrink();
    return true;
  }
}
