// Messages for one subscriber that are not yet on their way to its socket. Those of a turn leave
// together; those that arrive while a reply is being written or awaited wait for its end. So no
// message is inside a reply, and none overtakes the confirmation of its subscription.
// Invariant: the unsent messages of a slow subscriber are bounded, in bytes and in time
// (limits.ts).

import { messagesHardBytesMax, messagesSoftBytesMax, messagesSoftMs } from "../../base/limits.ts";
import { Backlog } from "./backlog.ts";

export class WaitingMessages {
  readonly messages = new Backlog();
  private overSoftSinceMs = 0;

  get bytes(): number {
    return this.messages.bytes;
  }

  /** Whether a subscriber with `unsent` bytes beside these is too slow to be kept. */
  isOverdue(unsent: number, nowMs: number): boolean {
    const bytes = this.bytes + unsent;
    if (bytes > messagesHardBytesMax) return true;
    if (bytes <= messagesSoftBytesMax) this.overSoftSinceMs = 0;
    else if (this.overSoftSinceMs === 0) this.overSoftSinceMs = nowMs;
    return this.overSoftSinceMs > 0 && nowMs - this.overSoftSinceMs > messagesSoftMs;
  }
}
