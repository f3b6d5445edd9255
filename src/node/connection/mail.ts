// Messages for one subscriber that have not been handed to its socket: those of a turn leave together,
// and those that come while a reply is being made, or is still to come, wait for its end. So no message
// lies inside a reply, and none overtakes the confirmation of its subscription.
// Invariant: what a slow subscriber has not taken is bounded, in bytes at once and in time (limits.ts).

import { mailHardBytesMax, mailSoftBytesMax, mailSoftMs } from "../../base/limits.ts";
import { Backlog } from "./backlog.ts";

export class Mail {
  readonly messages = new Backlog();
  private overSoftSinceMs = 0;

  get bytes(): number {
    return this.messages.bytes;
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
