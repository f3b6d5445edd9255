// Hot path: finds the entry of a key in one shard's index. It compares 26 hash bits first and reads
// an item only if they match, so a miss costs one bucket and a hit costs a bucket and an item. It
// only reads; the shard removes expired items.
// Invariant: a returned slot is valid until the index changes.

import { ARENA_SHIFT, UNIT_MASK } from "./arenas.ts";
import type { Attachment } from "./attachment.ts";
import { type BucketIndex, entriesPerBucket, LINK, LOCATION, MATCH_MASK } from "./bucket-index.ts";
import type { Chains } from "./chain.ts";
import {
  chainWord,
  expiryAt,
  FOREIGN,
  flagsOf,
  headerBytesOf,
  identityAt,
  keyLengthOf,
  LONG_KEY,
} from "./item.ts";

/** The result of a search that finds nothing. */
export const ABSENT = -1;

export class Lookup {
  private readonly attachment: Attachment;
  private readonly index: BucketIndex;
  private readonly buckets: Int32Array;
  private readonly arenaWords: readonly Int32Array[];
  private readonly arenaBytes: readonly Uint8Array[];
  private readonly chains: Chains;

  constructor(attachment: Attachment, index: BucketIndex) {
    this.attachment = attachment;
    this.index = index;
    this.buckets = index.words;
    this.arenaWords = attachment.arenas.words;
    this.arenaBytes = attachment.arenas.bytes;
    this.chains = attachment.chains;
  }

  /** The slot of the entry of a key of the selected database, expired or not, or -1. */
  locate(hash: number, key: Uint8Array, start: number, end: number): number {
    const index = this.index;
    const buckets = this.buckets;
    const wanted = index.wanted(hash) | this.attachment.mark;
    let bucket = index.bucketOf(hash);
    do {
      const base = bucket << 4;
      for (let slot = base; slot < base + entriesPerBucket; slot++) {
        if ((buckets[slot] & MATCH_MASK) !== wanted) continue;
        if (this.sameKey(buckets[slot + LOCATION], key, start, end)) return slot;
      }
      bucket = buckets[base + LINK];
    } while (bucket !== 0);
    return ABSENT;
  }

  private sameKey(location: number, key: Uint8Array, start: number, end: number): boolean {
    const words = this.arenaWords[location >>> ARENA_SHIFT];
    const at = (location & UNIT_MASK) << 1;
    const head = words[at];
    if (keyLengthOf(head) !== end - start) return false;
    if ((flagsOf(head) & (LONG_KEY | FOREIGN)) !== 0) {
      if (
        identityAt(words, at, this.arenaBytes[location >>> ARENA_SHIFT]) !==
        this.attachment.identity
      )
        return false;
      if ((flagsOf(head) & LONG_KEY) !== 0)
        return this.chains.startsWith(words[chainWord(head, at)], key, start, end);
    }
    const bytes = this.arenaBytes[location >>> ARENA_SHIFT];
    let mine = (at << 2) + headerBytesOf(head);
    for (let theirs = start; theirs < end; theirs++) {
      if (bytes[mine++] !== key[theirs]) return false;
    }
    return true;
  }

  /** Whether the item of an EXPIRING entry has expired. At its exact moment it has. */
  expiredAt(slot: number, now: number): boolean {
    const location = this.buckets[slot + LOCATION];
    const words = this.arenaWords[location >>> ARENA_SHIFT];
    return expiryAt(words, (location & UNIT_MASK) << 1) <= now;
  }
}
