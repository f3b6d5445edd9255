// The bound of a reply that is whole before any of it is sent: those that the control thread makes,
// and those of scripts that were suspended.

import { outputFlushBytes } from "../../base/limits.ts";
import type { Logger } from "../../base/log.ts";
import type { Output, Spill } from "../../base/output.ts";
import type { Session } from "../../command/terms/session.ts";
import type { ClientMemory } from "../shared/client-memory.ts";

/**
 * Counts a reply among the memory of all clients while it is made, because it is whole before any
 * of it is sent. A reply that is too large is dropped entirely. A transaction still runs to its
 * end, without further replies.
 */
export class ReplyBound implements Spill {
  isExceeded = false;
  private readonly memory: ClientMemory;
  private readonly session: Session;
  private counted = 0;

  constructor(memory: ClientMemory, session: Session) {
    this.memory = memory;
    this.session = session;
  }

  spill(out: Output): void {
    if (this.isExceeded) out.clear();
    else this.check(out);
  }

  /** A short reply is always possible: an operator must be able to look. */
  check(out: Output): void {
    if (out.length < outputFlushBytes) return;
    const more = out.length - this.counted;
    if (!this.memory.hasRoomFor(more)) return this.exceed(out);
    this.counted += more;
    this.memory.add(more);
  }

  exceed(out: Output): void {
    this.isExceeded = true;
    this.session.closing = true;
    out.clear();
  }

  /** The reply is made: it counts where it goes, and the log says if it was too large. */
  release(log: Logger): void {
    this.memory.add(-this.counted);
    if (!this.isExceeded) return;
    const { address } = this.session;
    const fields = { event: "client-closed", client: address } as const;
    log.warn(`client ${address} asked for too long a reply: closed`, fields);
  }
}
