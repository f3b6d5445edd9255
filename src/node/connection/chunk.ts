// Memory of waiting output, with the number of its holders: pieces of backlogs, mostly. One message
// to many subscribers is one chunk.
// Invariant: the last release returns the memory to the pool, and nothing reads it afterwards.

import { buffers } from "../../base/buffer-pool.ts";

export class Chunk {
  /** The whole buffer. */
  readonly bytes: Uint8Array;
  filled: number;
  /** A backlog packs small output into it; otherwise its content is complete. */
  readonly isPacked: boolean;
  private holders: number;

  constructor(bytes: Uint8Array, filled: number) {
    this.bytes = bytes;
    this.filled = filled;
    this.isPacked = filled === 0;
    this.holders = 0;
  }

  hold(): void {
    this.holders++;
  }

  release(): void {
    this.holders--;
    if (this.holders === 0) buffers.give(this.bytes);
  }
}
