// Keeps a connection to one node: the first that answers, or the leader (client-nodes.ts chooses).
// When it is lost, the link opens another one, with exponential backoff and jitter between its
// rounds, and requests wait here.
// Invariant: requests wait here only while there is no open connection.
//
//   down -> up       connected and logged in
//   up   -> down     lost; the next attempt is scheduled
//   down -> failed   reconnect.maxAttempts rounds failed; final
//   any  -> closed

import type { Place } from "../../base/place.ts";
import { ClosedError, ConnectError, type MSCacheError } from "../client-errors.ts";
import { backoffMs } from "../link/backoff.ts";
import { type Connection, type ConnectionOwner, rejectAll } from "../link/client-connection.ts";
import type { Holder, Ledger } from "../link/ledger.ts";
import { Queue } from "../link/queue.ts";
import type { Request } from "../wire/client-request.ts";
import { type Nodes, nodesFor } from "./client-nodes.ts";

/** The owner of a link, which is also told each time the link is up. */
export interface LinkOwner extends ConnectionOwner {
  linkUp(connection: Connection): void;
}

export class Link implements Holder {
  /** The node to which the link is or was connected last, as "host:port". */
  address: string;
  private readonly ledger: Ledger;
  private readonly owner: LinkOwner;
  private readonly nodes: Nodes;
  private readonly waiting = new Queue<Request>();
  private connection: Connection | null = null;
  /** Set when the link has failed for good or was closed. Every later request rejects with it. */
  private endedBy: MSCacheError | null = null;
  private lastError: unknown;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(ledger: Ledger, owner: LinkOwner) {
    this.nodes = nodesFor(ledger, owner);
    this.address = this.nodes.name;
    this.ledger = ledger;
    this.owner = owner;
    ledger.holders.add(this);
  }

  /** Tries each node once, and rejects with ConnectError if none can be used. */
  async connect(): Promise<void> {
    this.connection = await this.nodes.open();
    this.address = this.connection.address;
    this.owner.linkUp(this.connection);
    for (let request = this.waiting.shift(); request; request = this.waiting.shift()) {
      this.connection.send(request);
    }
  }

  /** Sends the request now, or after the link has reconnected. */
  send(request: Request): void {
    if (this.connection !== null) this.connection.send(request);
    else if (this.endedBy !== null) this.ledger.drop(request, this.endedBy);
    else if (this.ledger.mayWait(request)) this.waiting.push(request);
    else this.ledger.drop(request, offline(this.address, this.lastError));
  }

  /** The node that the link has, or tries next. */
  get place(): Place {
    return this.connection?.place ?? this.nodes.place;
  }

  /** Why the link refuses requests for good; null while it is up or reconnects. */
  get ended(): MSCacheError | null {
    return this.endedBy;
  }

  /** Whether this is the link's present connection. */
  uses(connection: Connection): boolean {
    return this.connection === connection;
  }

  /** The connection that the link has; null while it has none. */
  get present(): Connection | null {
    return this.connection;
  }

  /** Gives its node up, which does not lead any more, and opens a connection to another one. */
  leave(): void {
    this.connection?.retire();
    this.connection = null;
    this.retryLater(1);
  }

  /** The link's connection was lost: schedules a reconnection. */
  lost(cause: MSCacheError): void {
    this.connection = null;
    this.lastError = cause;
    this.nodes.skip();
    this.retryLater(1);
  }

  expire(): void {
    this.ledger.dropOverdue(this.waiting, this.lastError);
  }

  close(): void {
    this.finish(new ClosedError());
  }

  private retryLater(attempt: number): void {
    if (this.endedBy !== null) return;
    const { reconnect } = this.ledger.settings;
    if (attempt > reconnect.maxAttempts) {
      const reason = `given up after ${reconnect.maxAttempts} attempts`;
      this.finish(new ConnectError(this.address, reason, this.lastError));
      return;
    }
    const delay = backoffMs(attempt, reconnect, Math.random());
    this.timer = setTimeout(() => void this.retry(attempt), delay);
  }

  private async retry(attempt: number): Promise<void> {
    try {
      await this.connect();
    } catch (cause) {
      this.lastError = cause;
      this.retryLater(attempt + 1);
    }
  }

  private finish(error: MSCacheError): void {
    this.endedBy ??= error;
    if (this.timer !== null) clearTimeout(this.timer);
    rejectAll(this.ledger, this.waiting, this.endedBy);
  }
}

/** Why a request is refused that must not wait. */
export function offline(address: string, cause: unknown): ConnectError {
  return new ConnectError(address, "there is no connection, and offlineQueue is off", cause);
}
