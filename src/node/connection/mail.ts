// Messages for one subscriber that have not been handed to its socket: those of a turn leave together,
// and those that come while a reply is being made, or is still to come, wait for its end. So no message
// lies inside a reply, and none overtakes the confirmation of its subscription.
// Invariant: what a slow subscriber has not taken is bounded, in bytes at once and in time (limits.ts).

import { mailHardBytesMax, mailSoftBytesMax, mailSoftMs } from "../../base/limits.ts";

export class Mail {
  bytes = 0;
  private chunks: Uint8Array[] = [];
  private overSoftSinceMs = 0;

  keep(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
  }

  /** Everything that waits, in order, in memory of its own. */
  take(): Uint8Array {
    const all = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks = [];
    this.bytes = 0;
    return all;
  }

  /** Whether a subscriber with `unsent` bytes beside these is too slow to be kept. */
  isOverdue(unsent: number, nowMs: number): boolean {
    const bytes = this.bytes + unsent;
    if (bytes > mailHardBytesMax) return true;
    if (bytes <= mailSoftBytesMax) this.overSoftSinceMs = 0;
    else if (this.overSoftSinceMs === 0) this.overSoftSinceMs = nowMs;
    return this.overSoftSinceMs > 0 && nowMs - this.overSoftSinceMs > mailSoftMs;
  }
}
