// Trouble that may come again and again, told so that an operator neither misses it nor drowns in it: the
// first time at once at `warn`, later with the number of times at intervals that double. What comes in
// between is logged at `info`. It sets no timer: what has stopped is not told again.
// Invariant: everything that happens is logged once, and is in exactly one count.

import { troubleKindsMax, troubleRepeatMsMax, troubleRepeatMsMin } from "./limits.ts";

interface Sink {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

interface Kind {
  /** Times that no warning has told yet. */
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

  /** It has happened, for the first time or again; kinds are counted each by itself. */
  happened(kind: string, sentence: string): void {
    const now = this.now();
    if (this.total === 0) this.beganMs = now;
    this.total++;
    const known = this.kinds.get(kind);
    if (known === undefined) {
      this.remember(kind, { untold: 0, toldAtMs: now, intervalMs: troubleRepeatMsMin });
      this.sink[this.level](sentence);
      return;
    }
    known.untold++;
    const sinceMs = now - known.toldAtMs;
    if (sinceMs < known.intervalMs) return this.sink.info(sentence);
    this.sink[this.level](`${sentence} (${times(known.untold, sinceMs)})`);
    known.untold = 0;
    known.toldAtMs = now;
    known.intervalMs = Math.min(2 * known.intervalMs, troubleRepeatMsMax);
  }

  /** What comes from now on has nothing to do with what was. */
  forget(): void {
    this.kinds.clear();
    this.total = 0;
  }

  /** It is over. Told where it was told, with all that was counted; silent where nothing had happened. */
  ended(sentence: string): void {
    if (this.total === 0) return;
    const count = times(this.total, this.now() - this.beganMs);
    this.sink[this.level](`${sentence}, after trouble (${count})`);
    this.forget();
  }

  /** A kind may name a peer, and peers come without end: the oldest is forgotten. */
  private remember(kind: string, state: Kind): void {
    const [oldest] = this.kinds.keys();
    if (this.kinds.size >= troubleKindsMax && oldest !== undefined) this.kinds.delete(oldest);
    this.kinds.set(kind, state);
  }
}

function times(count: number, ms: number): string {
  return `${count} ${count === 1 ? "time" : "times"} in ${Math.round(ms / 1000)} s`;
}
