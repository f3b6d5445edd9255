// Connections that wait for acknowledgements (WAIT): which they are, what they wait for, and their
// timeouts. leader.ts counts the acknowledgements. Followers are asked once, however many
// connections begin to wait in one turn. An acknowledgement costs only as much as it releases:
// waiters that want the same number of followers are in the order of their offsets, and one offset
// is the highest that so many followers have.
// Invariants: `bySession` and `byCount` have the same waiters; a waiter gets exactly one outcome:
// the count that it asked for, the count at its timeout, or the reason why it was released.

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
  /** The acknowledged offset of each online follower, the highest first. */
  acknowledgedOffsets(): readonly number[];
  requestAcknowledgements(): void;
}

export class Waiters {
  private readonly leader: Acknowledgements;
  private readonly fault: Fault;
  private readonly bySession = new Map<number, Waiter>();
  /** By the number of followers that they want; each list in the order of offsets. */
  private readonly byCount = new Map<number, Waiter[]>();
  private askIsDue = false;

  constructor(leader: Acknowledgements, fault: Fault) {
    this.fault = fault;
    this.leader = leader;
  }

  get count(): number {
    return this.bySession.size;
  }

  /** Of these, how many have a timeout. */
  get timedCount(): number {
    return [...this.bySession.values()].filter(({ timer }) => timer !== null).length;
  }

  get sessionIds(): number[] {
    return [...this.bySession.keys()];
  }

  /**
   * Resolves when `wanted` followers have `offset`, or with fewer after `timeoutMs`; 0: no timeout.
   */
  wait(
    sessionId: number,
    wanted: number,
    offset: number,
    timeoutMs: number,
  ): Promise<number | Release> {
    const count = this.leader.acknowledgedBy(offset);
    if (count >= wanted) return Promise.resolve(count);
    return new Promise((resolve) => {
      const fault = this.fault;
      const isTimed = timeoutMs > 0 && timeoutMs <= timerMsMax;
      const timer = isTimed
        ? setTimeout(() => attempt(fault, "WAIT", () => void this.expire(sessionId)), timeoutMs)
        : null;
      this.add({ sessionId, wanted, offset, resolve, timer });
      this.askSoon();
    });
  }

  private add(waiter: Waiter): void {
    this.bySession.set(waiter.sessionId, waiter);
    const waiters = this.byCount.get(waiter.wanted);
    if (waiters === undefined) this.byCount.set(waiter.wanted, [waiter]);
    else waiters.splice(firstBeyond(waiters, waiter.offset), 0, waiter);
  }

  /** Called when a follower has acknowledged more than before. */
  acknowledged(): void {
    if (this.bySession.size === 0) return;
    const offsets = this.leader.acknowledgedOffsets();
    for (let i = 0; i < offsets.length; i++) this.releaseUpTo(i + 1, offsets[i]);
  }

  /** Releases those who want this many followers, which have everything up to `offset`. */
  private releaseUpTo(count: number, offset: number): void {
    const waiters = this.byCount.get(count);
    if (waiters === undefined || waiters[0].offset > offset) return;
    const released = waiters.splice(0, firstBeyond(waiters, offset));
    if (waiters.length === 0) this.byCount.delete(count);
    for (const waiter of released) this.resolve(waiter, this.leader.acknowledgedBy(waiter.offset));
  }

  /** Ends a wait as its timeout would: with the present count. False if that id does not wait. */
  expire(sessionId: number): boolean {
    const waiter = this.bySession.get(sessionId);
    if (waiter === undefined) return false;
    return this.end(sessionId, this.leader.acknowledgedBy(waiter.offset));
  }

  release(sessionId: number, reason: Release): boolean {
    return this.end(sessionId, reason);
  }

  releaseAll(reason: Release): void {
    for (const id of this.sessionIds) this.end(id, reason);
  }

  private end(sessionId: number, outcome: number | Release): boolean {
    const waiter = this.bySession.get(sessionId);
    if (waiter === undefined) return false;
    const waiters = this.byCount.get(waiter.wanted) ?? [];
    waiters.splice(placeOf(waiters, waiter), 1);
    if (waiters.length === 0) this.byCount.delete(waiter.wanted);
    this.resolve(waiter, outcome);
    return true;
  }

  private resolve(waiter: Waiter, outcome: number | Release): void {
    this.bySession.delete(waiter.sessionId);
    if (waiter.timer !== null) clearTimeout(waiter.timer);
    waiter.resolve(outcome);
  }

  private askSoon(): void {
    if (this.askIsDue) return;
    this.askIsDue = true;
    setImmediate(() => attempt(this.fault, "WAIT", () => this.ask()));
  }

  private ask(): void {
    this.askIsDue = false;
    if (this.bySession.size > 0) this.leader.requestAcknowledgements();
  }
}

/** The index of the first waiter with a larger offset. */
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

/** Waiters with one offset are adjacent, and the newest is most often the last of all. */
function placeOf(waiters: readonly Waiter[], waiter: Waiter): number {
  return waiters.lastIndexOf(waiter, firstBeyond(waiters, waiter.offset) - 1);
}
