// Memory of output that waits, and how many pieces of backlogs lie in it. One message to many subscribers
// is one chunk.
// Invariant: the memory goes back to the pool with the last release, and nobody reads it afterwards.

import { buffers } from "../../base/buffer-pool.ts";

export class Chunk {
  /** The whole buffer. */
  readonly bytes: Uint8Array;
  filled: number;
  /** A backlog packs what is small into it; otherwise its content is complete. */
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
