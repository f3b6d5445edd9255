// Logs recurring trouble so that an operator neither misses it nor drowns in it: the first
// occurrence at once at `warn` (or `error`), later ones with a count at intervals that double.
// Occurrences in between are logged at `info`. It sets no timer: trouble that has stopped is not
// logged again.
// Invariant: every occurrence is logged once, and is part of exactly one count.

import { troubleKindsMax, troubleRepeatMsMax, troubleRepeatMsMin } from "./limits.ts";
import type { LogFields, Logger } from "./log.ts";

type Sink = Pick<Logger, "info" | "warn" | "error">;

interface Kind {
  /** Occurrences that no warning has counted yet. */
  untold: number;
  toldAtMs: number;
  intervalMs: number;
}

export class RecurringTrouble {
  private readonly sink: Sink;
  private readonly now: () => number;
  private readonly level: "warn" | "error";
  private readonly kinds = new Map<string, Kind>();
  private total = 0;
  private beganMs = 0;

  /** `now` is the monotonic clock. */
  constructor(sink: Sink, now: () => number, level: "warn" | "error" = "warn") {
    this.sink = sink;
    this.now = now;
    this.level = level;
  }

  /** Records one occurrence. Each kind has its own count. */
  happened(kind: string, sentence: string, fields: LogFields = {}): void {
    const now = this.now();
    if (this.total === 0) this.beganMs = now;
    this.total++;
    const known = this.kinds.get(kind);
    if (known === undefined) {
      this.remember(kind, { untold: 0, toldAtMs: now, intervalMs: troubleRepeatMsMin });
      this.sink[this.level](sentence, fields);
      return;
    }
    known.untold++;
    const sinceMs = now - known.toldAtMs;
    if (sinceMs < known.intervalMs) return this.sink.info(sentence, fields);
    const counted = `${sentence} (${times(known.untold, sinceMs)})`;
    this.sink[this.level](counted, { ...fields, times: known.untold });
    known.untold = 0;
    known.toldAtMs = now;
    known.intervalMs = Math.min(2 * known.intervalMs, troubleRepeatMsMax);
  }

  /** Drops all counts: later trouble is unrelated to earlier trouble. */
  forget(): void {
    this.kinds.clear();
    this.total = 0;
  }

  /**
   * The trouble is over. Logs `sentence` with the total, at the level of the trouble, if there was
   * any.
   */
  ended(sentence: string): void {
    if (this.total === 0) return;
    const count = times(this.total, this.now() - this.beganMs);
    this.sink[this.level](`${sentence}, after trouble (${count})`);
    this.forget();
  }

  /** A kind may name a peer, and the number of peers is unbounded: the oldest kind is dropped. */
  private remember(kind: string, state: Kind): void {
    const [oldest] = this.kinds.keys();
    if (this.kinds.size >= troubleKindsMax && oldest !== undefined) this.kinds.delete(oldest);
    this.kinds.set(kind, state);
  }
}

function times(count: number, ms: number): string {
  return `${count} ${count === 1 ? "time" : "times"} in ${Math.round(ms / 1000)} s`;
}
