// A data thread: what its connections share. One context, one output and one encoder for each protocol
// serve them all, as only one connection is worked on at a time; a connection at rest costs little.
// A turn is one event of one socket. Hot path: turnOf() wraps each of them.

import { monotonicMs, wallClockMs } from "../../base/clock.ts";
import { descriptorsMax } from "../../base/descriptors.ts";
import { fatal } from "../../base/errors.ts";
import { descriptorsSpare, keepAliveSecondsMax } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { Output, OutputLimitError } from "../../base/output.ts";
import { RecurringTrouble } from "../../base/recurring.ts";
import { type Context, flag, type Idle } from "../../command/core/command.ts";
import { anyPause } from "../../command/core/restrictions.ts";
import { Session } from "../../command/core/session.ts";
import { MscacheReply } from "../../protocol/mscache/mscache.ts";
import { RespReply } from "../../protocol/resp/resp-reply.ts";
import { Collector } from "../collector.ts";
import type { SharedStanding } from "../standing.ts";
import type { Mailbox } from "../threads/mailbox.ts";
import { Batch } from "./batch.ts";
import { type ClientSocket, Connection } from "./connection.ts";
import { Delivery } from "./delivery.ts";
import { TurnHistogram } from "./turns.ts";

/** What a data thread needs from the node beyond its context. */
export interface ThreadHost {
  readonly context: Idle<Context>;
  readonly mailbox: Mailbox;
  readonly standing: SharedStanding;
  readonly log: Log;
  /** Writes with more bytes than this are the control thread's; absent where this is that thread. */
  readonly writeBytesMax?: number;
  /** A connection that has subscribed to something is gone. */
  subscriberLeft(id: number): void;
  /** Called at the end of a turn in which effects were recorded. */
  effectsRecorded(): void;
}

export class DataThread {
  readonly context: Context;
  readonly out: Output;
  readonly batch: Batch;
  readonly resp: RespReply;
  readonly mscache: MscacheReply;
  readonly mailbox: Mailbox;
  readonly log: Log;
  readonly connections: Map<number, Connection>;
  readonly delivery: Delivery;
  readonly turns: TurnHistogram;
  readonly collector: Collector;
  /** A command with one of these flags may be one for the control thread. */
  readonly handedFlags: number;
  readonly writeBytesMax: number;
  /** When the present turn began, by the monotonic clock. */
  turnBeganMs: number;
  connectionsReceived: number;
  connectionsRejected: number;
  commandsProcessed: number;
  bytesReceived: number;
  bytesSent: number;
  private readonly host: ThreadHost;
  /** A socket with this number, or above it, would leave the node none for its own files and links. */
  private readonly descriptorsEnd: number;
  private readonly refusals: RecurringTrouble;
  private effectsSeen: number;
  /** Effects up to which the writes of the present connection were noted. */
  effectsNoted: number;

  constructor(host: ThreadHost) {
    const session = new Session(0, "", "", 0, true);
    this.context = { ...host.context, now: wallClockMs(), session };
    this.out = new Output();
    this.batch = new Batch(host.context.store);
    this.resp = new RespReply(this.out);
    this.mscache = new MscacheReply(this.out);
    this.mailbox = host.mailbox;
    this.log = host.log;
    this.connections = new Map();
    this.delivery = new Delivery(this.connections);
    this.turns = new TurnHistogram();
    this.writeBytesMax = host.writeBytesMax ?? Number.POSITIVE_INFINITY;
    this.handedFlags = flag.CONTROL | flag.TRANSACTION;
    if (host.writeBytesMax !== undefined) this.handedFlags |= flag.WRITE | flag.GLOBAL;
    this.turnBeganMs = 0;
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
  }

  // ---- hot path --------------------------------------------------------------------------------

  receive(connection: Connection, chunk: Uint8Array): void {
    const begin = monotonicMs();
    const received = chunk.length; // receive() frees what it has used up
    this.turnBeganMs = begin;
    this.context.now = wallClockMs();
    try {
      connection.receive(chunk);
    } catch (error) {
      this.recover(connection, error);
    }
    this.endTurn();
    this.bytesReceived += received;
    this.collector.received(received);
    this.turns.record(monotonicMs() - begin);
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
    this.turnBeganMs = monotonicMs();
    this.context.now = wallClockMs();
    // A wait of its is over, or it has taken what waited for it: it is not idle.
    if (connection !== undefined) connection.session.lastActiveMs = this.turnBeganMs;
    try {
      work();
    } catch (error) {
      if (connection === undefined) this.fail(error);
      this.recover(connection, error);
    }
    this.endTurn();
  }

  /** A reply beyond the output's bound costs the connection; everything else is our own mistake. */
  private recover(connection: Connection, error: unknown): void {
    if (!(error instanceof OutputLimitError)) this.fail(error);
    this.log.warn(`client ${connection.session.address} asked for ${error.message}: closed`);
    this.context.store.unlockAll();
    this.out.clear();
    connection.terminate();
  }

  /** Resolves when no command is held any more. */
  unpaused(): Promise<void> {
    return this.host.standing.free(anyPause);
  }

  fail(error: unknown): never {
    fatal(error, "a data thread");
  }

  resetStatistics(): void {
    this.connectionsReceived = 0;
    this.connectionsRejected = 0;
    this.commandsProcessed = 0;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.turns.reset();
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

function formatEndpoint(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Bun has it, and its types do not; the system gives the lowest number that is free. */
function descriptorOf(socket: object): number {
  return "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
}
