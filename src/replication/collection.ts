// The collector's habit (DESIGN of the store: shared memory counts as heap, so collections hardly
// happen by themselves): whoever in this room makes large short-lived buffers counts their bytes
// here, and every so many bytes a collection is asked for. It measures nothing. One counter for
// each thread.

import { receivedBytesPerCollection } from "../base/limits.ts";

let bytesSinceCollection = 0;

/** To be called with the size of each buffer that soon becomes garbage. */
export function countGarbage(bytes: number): void {
  bytesSinceCollection += bytes;
  if (bytesSinceCollection < receivedBytesPerCollection) return;
  bytesSinceCollection = 0;
  Bun.gc(false);
}
