// Fairness between connections whose commands take long: a script that loops, LCS, KEYS of
// everything. When one of them has had a long turn, the others of this kind wait until all sockets
// have been looked at, so that a client with a short command waits for one long turn, and not for
// as many as there are clients with long ones. It does not cut a command short.
// Invariant: a connection whose last turn was short never waits.

import { longTurnMs } from "../../base/limits.ts";
import type { Session } from "../../command/core/session.ts";

export class LongTurns {
  /** Since the sockets were last looked at, there was a long turn. Read for each turn. */
  isCrowded = false;

  /** Called at the end of each turn, with 0 if no command has run. */
  note(session: Session, turnMs: number): void {
    if (turnMs === 0) return; // it has waited, perhaps
    session.hadLongTurn = turnMs > longTurnMs;
    if (!session.hadLongTurn || this.isCrowded) return;
    this.isCrowded = true;
    setImmediate(() => {
      this.isCrowded = false;
    });
  }

  /** Whether others are served before this session. */
  mustWait(session: Session): boolean {
    return this.isCrowded && session.hadLongTurn;
  }
}
