// Counts the requests of one client and tracks their age. It bounds their number and drives
// timeouts, but does not know where requests wait: each holder of requests registers here and
// rejects its own.
// Invariant: pending = user requests not yet released; the timer runs while there are any, or any
// of the client's own requests.
//
// Age is counted in sweeps of a coarse timer, so a request needs no clock reading and no timer of
// its own. A request is overdue when more than `sweeps` sweeps have passed since it was made: never
// early, and late by at most one sweep, an eighth of the timeout. A stalled event loop delays the
// sweeps too, so time in which this process could not read a reply does not count against the
// server.

import { ClosedError, type MSCacheError, TooManyPendingError } from "./client-errors.ts";
import type { Settings } from "./client-options.ts";
import { Request, type Shape } from "./client-request.ts";
import type { Command } from "./command-writer.ts";

/** The number of sweeps in one request timeout. */
const sweeps = 8;

/** Something that holds requests. */
export interface Holder {
  /** Rejects its overdue requests. */
  expire(): void;
  /** Rejects all its requests with ClosedError and accepts no more. */
  close(): void;
}

export class Ledger {
  readonly settings: Settings;
  readonly holders = new Set<Holder>();
  pending = 0;
  tick = 0;
  /** Whether everything is closed, so that nothing may be opened. */
  isClosed = false;
  /** The client's own requests, HELLO and ROLE. close() does not wait for them. */
  private own = 0;
  private closing = false;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private idle: (() => void) | null = null;
  private closeBefore = Number.POSITIVE_INFINITY;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** Why a further user request would be refused now, or null. */
  refusal(): MSCacheError | null {
    if (this.closing) return new ClosedError();
    const { maxPending } = this.settings;
    return this.pending >= maxPending ? new TooManyPendingError(maxPending) : null;
  }

  /** A new user request. It counts as pending until release(). */
  create<T>(command: Command, shape: Shape<T>, isWrite: boolean): Request<T> {
    this.pending++;
    if (this.timer === null) this.arm();
    return new Request(command, shape, isWrite, true, this.tick);
  }

  /**
   * A request of the client itself. It can time out like any other, but does not count as pending.
   */
  createOwn<T>(command: Command, shape: Shape<T>): Request<T> {
    this.own++;
    if (this.timer === null && !this.isClosed) this.arm();
    return new Request(command, shape, false, false, this.tick);
  }

  /** Call this when a reply has arrived, or when the request was rejected and none can arrive. */
  release(request: Request): void {
    if (!request.counts) {
      this.own--;
      return;
    }
    this.pending--;
    if (this.pending === 0 && this.idle !== null) this.idle();
  }

  /** Rejects a request for which no reply can arrive. */
  drop(request: Request, error: MSCacheError): void {
    request.fail(error);
    this.release(request);
  }

  /** Whether more than the request timeout has passed since this tick. */
  isOverdue(tick: number): boolean {
    return this.tick - tick > sweeps;
  }

  /**
   * Refuses new requests, waits for pending ones, at most about one request timeout, and closes
   * all.
   */
  async close(): Promise<void> {
    this.closing = true;
    this.closeBefore = this.tick + sweeps + 1;
    if (this.pending > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
      });
    }
    this.closeHolders();
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private arm(): void {
    this.timer = setTimeout(() => this.sweep(), this.settings.requestTimeoutMs / sweeps);
  }

  private sweep(): void {
    this.timer = null;
    this.tick++;
    for (const holder of this.holders) holder.expire();
    // Overdue requests are rejected by now; those still pending only wait for late replies.
    if (this.tick > this.closeBefore) this.closeHolders();
    else if (this.pending > 0 || this.own > 0) this.arm();
  }

  private closeHolders(): void {
    this.isClosed = true;
    for (const holder of this.holders) holder.close();
    this.holders.clear();
  }
}
