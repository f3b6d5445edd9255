// The limits of what waits for a slow reader, as in Redis's client-output-buffer-limit: a hard one
// in bytes that ends it at once, and a soft one that ends it after some time above it. It measures
// nothing and ends nobody.
// Invariant: a reader that falls below the soft limit has its whole time again.

import { followerBufferSoftSeconds, followerBufferSoftShare } from "./limits.ts";

export interface OutputBound {
  /** With more bytes it ends at once; 0: with none. */
  readonly hardBytes: number;
  /** With more bytes it ends once they have stayed for longer than the time; 0: with none. */
  readonly softBytes: number;
  readonly softSeconds: number;
}

/** The bound of each follower if that many bytes are planned for followers. */
export function boundOfFollower(bufferBytes: number): OutputBound {
  return {
    hardBytes: bufferBytes,
    softBytes: Math.floor(bufferBytes * followerBufferSoftShare),
    softSeconds: followerBufferSoftSeconds,
  };
}

/** One reader's account with its bound. */
export class OutputAccount {
  /** Since when it is above the soft bound; 0: it is not. Time is monotonic. */
  private overSoftSinceMs = 0;

  isOverdue(bytes: number, bound: OutputBound, nowMs: number): boolean {
    const { hardBytes, softBytes, softSeconds } = bound;
    if (hardBytes > 0 && bytes > hardBytes) return true;
    if (softBytes === 0 || bytes <= softBytes) {
      this.overSoftSinceMs = 0;
      return false;
    }
    if (this.overSoftSinceMs === 0) this.overSoftSinceMs = nowMs;
    return nowMs - this.overSoftSinceMs > softSeconds * 1000;
  }
}
