// Garbage collections on request: shared memory counts as heap, so the collector hardly runs by
// itself (src/README.md). Code of this room that makes large short-lived buffers counts their bytes
// here, and after every so many bytes a collection is requested. It measures nothing. One counter
// for each thread.

import { receivedBytesPerCollection } from "../base/limits.ts";

let bytesSinceCollection = 0;

/** Called with the size of each buffer that soon becomes garbage. */
export function countGarbage(bytes: number): void {
  bytesSinceCollection += bytes;
  if (bytesSinceCollection < receivedBytesPerCollection) return;
  bytesSinceCollection = 0;
  Bun.gc(false);
}
