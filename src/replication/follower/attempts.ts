// How long a follower waits before it asks its leader again, and what the log says about it. Waits
// grow while attempts fail; they grow further if the leader's bytes cannot be followed, as each
// such attempt costs a full sync. A link that stays up for a while resets all of this; a link that
// comes and goes does not.
// Invariant: each failure is logged once: at `warn` if it is new, else at `info`
// (base/recurring.ts).

import { reconnectMsMax, reconnectMsMin, resyncCalmMs, resyncMsMax } from "../../base/limits.ts";
import type { LogFields, Logger } from "../../base/log.ts";
import { RecurringTrouble } from "../../base/recurring.ts";

export interface AttemptParts {
  readonly log: Logger;
  /** Monotonic. */
  readonly now: () => number;
  /** A number in [0, 1), for the jitter. */
  readonly random: () => number;
}

/** What the log says of a transition of the follower. */
export interface Move {
  readonly line: string;
  readonly fields: LogFields;
}

export class Attempts {
  /** Times in a row that the leader's bytes could not be followed. */
  misfits = 0;
  private readonly parts: AttemptParts;
  private readonly trouble: RecurringTrouble;
  private retryMs = reconnectMsMin;
  private misfitWaitMs = 0;
  private connectedSinceMs = 0;

  constructor(parts: AttemptParts) {
    this.parts = parts;
    this.trouble = new RecurringTrouble(parts.log, parts.now);
  }

  /** Starts anew for another leader. */
  reset(): void {
    this.retryMs = reconnectMsMin;
    this.misfits = 0;
    this.trouble.forget();
  }

  connected(): void {
    this.connectedSinceMs = this.parts.now();
    this.retryMs = reconnectMsMin;
  }

  /** Called periodically while the link is up. */
  holds(leader: string): void {
    const calmMs = Math.max(resyncCalmMs, this.misfitWaitMs);
    if (this.parts.now() - this.connectedSinceMs < calmMs) return;
    this.misfits = 0;
    this.trouble.ended(`${leader}: the link holds`);
  }

  /** How long to wait after a failure. */
  waitMs(): number {
    return this.nextWaitMs(0);
  }

  /** How long to wait after bytes that cannot be followed. */
  waitMsAfterMisfit(): number {
    this.misfits++;
    const doubledMs = Math.min(reconnectMsMin * 2 ** (this.misfits - 1), resyncMsMax);
    this.misfitWaitMs = this.nextWaitMs(doubledMs);
    return this.misfitWaitMs;
  }

  /** Reasons that differ only in their numbers count as one. */
  tell(state: string, reason: string, { line, fields }: Move): void {
    this.trouble.happened(`${state}: ${reason.replace(/\d+/g, "#")}`, line, fields);
  }

  private nextWaitMs(least: number): number {
    const ms = Math.max(this.retryMs, least);
    this.retryMs = Math.min(this.retryMs * 2, reconnectMsMax);
    return Math.round(ms * (0.5 + this.parts.random() / 2));
  }
}
