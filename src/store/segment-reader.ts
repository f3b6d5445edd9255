// Hot path: reads the live items of a segment that is being emptied, a window at a time, and
// touches their buckets, ghosts and versions before the evictor decides about them. An item's
// bucket is a cache miss that depends on its key. One after another, these misses were half the
// cost of an eviction; independent loads are in flight together. It changes nothing.
// Invariant: each item that is live when its window is read is in exactly one window.

import type { Attachment } from "./attachment.ts";
import { LINK } from "./bucket-index.ts";
import type { Hasher } from "./hash.ts";
import {
  DEAD_BIT,
  FOREIGN,
  flagsOf,
  headerBytesOf,
  itemBytesAt,
  keyLengthOf,
  LONG_KEY,
} from "./item.ts";
import type { ShardParts } from "./shard-parts.ts";

/** More misses than this do not overlap any further. */
const windowMax = 32;

export class SegmentReader {
  /** The window: live items and the hashes of their keys. */
  readonly locations: Int32Array;
  readonly hashes: Int32Array;
  private readonly attachment: Attachment;
  private readonly shard: ShardParts;
  /** The hasher of identity 0. */
  private readonly plain: Hasher;
  /** Where each item's bucket begins. */
  private readonly bases: Int32Array;
  private location: number;
  private end: number;
  /** Uses the words that were read; the compiler would otherwise drop the reads. */
  private sink: number;

  constructor(shard: ShardParts) {
    this.locations = new Int32Array(windowMax);
    this.hashes = new Int32Array(windowMax);
    this.attachment = shard.attachment;
    this.shard = shard;
    this.plain = shard.attachment.hasherOf(0);
    this.bases = new Int32Array(windowMax);
    this.location = 0;
    this.end = 0;
    this.sink = 0;
  }

  open(segment: number): void {
    const { arenas, segments } = this.attachment;
    this.location = arenas.locate(segment, 0);
    this.end = (this.location + (segments.filled(segment) >>> 3)) | 0;
  }

  /** Reads the next window; returns its number of items, 0 at the end of the segment. */
  next(): number {
    const count = this.fill();
    this.touch(count);
    return count;
  }

  private fill(): number {
    const { arenas } = this.attachment;
    const { locations, hashes } = this;
    const words = arenas.wordsOf(this.location);
    let location = this.location;
    let count = 0;
    while (location !== this.end && count < windowMax) {
      const at = arenas.wordAt(location);
      if ((words[at] & DEAD_BIT) === 0) {
        locations[count] = location;
        hashes[count] = this.hashOf(location, words[at], at);
        count++;
      }
      location = (location + (itemBytesAt(words, at, arenas.segmentShift) >>> 3)) | 0;
    }
    this.location = location;
    return count;
  }

  private hashOf(location: number, head: number, at: number): number {
    const { arenas, other } = this.attachment;
    if ((flagsOf(head) & (LONG_KEY | FOREIGN)) !== 0) {
      other.loadKey(location);
      const hasher = this.attachment.hasherOf(this.shard.identityOf(location));
      return hasher.hash(other.keyBytes, other.keyStart, other.keyEnd);
    }
    const start = (at << 2) + headerBytesOf(head);
    return this.plain.hash(arenas.bytesOf(location), start, start + keyLengthOf(head));
  }

  /**
   * Minimal loops: the processor overlaps only what fits into its window of some hundred
   * instructions.
   */
  private touch(count: number): void {
    const { hashes } = this;
    const shard = this.shard;
    const { index, ghosts } = shard;
    const { words } = index;
    const bases = this.bases;
    let sink = 0;
    for (let i = 0; i < count; i++) {
      bases[i] = index.bucketOf(hashes[i]) << 4;
      sink ^= words[bases[i]];
    }
    for (let i = 0; i < count; i++) sink ^= words[words[bases[i] + LINK] << 4];
    for (let i = 0; i < count; i++) sink ^= ghosts.touch(hashes[i]) ^ shard.version(hashes[i]);
    this.sink ^= sink;
  }
}
