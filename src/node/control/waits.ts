// WAIT and WAITOFFSET, as commands see them: a connection waits in replication/leader/waiters.ts or
// replication/offset-waits.ts, and this file turns the outcome into a reply. It also releases the
// waits of connections that have closed: those get no reply, and whoever has only closed its half
// gets the one of a timeout.

import { ErrorReply, unblocked, unblockedByRole } from "../../base/errors.ts";
import type { Clients, Place, Waits } from "../../command/core/node.ts";
import type { Session } from "../../command/terms/session.ts";
import type { Replication } from "../../replication/replication.ts";

export class NodeWaits implements Waits {
  private readonly replication: Replication;
  private readonly clients: Clients;

  constructor(replication: Replication, clients: Clients) {
    this.replication = replication;
    this.clients = clients;
  }

  async wait(
    session: Session,
    followers: number,
    timeoutMs: number,
  ): Promise<number | ErrorReply | null> {
    const { id, lastWriteOffset } = session;
    const { waiters } = this.replication;
    const outcome = await waiters.wait(id, followers, lastWriteOffset, timeoutMs);
    if (outcome === "gone") return null;
    if (outcome === "role changed") return unblockedByRole;
    return typeof outcome === "number" ? outcome : unblocked;
  }

  placeOf(session: Session): Place {
    const { history, offset } = this.replication;
    // Inside a transaction its writes are not noted yet; the present offset is behind them.
    const isNoted = !session.isExecuting && session.lastWriteOffset > 0;
    return { replid: history.replid, offset: isNoted ? session.lastWriteOffset : offset };
  }

  async waitForOffset(
    session: Session,
    replid: string,
    offset: number,
    timeoutMs: number,
  ): Promise<boolean | ErrorReply | null> {
    const { offsetWaits, history } = this.replication;
    // A transaction must not wait.
    const outcome = session.isExecuting
      ? (offsetWaits.look(replid, offset) ?? "timeout")
      : await offsetWaits.wait(session.id, replid, offset, timeoutMs);
    if (outcome === "reached" || outcome === "timeout") return outcome === "reached";
    if (outcome === "gone") return null;
    if (outcome === "unblocked") return unblocked;
    return new ErrorReply("OTHERHISTORY", `the history of this node is ${history.replid}`);
  }

  get waiting(): ReadonlySet<number> {
    const { waiters, offsetWaits } = this.replication;
    return new Set([...waiters.sessionIds, ...offsetWaits.sessionIds]);
  }

  unblock(id: number, withError: boolean): boolean {
    const { waiters, offsetWaits } = this.replication;
    if (offsetWaits.end(id, withError ? "unblocked" : "timeout")) return true;
    return withError ? waiters.release(id, "unblocked") : waiters.expire(id);
  }

  async releaseGone(): Promise<void> {
    const ids = this.waiting;
    if (ids.size === 0) return;
    const sessions = (await this.clients.list({ ids })).map(({ session }) => session);
    const open = new Map(sessions.filter(({ closing }) => !closing).map((it) => [it.id, it]));
    const { waiters, offsetWaits } = this.replication;
    for (const id of ids) {
      const session = open.get(id);
      if (session?.inputEnded === false) continue;
      if (session !== undefined) this.unblock(id, false);
      else if (!waiters.release(id, "gone")) offsetWaits.end(id, "gone");
    }
  }
}
