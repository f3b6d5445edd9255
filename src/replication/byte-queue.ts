// Bytes that wait for a socket, as a list of chunks that are kept by reference: the caller must not
// change a chunk until it is written. It bounds nothing; its owner watches `bytes`.

import type { LinkSocket } from "../base/link.ts";

export class ByteQueue {
  /** Bytes not yet taken. */
  bytes = 0;
  private chunks: Uint8Array[] = [];
  /** How much of the first chunk was taken. */
  private taken = 0;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.chunks.push(chunk);
    this.bytes += chunk.length;
  }

  /** Offers everything to the socket; true when it took all. */
  writeTo(socket: LinkSocket): boolean {
    let written = 0;
    while (written < this.chunks.length) {
      const chunk = this.chunks[written];
      const rest = this.taken === 0 ? chunk : chunk.subarray(this.taken);
      const count = Math.max(0, socket.write(rest));
      this.bytes -= count;
      if (count < rest.length) {
        this.taken += count;
        break;
      }
      this.taken = 0;
      written++;
    }
    if (written > 0) this.chunks.splice(0, written);
    return this.chunks.length === 0;
  }

  clear(): void {
    this.chunks = [];
    this.taken = 0;
    this.bytes = 0;
  }
}
