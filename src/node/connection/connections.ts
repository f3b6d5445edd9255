// The connections of one data thread: accepts or refuses new ones, forgets closed ones, and closes
// those that hold too much memory or do not log in. connection.ts is one connection; data-thread.ts
// is what all of them share.
// Invariant: the table has the connection of every open socket, by the id of its session.

import { formatAddress } from "../../base/address.ts";
import { monotonicMs } from "../../base/clock.ts";
import { descriptorsMax } from "../../base/descriptors.ts";
import {
  descriptorsSpare,
  keepAliveSecondsMax,
  refusedMsMax,
  strangerMsMax,
} from "../../base/limits.ts";
import { RecurringTrouble } from "../../base/recurring.ts";
import type { Access } from "../../command/acl/access.ts";
import { Session } from "../../command/terms/session.ts";
import { WatchedDatabases } from "../../command/transaction/watched-keys.ts";
import type { ClientLimits } from "../shared/shared-client-limits.ts";
import type { SharedStanding } from "../shared/standing.ts";
import { type Refusal, refusalOf } from "./admission.ts";
import { descriptorOf, handedSizes, sizesOf } from "./client-sizes.ts";
import { type ClientSocket, Connection } from "./connection.ts";
import type { DataThread } from "./data-thread.ts";
import { Delivery } from "./delivery.ts";
import { Handshakes } from "./handshakes.ts";
import type { ConnectionSocket } from "./memory-socket.ts";

const encoder = new TextEncoder();

export class Connections {
  readonly thread: DataThread;
  readonly delivery: Delivery;
  readonly handshakes: Handshakes;
  /** How many were accepted, and how many of these were refused at once. */
  received = 0;
  rejected = 0;
  private readonly standing: SharedStanding;
  private readonly table = new Map<number, Connection>();
  /** Those that were refused; each has its line and is to close. */
  private readonly refused = new Set<Connection>();
  /**
   * A socket with this descriptor or a higher one would leave none for the node's own files and
   * links.
   */
  private readonly descriptorsEnd = descriptorsMax() - descriptorsSpare;
  private readonly refusals: RecurringTrouble;
  /** Those that the connections know. */
  private limits: ClientLimits;

  constructor(thread: DataThread, standing: SharedStanding) {
    this.thread = thread;
    this.standing = standing;
    this.delivery = new Delivery(this.table, thread.out);
    this.handshakes = new Handshakes(thread.log);
    this.refusals = new RecurringTrouble(thread.log, monotonicMs);
    this.limits = thread.clientLimits.value;
    thread.clientMemory.exceeded.on(() => this.relieve());
    const { store, keyspace } = thread.context;
    keyspace.observer = new WatchedDatabases(store, keyspace, () => this.sessions());
    standing.access.sizesOf = ({ id }, request) => {
      const connection = this.table.get(id);
      return connection === undefined ? null : sizesOf(connection, handedSizes(request));
    };
  }

  /** The users as this thread knows them. */
  get access(): Access {
    return this.standing.access;
  }

  get count(): number {
    return this.table.size;
  }

  /** A script of another thread takes too long. */
  becameBusy(): void {
    this.standing.becameBusy();
  }

  get(id: number): Connection | undefined {
    return this.table.get(id);
  }

  /** A copy, as connections may close while the caller walks it. */
  all(): Connection[] {
    return [...this.table.values()];
  }

  private *sessions(): Iterable<Session> {
    for (const { session } of this.table.values()) yield session;
  }

  resetStatistics(): void {
    this.received = 0;
    this.rejected = 0;
    this.thread.resetStatistics();
  }

  /**
   * While all clients together hold too much, disconnects those of this thread: first strangers,
   * who have not logged in, then the largest. Their order is found once, as there may be thousands.
   */
  private relieve(): void {
    const { clientMemory } = this.thread;
    for (const connection of this.byClaim()) {
      if (!clientMemory.isOver) return;
      if (connection.heldBytes === 0) continue; // it has ended meanwhile
      connection.cut("holds the most of the memory that all clients together may have", "memory");
    }
  }

  /** Followers too, for what they asked as clients: what their links queue does not count. */
  private byClaim(): Connection[] {
    const found = this.all().filter(({ session, heldBytes }) => !session.noEvict && heldBytes > 0);
    const rank = ({ session }: Connection) => (session.authenticated ? 1 : 0);
    return found.sort((a, b) => rank(a) - rank(b) || b.heldBytes - a.heldBytes);
  }

  /**
   * Called once a second: closes clients that have not logged in for too long, those that were
   * refused and stay, and those whose TLS handshake takes too long.
   */
  expelStrangers(): void {
    this.handshakes.expire();
    const refusedBefore = monotonicMs() - refusedMsMax;
    for (const connection of this.refused) {
      if (connection.session.createdAtMs <= refusedBefore) connection.terminate();
    }
    if (!this.standing.access.needsLogin) return;
    const before = monotonicMs() - strangerMsMax;
    for (const connection of this.all()) {
      const { session } = connection;
      if (session.authenticated || session.createdAtMs > before) continue;
      const fields = { event: "client-closed", client: session.address } as const;
      this.thread.log.info(`client ${session.address} has not logged in: closed`, fields);
      connection.terminate();
    }
  }

  /**
   * Called once a second: tells connections of a new bound, and ends those that have stayed above
   * their soft one, perhaps without a sign.
   */
  applyLimits(): void {
    const { clientMemory, clientLimits, recentPeaks } = this.thread;
    recentPeaks.nextSecond();
    const limits = clientLimits.value;
    if (limits !== this.limits) {
      for (const connection of this.table.values()) connection.boundRequests(limits.requestBytes);
    }
    this.limits = limits;
    if (clientMemory.own === 0) return;
    for (const connection of this.all()) {
      if (connection.pendingOutputBytes > 0) connection.endIfLost();
      recentPeaks.note(connection.pendingInputBytes, connection.pendingOutputBytes);
    }
  }

  /** The peer has taken some of what waited for it. */
  drained(connection: Connection): void {
    connection.session.lastActiveMs = monotonicMs();
    connection.onDrain();
  }

  /** A client that came to the port for TLS; open() follows when its handshake is done. */
  beginHandshake(socket: ClientSocket): void {
    this.handshakes.begin(socket);
    const isLast = descriptorOf(socket) >= this.descriptorsEnd;
    if (isLast) this.handshakes.fail(socket, "no descriptors are left");
  }

  /** `unixPath` is the path of the Unix socket by which the client came, if it did. */
  open(socket: ClientSocket, unixPath = ""): void {
    const { keepAliveSeconds } = this.standing;
    if (keepAliveSeconds > 0 && unixPath === "") {
      socket.setKeepAlive(true, Math.min(keepAliveSeconds, keepAliveSecondsMax) * 1000);
    }
    this.received++;
    const session = this.sessionOf(socket, unixPath);
    this.standing.access.reset(session);
    const connection = new Connection(this.thread, socket, session);
    socket.data = connection;
    this.table.set(session.id, connection);
    const open = this.standing.connectionOpened();
    // If a client took the last descriptor, accept() would keep failing and the loop would spin
    // (Bun 1.4.5).
    const isLast = descriptorOf(socket) >= this.descriptorsEnd;
    const refusal = refusalOf(this.standing, socket.remoteAddress, open, isLast);
    if (refusal !== null) this.refuse(connection, refusal);
  }

  /**
   * For commands that come by HTTP (node/admin/): a client without a descriptor. It counts as one,
   * but a node that is full of clients can still be looked at.
   */
  openInside(socket: ConnectionSocket, peer: string, name: string): Connection {
    const { access, needsLogin } = this.standing;
    const session = new Session(this.standing.nextClientId(), peer, "", monotonicMs(), !needsLogin);
    session.name = name;
    session.protocol = 3;
    access.reset(session);
    const connection = new Connection(this.thread, socket, session);
    this.table.set(session.id, connection);
    this.standing.connectionOpened();
    return connection;
  }

  private sessionOf(socket: ClientSocket, unixPath: string): Session {
    const isUnix = unixPath !== "";
    const far = { host: socket.remoteAddress, port: socket.remotePort };
    const near = { host: socket.localAddress, port: socket.localPort };
    const session = new Session(
      this.standing.nextClientId(),
      isUnix ? `${unixPath}:0` : formatAddress(far),
      isUnix ? `${unixPath}:0` : formatAddress(near),
      monotonicMs(),
      !this.standing.needsLogin,
    );
    session.isUnix = isUnix;
    return session;
  }

  private refuse(connection: Connection, { reason, line }: Refusal): void {
    this.rejected++;
    this.refused.add(connection);
    const client = connection.session.address;
    const fields = { event: "client-refused", client, reason } as const;
    this.refusals.happened(reason, `${reason}: client ${client} is refused`, fields);
    connection.socket.write(encoder.encode(line));
    connection.close();
  }

  closed(connection: Connection): void {
    this.table.delete(connection.session.id);
    this.refused.delete(connection);
    this.standing.connectionClosed();
    connection.onClose();
    this.thread.left(connection.session);
  }
}
