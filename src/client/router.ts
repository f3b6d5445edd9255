// Routes requests: reads to the node given to connect(), writes to the leader. It keeps the link,
// at most one further connection if the leader is another node, and the writes that wait while the
// leader is unknown. leader-search.ts finds the leader.
// Invariant: `leader` is null or accepts requests; writes wait in `unrouted` only while it is null.
//
// A write is sent again only if it was certainly not executed: it never left, or a follower refused
// it (READONLY); after a refusal only once. A race that this must survive, with leader L1 and our
// node F:
//   1. We send SET to L1. L1 is demoted and refuses it. The leader is now unknown.
//   2. SET waits. ROLE on F still names L1, ROLE on L1 names L2. SET goes to L2.
//   3. L1 refuses a second SET, which was sent before step 1. L1 is no longer the leader, so this
//      must not discard L2. The SET goes straight to L2.

import { Connection, rejectAll } from "./client-connection.ts";
import {
  ClosedError,
  ConnectError,
  type MSCacheError,
  ReadOnlyError,
  TimeoutError,
} from "./client-errors.ts";
import { backoffMs, Link, type LinkOwner } from "./client-link.ts";
import type { Request, Shape } from "./client-request.ts";
import type { Command } from "./command-writer.ts";
import { locateLeader } from "./leader-search.ts";
import type { Holder, Ledger } from "./ledger.ts";
import { Queue } from "./queue.ts";

export class Router implements LinkOwner, Holder {
  private readonly ledger: Ledger;
  private readonly link: Link;
  private readonly unrouted = new Queue<Request>();
  private leader: Link | Connection | null = null;
  private searching = false;
  private searchError: unknown;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
    this.link = new Link(ledger, this);
    ledger.holders.add(this);
  }

  get address(): string {
    return this.link.address;
  }

  connect(): Promise<void> {
    return this.link.connect();
  }

  read<T>(command: Command, shape: Shape<T>): Promise<T> {
    const refusal = this.ledger.refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const request = this.ledger.create(command, shape, false);
    this.link.send(request);
    return request.promise;
  }

  write<T>(command: Command, shape: Shape<T>): Promise<T> {
    const refusal = this.ledger.refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const request = this.ledger.create(command, shape, true);
    this.route(request);
    return request.promise;
  }

  // ---- what connections report ------------------------------------------------------------------

  /**
   * The reply to HELLO has the role, so a write right after connect() stays ahead of a later read.
   */
  linkUp(connection: Connection): void {
    if (connection.saidLeader && this.leader === null) this.adopt(this.link);
  }

  lost(connection: Connection, cause: MSCacheError, unsent: Queue<Request>): void {
    const wasLink = this.link.uses(connection);
    if (this.isLeader(connection)) this.leader = null;
    if (wasLink) this.link.lost(cause);
    for (let request = unsent.shift(); request !== undefined; request = unsent.shift()) {
      if (request.isWrite) this.route(request);
      else if (wasLink) this.link.send(request);
      else this.ledger.drop(request, cause); // a ROLE for that node only
    }
  }

  refused(connection: Connection, request: Request): void {
    if (this.isLeader(connection)) {
      this.leader = null;
      if (!this.link.uses(connection)) connection.retire();
    }
    if (request.redirected) {
      this.ledger.drop(request, new ReadOnlyError(connection.address));
      return;
    }
    request.redirected = true;
    this.route(request);
  }

  expire(): void {
    const { requestTimeoutMs } = this.ledger.settings;
    this.unrouted.removeIf((request) => {
      if (!this.ledger.isOverdue(request.born)) return false;
      this.ledger.drop(request, new TimeoutError(requestTimeoutMs, false, this.searchError));
      return true;
    });
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    rejectAll(this.ledger, this.unrouted, new ClosedError());
  }

  // ---- the leader ------------------------------------------------------------------------------

  private route(request: Request): void {
    if (this.leader !== null) {
      this.leader.send(request);
      return;
    }
    this.unrouted.push(request);
    if (this.searching) return;
    this.searching = true;
    void this.search(1);
  }

  private isLeader(connection: Connection): boolean {
    if (this.leader === this.link) return this.link.uses(connection);
    return this.leader === connection;
  }

  /** Searches until the leader is known or no write waits for it. */
  private async search(attempt: number): Promise<void> {
    const ledger = this.ledger;
    if (this.unrouted.length === 0) {
      this.searching = false;
      return;
    }
    try {
      const found = await locateLeader(this.link, ledger, (address) =>
        Connection.open(address, ledger, this),
      );
      this.accept(found);
      this.searching = false;
    } catch (cause) {
      this.searchError = cause;
      if (this.link.ended !== null) rejectAll(ledger, this.unrouted, this.link.ended);
      this.searching = !this.closed && this.leader === null && this.unrouted.length > 0;
      if (!this.searching) return;
      const delay = backoffMs(attempt, ledger.settings.reconnect, Math.random());
      this.timer = setTimeout(() => void this.search(attempt + 1), delay);
    }
  }

  /**
   * Adopts what the search found as the leader, unless the link has become the leader meanwhile.
   */
  private accept(found: Link | Connection): void {
    // Bytes right after the reply to ROLE may have ended the connection.
    if (found instanceof Connection && !found.isOpen) {
      throw new ConnectError(
        found.address,
        "the connection was lost right after the reply to ROLE",
      );
    }
    if (this.leader === null) this.adopt(found);
    else if (found instanceof Connection) found.retire();
  }

  private adopt(leader: Link | Connection): void {
    this.leader = leader;
    this.searchError = undefined;
    for (let request = this.unrouted.shift(); request; request = this.unrouted.shift()) {
      leader.send(request);
    }
  }
}
