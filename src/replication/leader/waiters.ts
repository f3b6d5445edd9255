// Connections that wait for acknowledgements (WAIT): who they are, what they wait for, and their
// time. It counts nothing itself; the leading side does. However many begin to wait in one turn,
// followers are asked once. An acknowledgement costs as much as it releases: waiters that want the
// same number of followers lie in the order of their offsets, and there is one offset that so many
// followers have.
// Invariants: `#bySession` and `#byCount` hold the same waiters; a waiter gets exactly one outcome:
// the count that it asked for, the count at the end of its time, or the reason why it was let go.

import { attempt, type Fault } from "../../base/errors.ts";
import { timerMsMax } from "../../base/limits.ts";

/** What a waiter gets besides a count of followers. */
export type Release = "unblocked" | "role changed" | "gone";

interface Waiter {
  readonly sessionId: number;
  readonly wanted: number;
  readonly offset: number;
  readonly resolve: (outcome: number | Release) => void;
  readonly timer: Timer | null;
}

export interface Acknowledgements {
  /** How many online followers have everything up to `offset`. */
  acknowledgedBy(offset: number): number;
  /** What each online follower has acknowledged, the furthest first. */
  acknowledgedOffsets(): readonly number[];
  requestAcknowledgements(): void;
}

export class Waiters {
  readonly #leader: Acknowledgements;
  readonly #fault: Fault;
  readonly #bySession = new Map<number, Waiter>();
  /** By the number of followers that they want, each in the order of offsets. */
  readonly #byCount = new Map<number, Waiter[]>();
  #askIsDue = false;

  constructor(leader: Acknowledgements, fault: Fault) {
    this.#fault = fault;
    this.#leader = leader;
  }

  get count(): number {
    return this.#bySession.size;
  }

  get sessionIds(): number[] {
    return [...this.#bySession.keys()];
  }

  /**
   * Resolves when `wanted` followers have `offset`, or with fewer after `timeoutMs`; 0 waits on.
   */
  wait(
    sessionId: number,
    wanted: number,
    offset: number,
    timeoutMs: number,
  ): Promise<number | Release> {
    const count = this.#leader.acknowledgedBy(offset);
    if (count >= wanted) return Promise.resolve(count);
    return new Promise((resolve) => {
      const fault = this.#fault;
      const isTimed = timeoutMs > 0 && timeoutMs <= timerMsMax;
      const timer = isTimed
        ? setTimeout(() => attempt(fault, "WAIT", () => void this.expire(sessionId)), timeoutMs)
        : null;
      this.#add({ sessionId, wanted, offset, resolve, timer });
      this.#askSoon();
    });
  }

  #add(waiter: Waiter): void {
    this.#bySession.set(waiter.sessionId, waiter);
    const waiters = this.#byCount.get(waiter.wanted);
    if (waiters === undefined) this.#byCount.set(waiter.wanted, [waiter]);
    else waiters.splice(firstBeyond(waiters, waiter.offset), 0, waiter);
  }

  /** Some follower has acknowledged more than before. */
  acknowledged(): void {
    if (this.#bySession.size === 0) return;
    const offsets = this.#leader.acknowledgedOffsets();
    for (let i = 0; i < offsets.length; i++) this.#release(i + 1, offsets[i]);
  }

  /** So many followers have everything up to `offset`. */
  #release(count: number, offset: number): void {
    const waiters = this.#byCount.get(count);
    if (waiters === undefined || waiters[0].offset > offset) return;
    const released = waiters.splice(0, firstBeyond(waiters, offset));
    if (waiters.length === 0) this.#byCount.delete(count);
    for (const waiter of released)
      this.#resolve(waiter, this.#leader.acknowledgedBy(waiter.offset));
  }

  /** Its time is over: it gets the count of now. False when nobody of that id waits. */
  expire(sessionId: number): boolean {
    const waiter = this.#bySession.get(sessionId);
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
    const waiter = this.#bySession.get(sessionId);
    if (waiter === undefined) return false;
    const waiters = this.#byCount.get(waiter.wanted) ?? [];
    waiters.splice(placeOf(waiters, waiter), 1);
    if (waiters.length === 0) this.#byCount.delete(waiter.wanted);
    this.#resolve(waiter, outcome);
    return true;
  }

  #resolve(waiter: Waiter, outcome: number | Release): void {
    this.#bySession.delete(waiter.sessionId);
    if (waiter.timer !== null) clearTimeout(waiter.timer);
    waiter.resolve(outcome);
  }

  #askSoon(): void {
    if (this.#askIsDue) return;
    this.#askIsDue = true;
    setImmediate(() => attempt(this.#fault, "WAIT", () => this.#ask()));
  }

  #ask(): void {
    this.#askIsDue = false;
    if (this.#bySession.size > 0) this.#leader.requestAcknowledgements();
  }
}

/** Where the first waiter stands whose offset is larger, in the order of offsets. */
function firstBeyond(waiters: readonly Waiter[], offset: number): number {
  let low = 0;
  let high = waiters.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (waiters[middle].offset > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Those of one offset lie together, and the last that came is most often the last of all. */
function placeOf(waiters: readonly Waiter[], waiter: Waiter): number {
  return waiters.lastIndexOf(waiter, firstBeyond(waiters, waiter.offset) - 1);
}
