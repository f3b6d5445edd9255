// Garbage collections on request: shared memory counts as heap, so the collector hardly runs by
// itself (src/README.md). Code of this room that makes large short-lived buffers counts their
// bytes, and after every so many a collection is requested. It measures nothing.
// Invariant: a node counts its own garbage only, once for what it sends and once for what it
// receives.

import { receivedBytesPerCollection } from "../base/limits.ts";

export class Garbage {
  private bytes = 0;

  /** Called with the size of each buffer that soon becomes garbage. */
  count(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes < receivedBytesPerCollection) return;
    this.bytes = 0;
    Bun.gc(false);
  }
}
