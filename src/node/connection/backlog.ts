// Output that a socket did not take yet, in order. Bun's socket.write() tells how many bytes it took
// and forgets the rest; the rest waits here until `drain`.

import { buffers } from "../../base/buffer-pool.ts";

interface Writable {
  write(bytes: Uint8Array, offset?: number, length?: number): number;
}

export class Backlog {
  bytes = 0;
  private readonly chunks: Uint8Array[] = [];
  /** Bytes of the first chunk that are sent. */
  private sent = 0;

  /** Keeps `chunk`, whose whole buffer is the backlog's from now on. */
  keep(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
  }

  /** Sends what the socket takes. True when nothing is left. */
  drain(socket: Writable): boolean {
    while (this.chunks.length > 0) {
      const chunk = this.chunks[0];
      const taken = socket.write(chunk, this.sent, chunk.length - this.sent);
      if (taken <= 0) return false;
      this.sent += taken;
      this.bytes -= taken;
      if (this.sent < chunk.length) return false;
      this.chunks.shift();
      this.sent = 0;
      buffers.give(new Uint8Array(chunk.buffer));
    }
    return true;
  }

  clear(): void {
    this.chunks.length = 0;
    this.bytes = 0;
    this.sent = 0;
  }
}
