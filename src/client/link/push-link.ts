// A connection of its own for what a server pushes: messages of channels, and invalidations of keys
// that it reads. It is restored when it is lost, and its listener is told of both, as the server
// forgets what a lost connection had asked for and whatever it would have pushed meanwhile is
// missed.
// Invariant: nothing but the listener's own commands precedes the end of its up().

import { monotonicMs } from "../../base/clock.ts";
import { formatPlace, type Place } from "../../base/place.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";
import {
  ClosedError,
  ConnectError,
  ConnectionLostError,
  type MSCacheError,
  TooManyPendingError,
} from "../client-errors.ts";
import type { Request, Shape } from "../wire/client-request.ts";
import type { Command } from "../wire/command-writer.ts";
import { text } from "../wire/shapes.ts";
import { backoffMs } from "./backoff.ts";
import { Connection, type ConnectionOwner, rejectAll } from "./client-connection.ts";
import type { Holder, Ledger } from "./ledger.ts";
import { Queue } from "./queue.ts";
import { isRefusedLogin } from "./refused-login.ts";

/** Sends a command on one connection. Rejects if it is lost. */
export type Send = <T>(command: Command, shape: Shape<T>) => Promise<T>;

/** Whoever a push link works for. */
export interface PushListener {
  /**
   * A new connection is logged in: the time to send CLIENT TRACKING or SUBSCRIBE. The link is up
   * when the promise resolves; if it rejects, the connection is given up and another one tried.
   */
  up(send: Send): Promise<void>;
  /** The connection was lost, or the attempt has failed. Called before a new attempt. */
  down(cause: MSCacheError): void;
  /** The link is given up for good: the client was closed, or reconnect.maxAttempts have failed. */
  ended(cause: MSCacheError): void;
  /** A push. The values are bytes; its kind, the first of them, may be a string. */
  push(items: readonly Reply[]): void;
}

export class PushLink implements ConnectionOwner, Holder {
  private readonly ledger: Ledger;
  private readonly where: () => Place;
  private readonly listener: PushListener;
  /** The connection that is up; null while there is none. */
  private connection: Connection | null = null;
  /** The connection for which up() runs. */
  private opening: Connection | null = null;
  private endedBy: MSCacheError | null = null;
  /** Why there is no connection; null before the first attempt. */
  private lastError: MSCacheError | null = null;
  /** Settles when the next connection is up, for those who wait for it; null: nobody does. */
  private rising: PromiseWithResolvers<void> | null = null;
  private waiting = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private heartbeat: ReturnType<typeof setInterval> | null = null;

  /** `where` is asked before each attempt. */
  constructor(ledger: Ledger, where: () => Place, listener: PushListener) {
    this.ledger = ledger;
    this.where = where;
    this.listener = listener;
    ledger.holders.add(this);
  }

  /** Whether a connection is up. */
  get isUp(): boolean {
    return this.connection !== null;
  }

  /** Whether a connection is up, and to where where() says now. */
  get isInPlace(): boolean {
    const { connection } = this;
    return connection !== null && connection.address === formatPlace(this.where());
  }

  /** Connects for the first time. On failure it rejects, does not retry, and is closed. */
  async connectOnce(): Promise<void> {
    try {
      await this.open();
    } catch (cause) {
      this.close();
      throw cause;
    }
  }

  /** The same, but a node that cannot be reached is tried again, as after a lost connection. */
  async begin(): Promise<void> {
    try {
      await this.open();
    } catch (cause) {
      const isAway = cause instanceof ConnectError || cause instanceof ConnectionLostError;
      if (!isAway || isRefusedLogin(cause)) {
        this.close();
        throw cause;
      }
      this.missed(1, cause);
    }
  }

  /** begin(), and waits as ready() does. On failure it is closed. */
  async connect(): Promise<void> {
    const until = this.deadline();
    await this.begin();
    try {
      await this.ready(until);
    } catch (cause) {
      this.close();
      throw cause;
    }
  }

  /** Until when a call that begins now waits for a connection. */
  deadline(): number {
    return monotonicMs() + this.ledger.settings.connectTimeoutMs;
  }

  /**
   * Waits until a connection is up. Rejects at the deadline, with why there is none; at once with
   * `offlineQueue: false`, and if `maxPending` calls wait already.
   */
  async ready(until: number): Promise<void> {
    if (this.connection !== null) return;
    if (this.endedBy !== null) throw this.endedBy;
    const { offlineQueue, maxPending } = this.ledger.settings;
    if (!offlineQueue) throw this.unreachable();
    if (this.waiting >= maxPending) throw new TooManyPendingError(maxPending);
    this.rising ??= Promise.withResolvers();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(this.unreachable()), until - monotonicMs());
    this.waiting++;
    try {
      await Promise.race([this.rising.promise, late.promise]);
    } finally {
      this.waiting--;
      clearTimeout(timer);
    }
  }

  /** Sends a command on the connection that is up. Rejects with ConnectError if there is none. */
  send<T>(command: Command, shape: Shape<T>): Promise<T> {
    const refusal = this.endedBy ?? this.ledger.refusal();
    if (refusal !== null) return Promise.reject(refusal);
    if (this.connection === null) return Promise.reject(this.unreachable());
    const request = this.ledger.create(command, shape, false);
    this.connection.send(request);
    return request.promise;
  }

  /** Gives the connection up if where() has changed, for one to where it says now. */
  follow(): void {
    const { connection } = this;
    if (connection === null || this.isInPlace) return;
    connection.close();
    this.lost(connection, new ConnectionLostError(connection.address, "left"), new Queue());
  }

  // ---- what the connection reports -------------------------------------------------------------

  pushed(_: Connection, items: readonly Reply[]): void {
    this.listener.push(items);
  }

  lost(connection: Connection, cause: MSCacheError, unsent: Queue<Request>): void {
    rejectAll(this.ledger, unsent, cause);
    if (connection !== this.connection) return; // up() rejects
    this.connection = null;
    this.rest();
    this.missed(1, cause);
  }

  /** Only a write could be refused, and none is marked as one here. */
  refused(): void {}

  expire(): void {}

  /** Closes the connection; the listener is told of the end. */
  close(): void {
    this.end(new ClosedError());
  }

  // --- internal ---

  private async open(): Promise<void> {
    const connection = await Connection.open(this.where(), this.ledger, this);
    if (this.endedBy !== null) {
      connection.close();
      throw this.endedBy;
    }
    this.opening = connection;
    try {
      await this.listener.up((command, shape) => {
        const request = this.ledger.createOwn(command, shape);
        if (connection.isOpen) connection.send(request);
        else this.ledger.drop(request, this.broken(connection));
        return request.promise;
      });
      if (!connection.isOpen) throw this.broken(connection);
    } catch (cause) {
      connection.close();
      throw cause;
    } finally {
      this.opening = null;
    }
    if (this.endedBy !== null) {
      connection.close();
      throw this.endedBy;
    }
    this.connection = connection;
    this.heartbeat = setInterval(() => this.beat(), this.ledger.settings.requestTimeoutMs);
    this.rising?.resolve();
    this.rising = null;
  }

  private unreachable(): ConnectError {
    const reason = `it is being restored${this.lastError === null ? "" : `: ${this.lastError.message}`}`;
    return new ConnectError(formatPlace(this.where()), reason, this.lastError ?? undefined);
  }

  private broken({ address }: Connection): MSCacheError {
    return this.endedBy ?? new ConnectError(address, "the connection was lost");
  }

  /**
   * A subscriber sends nothing, so it would not notice that the node is gone. A PING without a
   * reply ends the connection (expire() of the connection).
   */
  private beat(): void {
    const request = this.ledger.createOwn(["PING"], text);
    request.promise.catch(() => undefined); // lost() tells
    this.connection?.send(request);
  }

  private rest(): void {
    if (this.heartbeat !== null) clearInterval(this.heartbeat);
    this.heartbeat = null;
  }

  /** There is no connection, or none yet. `attempt`: the number of the next attempt. */
  private missed(attempt: number, cause: MSCacheError): void {
    this.lastError = cause;
    this.listener.down(cause);
    if (this.endedBy !== null) return;
    const { reconnect } = this.ledger.settings;
    if (attempt > reconnect.maxAttempts) {
      this.end(cause);
      return;
    }
    const delay = backoffMs(attempt, reconnect, Math.random());
    this.timer = setTimeout(() => void this.retry(attempt), delay);
  }

  private async retry(attempt: number): Promise<void> {
    try {
      await this.open();
    } catch (cause) {
      if (this.endedBy === null) this.missed(attempt + 1, cause as MSCacheError);
    }
  }

  private end(cause: MSCacheError): void {
    if (this.endedBy !== null) return;
    this.endedBy = cause;
    this.ledger.holders.delete(this);
    this.rest();
    if (this.timer !== null) clearTimeout(this.timer);
    this.opening?.close();
    this.connection?.close();
    this.connection = null;
    this.rising?.reject(cause);
    this.listener.ended(cause);
  }
}
