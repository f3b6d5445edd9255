// The part of the stream that the journal is about to overwrite and followers still need: the bytes
// right before those in the journal, once for all links, however many are behind. It decides
// nothing about links: the leader says from where on it is needed, and the rest is freed at once.
// Invariant: it has the bytes from `start` to `end` in order, in blocks of which all but the last
// are full, and takes that much memory and at most one block more. A reader continues in the
// journal at `end`.

import { buffers } from "../../base/buffer-pool.ts";
import type { Journal } from "../../journal/journal.ts";

const blockBytes = 256 * 1024;

export class StreamTail {
  /** Offsets of the first byte that is here, and of the one behind the last. */
  start = 0;
  end = 0;
  private readonly journal: Journal;
  private blocks: Uint8Array[] = [];

  constructor(journal: Journal) {
    this.journal = journal;
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.blocks.length * blockBytes;
  }

  /** Whether the byte at that offset is here. */
  has(offset: number): boolean {
    return offset >= this.start && offset < this.end;
  }

  /** The bytes from that offset, which must be here, to the end of its block. */
  at(offset: number): Uint8Array {
    const place = offset - this.start;
    const at = place % blockBytes;
    const block = this.blocks[(place - at) / blockBytes];
    return block.subarray(at, Math.min(blockBytes, at + this.end - offset));
  }

  /**
   * Copies one more block from the journal. `offset` is the first byte that a link needs. False if
   * the journal has no more.
   */
  extend(offset: number): boolean {
    // Also if a new link is behind all others: the journal still has what it needs.
    if (!this.has(offset)) {
      this.trim(Number.POSITIVE_INFINITY);
      this.start = offset;
      this.end = offset;
    }
    const filled = (this.end - this.start) % blockBytes;
    if (this.end >= this.journal.offset) return false;
    if (filled === 0) this.blocks.push(buffers.take(blockBytes));
    const block = this.blocks[this.blocks.length - 1];
    const count = this.journal.read(this.end, block, filled, blockBytes - filled);
    // The journal no longer has these bytes: a link that needs them ends.
    if (count < 0) this.trim(Number.POSITIVE_INFINITY);
    else this.end += count;
    return count > 0;
  }

  /** Frees what is before that offset: no link needs it. */
  trim(offset: number): void {
    let gone = 0;
    while (gone < this.blocks.length && this.isBefore(gone, offset)) {
      buffers.give(this.blocks[gone++]);
    }
    if (gone === 0) return;
    this.blocks = this.blocks.slice(gone);
    this.start = Math.min(this.end, this.start + gone * blockBytes);
  }

  private isBefore(index: number, offset: number): boolean {
    return offset >= Math.min(this.end, this.start + (index + 1) * blockBytes);
  }
}
