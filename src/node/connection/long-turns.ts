// Fairness between connections whose commands take long: a script that loops, LCS, KEYS of
// everything. After a long turn, scripts and connections that had a long one wait until all sockets
// have been looked at, so that a client with a short command waits for one long turn, and not for
// as many as there are clients with long ones. It does not cut a command short.
// Invariant: a connection whose last turn was short waits only with a script.

import { longTurnMs } from "../../base/limits.ts";
import type { Command } from "../../command/core/command.ts";
import { flag } from "../../command/terms/flags.ts";
import type { Session } from "../../command/terms/session.ts";

export class LongTurns {
  /** Since the sockets were last looked at, there was a long turn. Read for each command. */
  isCrowded = false;
  private count = 0;

  /** Called at the end of each turn, with 0 if no command has run. */
  note(session: Session, turnMs: number): void {
    if (turnMs === 0) return; // it has waited, perhaps
    session.hadLongTurn = turnMs > longTurnMs;
    if (session.hadLongTurn) this.begin();
  }

  /** There was a long turn, or a script of several slices has ended with one. */
  begin(): void {
    const present = ++this.count;
    this.isCrowded = true;
    // The first call may come before the sockets are looked at, so the second tells.
    setImmediate(() =>
      setImmediate(() => {
        if (present === this.count) this.isCrowded = false;
      }),
    );
  }

  /** Whether others are served before this session. */
  mustWait(session: Session): boolean {
    return this.isCrowded && session.hadLongTurn;
  }

  /** Whether they are served before this command, as it runs scripts. */
  holdsBack({ transaction }: Session, command: Command | undefined): boolean {
    if (!this.isCrowded || command === undefined) return false;
    const isExec = (command.flags & flag.TRANSACTION) !== 0;
    const flags = isExec ? (transaction?.flags ?? 0) : command.flags;
    return (flags & flag.SCRIPT) !== 0;
  }
}
