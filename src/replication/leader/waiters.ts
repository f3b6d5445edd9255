// Connections that wait for acknowledgements (WAIT): who they are, what they wait for, and their time.
// It counts nothing itself; the leading side does. However many begin to wait in one turn, followers
// are asked once.
// Invariant: a waiter gets exactly one outcome: the count that it asked for, the count at the end of
// its time, or the reason why it was let go.

import { timerMsMax } from "../../base/limits.ts";

/** What a waiter gets besides a count of followers. */
export type Release = "unblocked" | "role changed" | "gone";

interface Waiter {
  readonly wanted: number;
  readonly offset: number;
  readonly resolve: (outcome: number | Release) => void;
  readonly timer: Timer | null;
}

export interface Acknowledgements {
  /** How many online followers have everything up to `offset`. */
  acknowledgedBy(offset: number): number;
  requestAcknowledgements(): void;
}

export class Waiters {
  readonly #leader: Acknowledgements;
  readonly #waiters = new Map<number, Waiter>();
  #askIsDue = false;

  constructor(leader: Acknowledgements) {
    this.#leader = leader;
  }

  get count(): number {
    return this.#waiters.size;
  }

  get sessionIds(): number[] {
    return [...this.#waiters.keys()];
  }

  /** Resolves when `wanted` followers have `offset`, or with fewer after `timeoutMs`; 0 waits on. */
  wait(
    sessionId: number,
    wanted: number,
    offset: number,
    timeoutMs: number,
  ): Promise<number | Release> {
    const count = this.#leader.acknowledgedBy(offset);
    if (count >= wanted) return Promise.resolve(count);
    return new Promise((resolve) => {
      const isTimed = timeoutMs > 0 && timeoutMs <= timerMsMax;
      const timer = isTimed ? setTimeout(() => this.expire(sessionId), timeoutMs) : null;
      this.#waiters.set(sessionId, { wanted, offset, resolve, timer });
      this.#askSoon();
    });
  }

  /** Some follower has acknowledged. */
  acknowledged(): void {
    for (const [id, { wanted, offset }] of this.#waiters) {
      const count = this.#leader.acknowledgedBy(offset);
      if (count >= wanted) this.#end(id, count);
    }
  }

  /** Its time is over: it gets the count of now. False when nobody of that id waits. */
  expire(sessionId: number): boolean {
    const waiter = this.#waiters.get(sessionId);
    if (waiter === undefined) return false;
    return this.#end(sessionId, this.#leader.acknowledgedBy(waiter.offset));
  }

  release(sessionId: number, reason: Release): boolean {
    return this.#end(sessionId, reason);
  }

  releaseAll(reason: Release): void {
    for (const id of this.sessionIds) this.#end(id, reason);
  }

  #end(sessionId: number, outcome: number | Release): boolean {
    const waiter = this.#waiters.get(sessionId);
    if (waiter === undefined) return false;
    this.#waiters.delete(sessionId);
    if (waiter.timer !== null) clearTimeout(waiter.timer);
    waiter.resolve(outcome);
    return true;
  }

  #askSoon(): void {
    if (this.#askIsDue) return;
    this.#askIsDue = true;
    setImmediate(() => {
      this.#askIsDue = false;
      if (this.#waiters.size > 0) this.#leader.requestAcknowledgements();
    });
  }
}
