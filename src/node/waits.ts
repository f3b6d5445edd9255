// WAIT, as commands see it: a connection waits in replication/leader/waiters.ts, and this file
// turns the outcome into a reply. It also releases the waits of connections that have closed.

import { type ErrorReply, unblocked, unblockedByRole } from "../base/errors.ts";
import type { Clients, Waits } from "../command/core/node.ts";
import type { Session } from "../command/core/session.ts";
import type { Waiters } from "../replication/leader/waiters.ts";

export class NodeWaits implements Waits {
  private readonly waiters: Waiters;
  private readonly clients: Clients;

  constructor(waiters: Waiters, clients: Clients) {
    this.waiters = waiters;
    this.clients = clients;
  }

  async wait(session: Session, followers: number, timeoutMs: number): Promise<number | ErrorReply> {
    const { id, lastWriteOffset } = session;
    const outcome = await this.waiters.wait(id, followers, lastWriteOffset, timeoutMs);
    if (outcome === "role changed") return unblockedByRole;
    return typeof outcome === "number" ? outcome : unblocked;
  }

  get waiting(): ReadonlySet<number> {
    return new Set(this.waiters.sessionIds);
  }

  unblock(id: number, withError: boolean): boolean {
    return withError ? this.waiters.release(id, "unblocked") : this.waiters.expire(id);
  }

  async releaseGone(): Promise<void> {
    const ids = this.waiting;
    if (ids.size === 0) return;
    const open = (await this.clients.list({ ids })).filter(
      ({ session }) => !session.closing && !session.inputEnded,
    );
    const present = new Set(open.map(({ session }) => session.id));
    for (const id of ids) if (!present.has(id)) this.waiters.release(id, "gone");
  }
}
