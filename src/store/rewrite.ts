// Changes that keep part of an item: a new TTL, and a value that is partly overwritten or made
// longer. In place if the layout allows it; otherwise the item is rebuilt elsewhere and keeps its
// chain, so appending to a large value copies only its inline rest.
// Invariant: an item keeps its key, client flags and queue, and (for setRange) its expiry.

import type { Attachment } from "./attachment.ts";
import { LOCATION, USES_MASK } from "./bucket-index.ts";
import { EXPIRY, FOREIGN, flagsOf, itemBytesAt, LONG_KEY, WIDE, writeExpiry } from "./item.ts";
import { NONE } from "./memory.ts";
import { FULL, type Shard, STORED, TOO_LARGE } from "./shard.ts";

export class Rewriter {
  private readonly shard: Shard;
  private readonly attachment: Attachment;

  constructor(shard: Shard) {
    this.shard = shard;
    this.attachment = shard.attachment;
  }

  // ---- a new expiry -----------------------------------------------------------------------------

  /**
   * Sets the expiry of a key's item, 0 for none; false if there is no item, or no room to move it.
   */
  setExpiry(hash: number, key: Uint8Array, start: number, end: number, expiresAt: number): boolean {
    const shard = this.shard;
    const slot = shard.locate(hash, key, start, end);
    if (slot < 0) return false;
    const location = shard.index.words[slot + LOCATION];
    const { arenas, current } = this.attachment;
    const words = arenas.wordsOf(location);
    const at = arenas.wordAt(location);
    if ((flagsOf(words[at]) & EXPIRY) !== 0) {
      writeExpiry(words, at, expiresAt);
      shard.noteExpiry(slot, expiresAt);
    } else if (expiresAt !== 0) {
      // Padding is always smaller than an expiry, so an item without the field must move.
      this.loadItem(slot);
      const { valueLength } = current;
      this.measure(valueLength, expiresAt);
      const { segments } = this.attachment;
      segments.overdraws = true; // a store that is full still takes deadlines
      const moved = this.move(slot, hash, key, start, end, valueLength, expiresAt);
      segments.overdraws = false;
      if (!moved) return false;
    }
    shard.touchVersion(hash);
    return true;
  }

  // ---- a part of the value ----------------------------------------------------------------------

  /**
   * Writes bytes at `offset` and fills a gap before it with zeros; creates the item if there is
   * none.
   */
  setRange(
    hash: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    offset: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    now: number,
  ): number {
    const shard = this.shard;
    const { current } = this.attachment;
    const slot = shard.locateLive(hash, key, keyStart, keyEnd, now);
    const oldLength = slot < 0 ? 0 : this.loadItem(slot);
    const length = Math.max(oldLength, offset + end - start);
    if (!shard.accepts(keyEnd - keyStart, length)) return TOO_LARGE;
    if (slot < 0) {
      if (!shard.create(hash, key, keyStart, keyEnd, length)) return FULL;
    } else {
      const result = this.lengthen(slot, hash, key, keyStart, keyEnd, length);
      if (result !== STORED) return result;
      shard.touchVersion(hash);
    }
    if (offset > oldLength) current.zero(oldLength, offset);
    current.write(offset, bytes, start, end);
    return STORED;
  }

  private loadItem(slot: number): number {
    const { current } = this.attachment;
    const location = this.shard.index.words[slot + LOCATION];
    current.load(location);
    current.loadKey(location);
    return current.valueLength;
  }

  /** Makes the value longer, in place or elsewhere; the registers then show the item. */
  private lengthen(
    slot: number,
    hash: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    length: number,
  ): number {
    const { current } = this.attachment;
    const { expiresAt } = current;
    if (length === current.valueLength) return STORED;
    this.measure(length, expiresAt);
    if (this.lengthenInPlace(slot, length)) return STORED;
    return this.move(slot, hash, key, keyStart, keyEnd, length, expiresAt) ? STORED : FULL;
  }

  private lengthenInPlace(slot: number, length: number): boolean {
    const shard = this.shard;
    const { layout, arenas, current } = this.attachment;
    const location = shard.index.words[slot + LOCATION];
    const words = arenas.wordsOf(location);
    const at = arenas.wordAt(location);
    if (flagsOf(words[at]) !== layout.flags) return false;
    if (itemBytesAt(words, at, arenas.segmentShift) !== layout.bytes) return false;
    if (shard.chainSegmentsOf(location) !== layout.chainSegments) return false;
    if ((layout.flags & WIDE) !== 0) words[at + 1] = length;
    else words[at] = (words[at] & ~0xffff) | length;
    current.load(location);
    return true;
  }

  // ---- building an item again -------------------------------------------------------------------

  /** The layout of the current item with another length and expiry. */
  private measure(length: number, expiresAt: number): void {
    const { layout, current } = this.attachment;
    layout.measure(current.keyEnd - current.keyStart, length, expiresAt, current.clientFlags);
  }

  /**
   * Rebuilds the current item, and makes room in this shard if the reserve itself is used up. The
   * new item takes over the chain, so it needs room only for the rest of the value and the growth
   * of the chain.
   */
  private move(
    slot: number,
    hash: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    length: number,
    expiresAt: number,
  ): boolean {
    const shard = this.shard;
    const { current, layout } = this.attachment;
    const adopts = current.chain !== NONE && (layout.flags & LONG_KEY) === 0;
    if (adopts) layout.chainSegments -= shard.chainSegmentsOf(shard.index.words[slot + LOCATION]);
    let place = slot;
    for (let steps = shard.segmentCount; !shard.hasRoom(); steps--) {
      // Other items are evicted first. If only this one is left in the shard, it is evicted too.
      if (steps > 0) shard.index.words[place] |= USES_MASK;
      if (!shard.evictor.relieve()) {
        if (this.attachment.segments.overdraws) break;
        return false;
      }
      // The slot may have changed: the evicted item may have been in the same bucket.
      place = shard.locate(hash, key, keyStart, keyEnd);
      if (place < 0) return false;
      this.loadItem(place);
    }
    return this.rebuild(place, length, expiresAt, adopts);
  }

  /**
   * Rebuilds the current item, which is the slot's, in a new place according to the layout; the
   * registers then show the new item. An item may grow here, never shrink.
   */
  private rebuild(slot: number, length: number, expiresAt: number, adopts: boolean): boolean {
    const shard = this.shard;
    const { current, other } = this.attachment;
    const buckets = shard.index.words;
    const old = buckets[slot + LOCATION];
    const queue = shard.queueOf(slot);
    const location = shard.allocate(queue, true);
    if (location === NONE) return false;
    this.writeHeader(location, length, expiresAt, adopts);
    other.load(location);
    other.writeKey(location, current.keyBytes, current.keyStart, current.keyEnd);
    other.copyFrom(current, adopts ? current.chainedBytes : 0, current.valueLength);
    if (!adopts) shard.releaseChain(old, queue);
    shard.killItem(old);
    buckets[slot + LOCATION] = location;
    shard.noteExpiry(slot, expiresAt);
    current.load(location);
    return true;
  }

  private writeHeader(location: number, length: number, expiresAt: number, adopts: boolean): void {
    const { arenas, chains, current, layout } = this.attachment;
    let chain = this.shard.allocatedChain;
    if (adopts) {
      if (chain !== NONE) chains.append(current.chain, chain);
      chain = current.chain;
    }
    const words = arenas.wordsOf(location);
    const at = arenas.wordAt(location);
    layout.write(words, at, length, expiresAt, current.clientFlags, chain);
    if ((layout.flags & FOREIGN) !== 0) this.shard.writeIdentity(location);
  }
}
