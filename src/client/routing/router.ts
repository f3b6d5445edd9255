// Routes requests: reads where `reads` says, writes to the leader. It keeps the link, at most one
// further connection if the leader is another node, and what waits while the leader is unknown.
// leader-search.ts finds the leader, follower-reads.ts a follower.
// Invariant: `leader` is null or accepts requests; what is for it waits in `unrouted` only while it
// is null.
//
// A write is sent again only if it was certainly not executed: it never left, or a follower refused
// it (READONLY), after a refusal only once; or a node was not ready (LOADING). A read is sent again
// after a lost connection, too. A race that this must survive, with leader L1 and our
// node F:
//   1. We send SET to L1. L1 is demoted and refuses it. The leader is now unknown.
//   2. SET waits. ROLE on F still names L1, ROLE on L1 names L2. SET goes to L2.
//   3. L1 refuses a second SET, which was sent before step 1. L1 is no longer the leader, so this
//      must not discard L2. The SET goes straight to L2.

import { inspected, shownAs } from "../../base/inspected.ts";
import type { Place } from "../../base/place.ts";
import type { ReplyError } from "../../protocol/resp/reply-parser.ts";
import {
  ClosedError,
  ConnectError,
  type MSCacheError,
  ReadOnlyError,
  ServerError,
} from "../client-errors.ts";
import { backoffMs } from "../link/backoff.ts";
import { Connection, rejectAll } from "../link/client-connection.ts";
import type { Holder, Ledger } from "../link/ledger.ts";
import { Queue } from "../link/queue.ts";
import type { Request, Shape } from "../wire/client-request.ts";
import { Batch } from "../wire/command-batch.ts";
import type { Command } from "../wire/command-writer.ts";
import { Link, type LinkOwner, offline } from "./client-link.ts";
import { FollowerReads, followersOf } from "./follower-reads.ts";
import { locateLeader, type Target } from "./leader-search.ts";
import { OwnWrites } from "./own-writes.ts";
import { Postponed } from "./postponed.ts";
import { type Dispatcher, type RequestOptions, RequestScope } from "./request-scope.ts";
import { SentinelGroup } from "./sentinel-group.ts";

export class Router implements LinkOwner, Holder, Dispatcher {
  private readonly ledger: Ledger;
  private readonly link: Link;
  private readonly unrouted = new Queue<Request>();
  private leader: Link | Connection | null = null;
  private searching = false;
  private searchError: unknown;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;
  private readonly later: Postponed;
  private readonly sentinels: SentinelGroup | null;
  private readonly followers: FollowerReads | null;
  /** Where reads go. */
  private readonly readers: Target;
  /** Null: reads may be older than writes. */
  private readonly ownWrites: OwnWrites | null;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
    this.link = new Link(ledger, this);
    this.later = new Postponed(ledger, (request) => this.dispatch(request));
    const toLeader = (request: Request): void => this.route(request);
    const { reads, sentinel } = ledger.settings;
    this.sentinels = sentinel === null ? null : new SentinelGroup(ledger);
    const candidates = () => this.followerCandidates();
    this.followers =
      reads === "followers" ? new FollowerReads(ledger, this, { candidates, toLeader }) : null;
    const leader = { send: toLeader };
    const readers = this.followers ?? (reads === "leader" ? leader : this.link);
    this.ownWrites = ledger.settings.readYourWrites ? this.guardReads(readers, leader) : null;
    this.readers = this.ownWrites ?? readers;
    ledger.holders.add(this);
  }

  /** What holds a router or a ledger shows neither its requests nor the password. */
  [inspected](): string {
    return shownAs("Router", { address: this.address });
  }

  get address(): string {
    return this.link.address;
  }

  get readPlace(): Place {
    if (this.followers !== null) return this.followers.present?.place ?? this.leaderPlace;
    return this.ledger.settings.reads === "leader" ? this.leaderPlace : this.link.place;
  }

  get leaderPlace(): Place {
    return this.leader instanceof Connection ? this.leader.place : this.link.place;
  }

  connect(): Promise<void> {
    return this.link.connect();
  }

  /** Goes on as after a lost connection, when connect() has failed. */
  connectLater(cause: MSCacheError): void {
    this.link.lost(cause);
  }

  /** Requests with a time limit or a signal of their own. Throws an InvalidArgumentError. */
  within(options: RequestOptions): RequestScope {
    return new RequestScope(this, this.ledger, options);
  }

  refusal(): MSCacheError | null {
    return this.ledger.refusal();
  }

  /** No request has a time limit of its own; the ledger's sweeps bound it. */
  bound(): void {}

  /** Sends a request where it belongs. */
  dispatch(request: Request): void {
    if (request.isWrite) this.ownWrites?.note();
    if (request.isWrite) this.route(request);
    else this.readers.send(request);
  }

  read<T>(command: Command, shape: Shape<T>): Promise<T> {
    const refusal = this.ledger.refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const request = this.ledger.create(command, shape, false);
    this.readers.send(request);
    return request.promise;
  }

  write<T>(command: Command, shape: Shape<T>): Promise<T> {
    const refusal = this.ledger.refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const request = this.ledger.create(command, shape, true);
    this.ownWrites?.note();
    this.route(request);
    return request.promise;
  }

  /** Whether the node that serves reads has all that its reads must see; it may wait for it. */
  hasOwnWrites(): Promise<boolean> {
    return this.ownWrites?.arrived() ?? Promise.resolve(true);
  }

  /** A transaction of these commands, which is one request. */
  transact<T>(commands: readonly Command[], shape: Shape<T>, isWrite: boolean): Promise<T> {
    const refusal = this.ledger.refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const request = this.ledger.create(["EXEC"], shape, isWrite);
    request.batch = new Batch(commands);
    this.dispatch(request as Request);
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
    if (this.followers?.uses(connection)) this.followers.lost();
    for (let request = unsent.shift(); request !== undefined; request = unsent.shift()) {
      if (!request.counts && request.isWrite) this.route(request);
      else if (!request.counts && !wasLink)
        this.ledger.drop(request, cause); // a ROLE for that node
      else if (!request.counts) this.link.send(request);
      else if (request.retries > 1) this.later.add(request);
      else this.dispatch(request);
    }
  }

  refused(connection: Connection, request: Request): void {
    if (this.isLeader(connection)) {
      this.leader = null;
      if (!this.link.uses(connection)) connection.retire();
      else if (this.ledger.settings.sentinel !== null) this.link.leave();
    }
    const refusal = new ReadOnlyError(connection.address);
    if (request.redirected) {
      this.ledger.drop(request, refusal);
      return;
    }
    request.wasRedirected(refusal);
    this.ownWrites?.note(); // it is behind whatever was asked meanwhile
    this.route(request);
  }

  /** A follower that is not ready may have a leader that is; a leader needs time. */
  postponed(connection: Connection, request: Request, refusal: ReplyError): void {
    request.retry();
    request.wasRefused(new ServerError(refusal.code, refusal.text));
    const isElsewhere = !request.isWrite && request.retries === 1 && !this.isLeader(connection);
    if (isElsewhere) this.route(request);
    else this.later.add(request);
  }

  expire(): void {
    this.ledger.dropOverdue(this.unrouted, this.searchError);
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
    if (this.link.present === null && !this.ledger.mayWait(request)) {
      this.ledger.drop(request, this.link.ended ?? offline(this.link.address, this.searchError));
      return;
    }
    this.unrouted.push(request);
    if (this.searching) return;
    this.searching = true;
    void this.search(1);
  }

  private guardReads(readers: Target, leader: Target): OwnWrites {
    return new OwnWrites(this.ledger, {
      readers,
      leader,
      reader: () => {
        this.followers?.wake();
        return (this.followers ?? this.link).present;
      },
      readsAtLeader: () => readers === leader || (readers === this.link && this.leader === readers),
    });
  }

  private async followerCandidates(): Promise<readonly Place[]> {
    const { ledger } = this;
    const { places } = ledger.settings;
    if (this.sentinels !== null) return shuffled(await this.sentinels.followers());
    const request = ledger.createOwn(["ROLE"], followersOf);
    this.route(request as Request);
    return [...shuffled(places), ...shuffled(await request.promise)];
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
      else if (!ledger.settings.offlineQueue) {
        rejectAll(ledger, this.unrouted, offline(this.link.address, cause));
      }
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

/** In an order of chance, so that many clients do not all take the same node. */
function shuffled<T>(items: readonly T[]): T[] {
  const list = [...items];
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.trunc(Math.random() * (i + 1));
    [list[i], list[j]] = [list[j] as T, list[i] as T];
  }
  return list;
}
