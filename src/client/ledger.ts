// The account of one client: how many requests are held anywhere in it, and how old each is. It bounds
// the first and finds the overdue ones, but it does not know where requests wait: what holds some
// registers here and rejects its own.
// Invariant: pending = requests of the user not yet released; the timer runs whenever there are any,
// or any of the client's own.
//
// Age is counted in sweeps of a coarse timer, so a request costs no clock and no timer. A request is
// overdue when more than `sweeps` of them have passed since it was made: never early, and at most one
// sweep, an eighth of the timeout, late. A stalled event loop delays the sweeps too, so time in which
// this process could not have read an answer is not held against the server.

import type { Command } from "./command-writer.ts";
import { ClosedError, type MSCacheError, TooManyPendingError } from "./errors.ts";
import type { Settings } from "./options.ts";
import { Request, type Shape } from "./request.ts";

/** How many sweeps make one request timeout. */
const sweeps = 8;

/** Something that holds requests. */
export interface Holder {
  /** Rejects what it holds that is overdue. */
  expire(): void;
  /** Rejects all that it holds with ClosedError and takes nothing more. */
  close(): void;
}

export class Ledger {
  readonly settings: Settings;
  readonly holders = new Set<Holder>();
  pending = 0;
  tick = 0;
  /** All is closed, and nothing may be opened. */
  isClosed = false;
  /** The client's own requests, HELLO and ROLE, which no close() waits for. */
  #own = 0;
  #closing = false;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #idle: (() => void) | null = null;
  #closeBefore = Number.POSITIVE_INFINITY;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** Why no further request of the user can be taken now; null when it can. */
  refusal(): MSCacheError | null {
    if (this.#closing) return new ClosedError();
    const { maxPending } = this.settings;
    return this.pending >= maxPending ? new TooManyPendingError(maxPending) : null;
  }

  /** A new request of the user; it counts until release(). */
  create<T>(command: Command, shape: Shape<T>, isWrite: boolean): Request<T> {
    this.pending++;
    if (this.#timer === null) this.#arm();
    return new Request(command, shape, isWrite, true, this.tick);
  }

  /** A request of the client itself: it grows old like any other, but does not count. */
  createOwn<T>(command: Command, shape: Shape<T>): Request<T> {
    this.#own++;
    if (this.#timer === null && !this.isClosed) this.#arm();
    return new Request(command, shape, false, false, this.tick);
  }

  /** A request was answered, or rejected with no answer to come. */
  release(request: Request): void {
    if (!request.counts) {
      this.#own--;
      return;
    }
    this.pending--;
    if (this.pending === 0 && this.#idle !== null) this.#idle();
  }

  /** Rejects a request for which no answer is to come. */
  drop(request: Request, error: MSCacheError): void {
    request.fail(error);
    this.release(request);
  }

  /** Whether more than the request timeout has passed since this tick. */
  isOverdue(tick: number): boolean {
    return this.tick - tick > sweeps;
  }

  /** Takes no more, waits for the requests already made, one request timeout at most, closes all. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#closeBefore = this.tick + sweeps + 1;
    if (this.pending > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#closeHolders();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = setTimeout(() => this.#sweep(), this.settings.requestTimeoutMs / sweeps);
  }

  #sweep(): void {
    this.#timer = null;
    this.tick++;
    for (const holder of this.holders) holder.expire();
    // Overdue requests were rejected by now; what still counts only waits for late answers.
    if (this.tick > this.#closeBefore) this.#closeHolders();
    else if (this.pending > 0 || this.#own > 0) this.#arm();
  }

  #closeHolders(): void {
    this.isClosed = true;
    for (const holder of this.holders) holder.close();
    this.holders.clear();
  }
}
