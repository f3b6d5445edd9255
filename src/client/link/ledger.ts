// Counts the requests of one client and tracks their age. It bounds their number and drives
// timeouts, but does not know where requests wait: each holder of requests registers here and
// rejects its own.
// Invariants: pending = user requests not yet released, abandoned = those of them that have failed;
// the timer runs while any is pending, or any of the client's own requests.
//
// Age is counted in sweeps of a coarse timer, so a request needs no clock reading and no timer of
// its own. A request is overdue when more than `sweeps` sweeps have passed since it was made: never
// early, and late by at most one sweep, an eighth of the timeout. A stalled event loop delays the
// sweeps too, so time in which this process could not read a reply does not count against the
// server.

import { inspected, shownAs } from "../../base/inspected.ts";
import {
  ClosedError,
  type MSCacheError,
  TimeoutError,
  TooManyPendingError,
} from "../client-errors.ts";
import type { Settings } from "../client-options.ts";
import { Request, type Shape } from "../wire/client-request.ts";
import type { Command } from "../wire/command-writer.ts";
import type { Queue } from "./queue.ts";

/** The number of sweeps in one request timeout. */
const sweeps = 8;

/** Something that holds requests. */
export interface Holder {
  /** Rejects its overdue requests. */
  expire(): void;
  /** Rejects all its requests with ClosedError and accepts no more. */
  close(): void;
}

/**
 * Is told of each write of the client that was answered or has failed, before whoever awaits it
 * knows, so that it can drop what it holds of its keys.
 */
export type WriteWatcher = (command: Command) => void;

export class Ledger {
  readonly settings: Settings;
  readonly holders = new Set<Holder>();
  readonly writeWatchers = new Set<WriteWatcher>();
  pending = 0;
  /** Of the pending, those that nobody waits for; their place in a queue keeps them pending. */
  private abandoned = 0;
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

  /** What holds a router or a ledger shows neither its requests nor the password. */
  [inspected](): string {
    return shownAs("Ledger");
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
  createOwn<T>(command: Command, shape: Shape<T>, isForLeader = false): Request<T> {
    this.own++;
    if (this.timer === null && !this.isClosed) this.arm();
    return new Request(command, shape, isForLeader, false, this.tick);
  }

  /** Whether the request may wait while there is no connection. */
  mayWait(request: Request): boolean {
    return this.settings.offlineQueue || !request.counts;
  }

  /** Lets the sweeps allow this request more time than the usual timeout. */
  allow(request: Request, timeoutMs: number): void {
    const { requestTimeoutMs } = this.settings;
    const more = Math.ceil(((timeoutMs - requestTimeoutMs) * sweeps) / requestTimeoutMs);
    if (more > 0) request.born += more;
  }

  /**
   * Rejects a request that keeps its place: a reply may arrive, or whoever holds it finds it later
   * and releases it. close() does not wait for that.
   */
  abandon(request: Request, error: MSCacheError): void {
    if (!request.isOpen) return;
    request.fail(error);
    if (!request.counts) return;
    this.abandoned++;
    this.tellIfIdle();
  }

  /** Call this when a reply has arrived, or when the request was rejected and none can arrive. */
  release(request: Request): void {
    if (request.isWrite && this.writeWatchers.size > 0) this.tellOfWrite(request);
    if (!request.counts) {
      this.own--;
      return;
    }
    this.pending--;
    if (request.settled) this.abandoned--;
    if (this.idle !== null) this.tellIfIdle();
  }

  /** Rejects a request for which no reply can arrive. */
  drop(request: Request, error: MSCacheError): void {
    this.abandon(request, error);
    this.release(request);
  }

  /** Drops the overdue requests of a queue. `cause`: why they wait, if that is known. */
  dropOverdue(waiting: Queue<Request>, cause?: unknown): void {
    waiting.removeIf((request) => {
      if (!this.isOverdue(request.born)) return false;
      this.drop(request, this.overdue(request, cause));
      return true;
    });
  }

  /** What an overdue request fails with. */
  overdue({ sent, setback }: Request, cause: unknown = setback ?? undefined): TimeoutError {
    return new TimeoutError(this.settings.requestTimeoutMs, sent, cause);
  }

  /** Whether more than the request timeout has passed since this tick. */
  isOverdue(tick: number): boolean {
    return this.tick - tick > sweeps;
  }

  /**
   * Refuses new requests, waits for those whose promises have not settled, at most about one
   * request timeout, and closes all.
   */
  async close(): Promise<void> {
    this.closing = true;
    this.closeBefore = this.tick + sweeps + 1;
    if (this.pending > this.abandoned) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
      });
    }
    this.closeHolders();
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private tellIfIdle(): void {
    if (this.pending === this.abandoned) this.idle?.();
  }

  private tellOfWrite({ command, batch }: Request): void {
    for (const watcher of this.writeWatchers) {
      for (const written of batch?.commands ?? [command]) watcher(written);
    }
  }

  private arm(): void {
    this.timer = setTimeout(() => this.sweep(), this.settings.requestTimeoutMs / sweeps);
  }

  private sweep(): void {
    this.timer = null;
    this.tick++;
    for (const holder of this.holders) holder.expire();
    // Overdue requests are rejected by now; what still runs has a longer limit of its own.
    if (this.tick > this.closeBefore) this.closeHolders();
    else if (this.pending > 0 || this.own > 0) this.arm();
  }

  private closeHolders(): void {
    this.isClosed = true;
    for (const holder of this.holders) holder.close();
    this.holders.clear();
  }
}
