// A data thread: what its connections share. One context, one output and one encoder for each protocol
// serve them all, as only one connection is worked on at a time; a connection at rest costs little.
// A turn is one event of one socket. Hot path: turnOf() wraps each of them.

import { monotonicMs, wallClockMs } from "../../base/clock.ts";
import { descriptorsMax } from "../../base/descriptors.ts";
import type { Fault } from "../../base/errors.ts";
import {
  descriptorsSpare,
  keepAliveSecondsMax,
  strangerMsMax,
  turnMsMax,
} from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { Output, OutputLimitError } from "../../base/output.ts";
import { RecurringTrouble } from "../../base/recurring.ts";
import type { Command } from "../../command/core/command.ts";
import type { Context, Idle } from "../../command/core/context.ts";
import { flag } from "../../command/core/flags.ts";
import { anyPause } from "../../command/core/gate.ts";
import { Session } from "../../command/core/session.ts";
import { type Finder, finderOf } from "../../command/table.ts";
import type { Protocol } from "../../protocol/protocol.ts";
import { protocols } from "../../protocol/protocols.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { Collector } from "../collector.ts";
import type { SharedStanding } from "../standing.ts";
import type { Mailbox } from "../threads/mailbox.ts";
import { Batch } from "./batch.ts";
import type { ClientMemory } from "./client-memory.ts";
import { type ClientSocket, Connection } from "./connection.ts";
import { Delivery } from "./delivery.ts";
import { TurnHistogram } from "./turns.ts";

/** What a data thread needs from the node beyond its context. */
export interface ThreadHost {
  readonly context: Idle<Context>;
  readonly mailbox: Mailbox;
  readonly standing: SharedStanding;
  readonly log: Log;
  readonly clientMemory: ClientMemory;
  readonly fault: Fault;
  /** Writes with more bytes than this are the control thread's; absent where this is that thread. */
  readonly writeBytesMax?: number;
  /** A connection that has subscribed to something is gone. */
  subscriberLeft(id: number): void;
  /** Called at the end of a turn in which effects were recorded. */
  effectsRecorded(): void;
}

/** What the connections of one protocol share in a thread. */
export interface ProtocolEnd {
  readonly protocol: Protocol;
  readonly reply: Reply;
  readonly find: Finder;
}

export class DataThread {
  readonly context: Context;
  readonly out: Output;
  readonly batch: Batch;
  readonly clientMemory: ClientMemory;
  readonly mailbox: Mailbox;
  readonly log: Log;
  readonly connections: Map<number, Connection>;
  readonly delivery: Delivery;
  readonly turns: TurnHistogram;
  readonly collector: Collector;
  /** A command with one of these flags may be one for the control thread. */
  private readonly handedFlags: number;
  private readonly writeBytesMax: number;
  /** When the present turn began, by the monotonic clock. */
  turnBeganMs: number;
  /** When idle clients were looked for last; see housekeeping.ts. */
  idleCheckedMs: number;
  connectionsReceived: number;
  connectionsRejected: number;
  commandsProcessed: number;
  bytesReceived: number;
  bytesSent: number;
  private readonly host: ThreadHost;
  /** A socket with this number, or above it, would leave the node none for its own files and links. */
  private readonly descriptorsEnd: number;
  private readonly refusals: RecurringTrouble;
  private readonly ends: readonly ProtocolEnd[];
  /** Up to when the time of the present turn is charged to commands, monotonic ms. */
  private chargedMs: number;
  private effectsSeen: number;
  /** Effects up to which the writes of the present connection were noted. */
  private effectsNoted: number;

  constructor(host: ThreadHost) {
    const session = new Session(0, "", "", 0, true);
    this.context = { ...host.context, now: wallClockMs(), session };
    this.out = new Output();
    this.batch = new Batch(host.context.store);
    const { errors } = host.context.statistics;
    this.ends = protocols.map((protocol) => ({
      protocol,
      reply: protocol.reply(this.out, errors),
      find: finderOf(protocol.commands),
    }));
    this.clientMemory = host.clientMemory;
    this.mailbox = host.mailbox;
    this.log = host.log;
    this.connections = new Map();
    this.delivery = new Delivery(this.connections);
    this.turns = new TurnHistogram();
    this.writeBytesMax = host.writeBytesMax ?? Number.POSITIVE_INFINITY;
    this.handedFlags = flag.CONTROL | flag.TRANSACTION;
    if (host.writeBytesMax !== undefined) this.handedFlags |= flag.WRITE | flag.GLOBAL;
    this.turnBeganMs = 0;
    this.idleCheckedMs = monotonicMs();
    this.connectionsReceived = 0;
    this.connectionsRejected = 0;
    this.commandsProcessed = 0;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.host = host;
    this.collector = new Collector();
    this.descriptorsEnd = descriptorsMax() - descriptorsSpare;
    this.refusals = new RecurringTrouble(host.log, monotonicMs);
    this.effectsSeen = 0;
    this.effectsNoted = 0;
    this.chargedMs = 0;
  }

  // ---- hot path --------------------------------------------------------------------------------

  receive(connection: Connection, chunk: Uint8Array): void {
    const begin = this.beginTurn();
    const received = chunk.length; // receive() frees what it has used up
    try {
      connection.receive(chunk);
    } catch (error) {
      if (!this.recover(connection, error)) return;
    }
    this.endTurn();
    this.bytesReceived += received;
    this.collector.received(received);
    this.turns.record(monotonicMs() - begin);
  }

  private beginTurn(): number {
    this.context.now = wallClockMs();
    this.turnBeganMs = monotonicMs();
    this.chargedMs = this.turnBeganMs;
    return this.turnBeganMs;
  }

  /** After a batch: charges its time to its commands, and says whether others are to be served now. */
  isTurnOver(count: number): boolean {
    const now = monotonicMs();
    this.batch.charge(count, now - this.chargedMs, this.context.statistics.usec);
    this.chargedMs = now;
    return now - this.turnBeganMs > turnMsMax;
  }

  /** What follows are commands of this session. */
  begin(session: Session): void {
    this.context.session = session;
    this.effectsNoted = this.context.effects.recorded;
  }

  /** Where the journal ends behind the writes of this session, for WAIT. */
  noteWrites(session: Session): void {
    const { effects } = this.context;
    if (effects.recorded === this.effectsNoted) return;
    this.effectsNoted = effects.recorded;
    session.lastWriteOffset = effects.offset;
  }

  /** What acts on the node; and writes so large that only the control thread can journal them. */
  isForControl(session: Session, command: Command, request: Request): boolean {
    const { flags } = command;
    if ((flags & this.handedFlags) === 0) return false;
    if ((flags & (flag.CONTROL | flag.GLOBAL)) !== 0) return true;
    if ((flags & flag.TRANSACTION) !== 0) return this.isQueueForControl(session);
    return request.end[request.argc - 1] - request.start[0] > this.writeBytesMax;
  }

  /** EXEC goes as a whole where one of its commands goes. */
  private isQueueForControl({ transaction }: Session): boolean {
    if (transaction === null) return false;
    const handed = this.handedFlags & (flag.CONTROL | flag.GLOBAL);
    return (transaction.flags & handed) !== 0 || transaction.bytes > this.writeBytesMax;
  }

  private endTurn(): void {
    const { recorded } = this.context.effects;
    if (recorded === this.effectsSeen) return;
    this.effectsSeen = recorded;
    this.host.effectsRecorded();
  }

  // ---- cold path -------------------------------------------------------------------------------

  /** Runs something that is not a `data` event as a turn; `connection` is the one it is about, if any. */
  turn(work: () => void, connection?: Connection): void {
    this.beginTurn();
    // A wait of its is over, or it has taken what waited for it: it is not idle.
    if (connection !== undefined) connection.session.lastActiveMs = this.turnBeganMs;
    try {
      work();
    } catch (error) {
      if (!this.recover(connection, error)) return;
    }
    this.endTurn();
  }

  endOf(protocol: Protocol): ProtocolEnd {
    return this.ends.find((end) => end.protocol === protocol) ?? this.ends[0];
  }

  /**
   * A reply or an allocation beyond what there is costs the connection; all else is our own mistake, and
   * false: then nothing of the turn is sent on.
   */
  private recover(connection: Connection | undefined, error: unknown): boolean {
    if (connection === undefined || !isTooMuch(error)) {
      this.fail(error);
      return false;
    }
    this.log.warn(`client ${connection.session.address} asked for ${error.message}: closed`);
    this.context.store.unlockAll();
    this.out.spillTo = null;
    this.out.clear();
    connection.abandon();
    return true;
  }

  /** Where the clients of all threads hold too much, cuts the largest of this one off. */
  relieve(): void {
    while (this.clientMemory.isOver) {
      const largest = this.largestClient();
      if (largest === null) return;
      largest.cut("holds the most of the memory that all clients together may have");
    }
  }

  private largestClient(): Connection | null {
    let largest: Connection | null = null;
    for (const connection of this.connections.values()) {
      const { session, heldBytes } = connection;
      if (session.noEvict || session.kind !== "normal") continue;
      if (heldBytes > (largest?.heldBytes ?? 0)) largest = connection;
    }
    return largest;
  }

  /** Called once a second: whoever has not logged in for too long is closed. */
  expelStrangers(): void {
    if (!this.context.standing.needsLogin) return;
    const before = monotonicMs() - strangerMsMax;
    for (const connection of [...this.connections.values()]) {
      const { session, openedMs } = connection;
      if (session.authenticated || openedMs > before) continue;
      this.log.info(`client ${session.address} has not logged in: closed`);
      connection.terminate();
    }
  }

  /** Resolves when no command is held any more. */
  unpaused(): Promise<void> {
    return this.host.standing.free(anyPause);
  }

  fail(error: unknown): void {
    this.host.fault(error, "a data thread");
  }

  resetStatistics(): void {
    this.connectionsReceived = 0;
    this.connectionsRejected = 0;
    this.commandsProcessed = 0;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.turns.reset();
    this.context.statistics.reset();
  }

  /** The peer has taken some of what waited for it. */
  drained(connection: Connection): void {
    connection.session.lastActiveMs = monotonicMs();
    connection.onDrain();
  }

  open(socket: ClientSocket): void {
    const { keepAliveSeconds } = this.host.standing;
    if (keepAliveSeconds > 0) {
      socket.setKeepAlive(true, Math.min(keepAliveSeconds, keepAliveSecondsMax) * 1000);
    }
    this.connectionsReceived++;
    const session = new Session(
      this.host.standing.nextClientId(),
      formatEndpoint(socket.remoteAddress, socket.remotePort),
      formatEndpoint(socket.localAddress, socket.localPort),
      monotonicMs(),
      !this.context.standing.needsLogin,
    );
    const connection = new Connection(this, socket, session);
    socket.data = connection;
    this.connections.set(session.id, connection);
    const open = this.host.standing.connectionOpened();
    const { maxClients } = this.host.standing;
    if (open > maxClients) this.reject(connection, `max-clients (${maxClients}) is reached`);
    // Were the last one taken, accept() would fail without end, and the loop would spin (Bun 1.4.5).
    else if (descriptorOf(socket) >= this.descriptorsEnd)
      this.reject(connection, "no descriptors are left");
  }

  private reject(connection: Connection, reason: string): void {
    this.connectionsRejected++;
    this.refusals.happened(reason, `${reason}: client ${connection.session.address} is refused`);
    connection.socket.write("-ERR max number of clients reached\r\n");
    connection.close();
  }

  closed(connection: Connection): void {
    this.connections.delete(connection.session.id);
    this.host.standing.connectionClosed();
    connection.onClose();
    this.left(connection.session);
  }

  /** A closed connection receives nothing more. */
  left(session: Session): void {
    if (session.subscriptions > 0) this.host.subscriberLeft(session.id);
  }
}

function isTooMuch(error: unknown): error is Error {
  return error instanceof OutputLimitError || isAllocationFailure(error);
}

/** JavaScriptCore's words where an ArrayBuffer or a string is larger than it can be. */
function isAllocationFailure(error: unknown): boolean {
  return error instanceof RangeError && /out of memory|allocat/i.test(error.message);
}

function formatEndpoint(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Bun has it, and its types do not; the system gives the lowest number that is free. */
function descriptorOf(socket: object): number {
  return "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
}
