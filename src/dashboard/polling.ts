// Asks the node for something again and again while somebody looks: not while the page is hidden,
// not while nobody can see the answer, and never twice at once. The first answer is for all panels,
// so that who scrolls to one finds something. It passes errors on.

import { monotonicMs } from "../base/clock.ts";

export interface Poll {
  readonly everyMs: number;
  /** Whether an answer is of use: nobody looks otherwise. */
  readonly isWanted: () => boolean;
  readonly ask: () => Promise<void>;
  readonly failed: (error: unknown) => void;
}

/** A timer fires a little early, and its turn is not to be left out for that. */
const earlyMs = 100;

export class Polling {
  private readonly poll: Poll;
  private isAsking = false;
  private isSeen = false;
  private askedMs = Number.NEGATIVE_INFINITY;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(poll: Poll) {
    this.poll = poll;
  }

  start(): void {
    this.stop();
    this.askedMs = Number.NEGATIVE_INFINITY;
    this.timer = setInterval(() => void this.ifDue(), this.poll.everyMs);
    void this.ifDue();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Whether it is on the screen. */
  seen(isSeen: boolean): void {
    this.isSeen = isSeen;
    if (isSeen && this.timer !== undefined) void this.ifDue();
  }

  /** Asks if somebody looks and what there is has become old. */
  async ifDue(): Promise<void> {
    const isFirst = this.askedMs === Number.NEGATIVE_INFINITY;
    if (this.isAsking || document.hidden || !this.poll.isWanted()) return;
    if (!isFirst && !this.isSeen) return;
    if (monotonicMs() - this.askedMs < this.poll.everyMs - earlyMs) return;
    this.isAsking = true;
    this.askedMs = monotonicMs();
    try {
      await this.poll.ask();
    } catch (error) {
      this.poll.failed(error);
    } finally {
      this.isAsking = false;
    }
  }
}
