// Hot path: the log of one shard. It appends items to the open segment of a queue and marks
// overwritten items dead; a segment without live items returns to the pool at once. Knows neither
// keys nor the index, and never moves an item.
// Invariant: items fill a segment end to end, and its dead bytes are those of items marked DEAD.

import { ARENA_SHIFT, type Arenas, UNIT_MASK } from "./arenas.ts";
import type { Attachment } from "./attachment.ts";
import { DEAD_BIT } from "./item.ts";
import { NEWEST, NONE, QUEUE_WORDS, QUEUES } from "./memory.ts";
import { SEGMENT_OF_QUEUE, type Segments } from "./segments.ts";

export class ItemLog {
  private readonly arenas: Arenas;
  private readonly segments: Segments;
  private readonly segmentBytes: number;
  private readonly shard: number;
  private readonly state: Int32Array;

  constructor(attachment: Attachment, shard: number, state: Int32Array) {
    this.arenas = attachment.arenas;
    this.segments = attachment.segments;
    this.segmentBytes = attachment.arenas.segmentBytes;
    this.shard = shard;
    this.state = state;
  }

  /** Whether `bytes` fit into the open segment of the queue. */
  fits(bytes: number, queue: number): boolean {
    const segment = this.state[QUEUES + queue * QUEUE_WORDS + NEWEST];
    return segment !== NONE && this.segments.filled(segment) + bytes <= this.segmentBytes;
  }

  /**
   * The location for an item of `bytes` bytes, or NONE. The caller must write its header at once.
   */
  append(bytes: number, queue: number, evicting: boolean): number {
    const newest = this.state[QUEUES + queue * QUEUE_WORDS + NEWEST];
    let segment = newest === NONE ? NONE : this.roomy(newest, bytes);
    if (segment === NONE) {
      segment = this.segments.take(this.shard, SEGMENT_OF_QUEUE + queue, evicting);
      if (segment === NONE) return NONE;
      this.segments.enqueue(this.state, queue, segment);
    }
    const offset = this.segments.filled(segment);
    this.segments.fill(segment, bytes);
    return this.arenas.locate(segment, offset);
  }

  /**
   * The segment before the newest if the item fits into its tail, else the newest if it fits there,
   * else NONE. With values of 64 to 2,047 bytes in 16 KiB segments, this cut unused tails from 4 %
   * to 1 % (measured), which is worth 0.1 to 0.2 points of hit ratio.
   */
  private roomy(newest: number, bytes: number): number {
    const segments = this.segments;
    const offsetMax = this.segmentBytes - bytes;
    const before = segments.previous(newest);
    if (before !== NONE && segments.filled(before) <= offsetMax) return before;
    return segments.filled(newest) <= offsetMax ? newest : NONE;
  }

  kill(location: number, bytes: number): void {
    const words = this.arenas.words[location >>> ARENA_SHIFT];
    words[(location & UNIT_MASK) << 1] |= DEAD_BIT;
    const segment = this.arenas.segmentOf(location);
    this.segments.bury(segment, bytes);
    if (this.segments.liveBytes(segment) === 0) this.free(segment);
  }

  /** The open segment of a queue stays and is filled again; any other returns to the pool. */
  private free(segment: number): void {
    const queue = this.segments.state(segment) - SEGMENT_OF_QUEUE;
    if (this.state[QUEUES + queue * QUEUE_WORDS + NEWEST] === segment) {
      this.segments.rewind(segment);
      return;
    }
    this.segments.detach(this.state, queue, segment);
    this.segments.give(segment);
  }
}
