// A data thread: what its connections share (connections.ts has the connections). One context, one
// output and one encoder for each protocol serve them all, because only one connection is worked on
// at a time; an idle connection costs little. A turn is one event, such as received bytes.
// Invariant: an exception in a turn ends the node, unless a reply or an allocation was too large.
// Hot path: receive() and what it calls.

import { monotonicMs, wallClockMs } from "../../base/clock.ts";
import type { Fault } from "../../base/errors.ts";
import { turnMsMax } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { Output, OutputLimitError } from "../../base/output.ts";
import type { Command } from "../../command/core/command.ts";
import type { Context, Idle } from "../../command/core/context.ts";
import { anyPause } from "../../command/run/gate.ts";
import { type Finder, finderOf } from "../../command/table.ts";
import { flag } from "../../command/terms/flags.ts";
import { Session } from "../../command/terms/session.ts";
import { tooBigRequest } from "../../protocol/decoder.ts";
import { MutedReply } from "../../protocol/muted-reply.ts";
import type { Protocol } from "../../protocol/protocol.ts";
import { detect, protocols } from "../../protocol/protocols.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ClientMemory } from "../shared/client-memory.ts";
import type { SharedClientLimits } from "../shared/shared-client-limits.ts";
import type { SharedStanding } from "../shared/standing.ts";
import { Batch } from "./batch.ts";
import { handedSizes } from "./client-sizes.ts";
import { Collector, runtimeBeside } from "./collector.ts";
import { type Bound, type Disconnections, noDisconnections } from "./disconnections.ts";
import { HeldCommands } from "./held-commands.ts";
import { LongTurns } from "./long-turns.ts";
import type { Mailbox } from "./mailbox.ts";
import { RecentPeaks } from "./recent-peaks.ts";
import { TurnHistogram } from "./turns.ts";

/** What a data thread needs from the node beyond its context. */
export interface ThreadHost {
  readonly context: Idle<Context>;
  readonly mailbox: Mailbox;
  readonly standing: SharedStanding;
  readonly log: Log;
  readonly clientMemory: ClientMemory;
  readonly clientLimits: SharedClientLimits;
  readonly fault: Fault;
  /** Whether the heap is somebody else's as well; default false. */
  readonly isGuest?: boolean;
  /** Larger writes, in bytes, go to the control thread; absent if this is that thread. */
  readonly writeBytesMax?: number;
  /** Called when a connection has closed that could get messages, or others instead of it. */
  subscriberLeft(id: number): void;
  /** Called at the end of a turn in which effects were recorded. */
  effectsRecorded(): void;
}

/** What the connections of one protocol share in a thread. */
export interface ProtocolEnd {
  readonly protocol: Protocol;
  readonly reply: Reply;
  /** For CLIENT REPLY OFF and SKIP: only pushes pass. */
  readonly muted: Reply;
  readonly find: Finder;
}

/** The connection that a turn is about. */
export interface TurnOwner {
  readonly session: Session;
  /** Called when its command has thrown: ends the connection. */
  abandon(): void;
}

interface Receiver extends TurnOwner {
  receive(chunk: Uint8Array): void;
}

const none: readonly Request[] = [];

export class DataThread {
  readonly context: Context;
  readonly out: Output;
  readonly batch: Batch;
  readonly clientMemory: ClientMemory;
  readonly clientLimits: SharedClientLimits;
  readonly mailbox: Mailbox;
  readonly log: Log;
  readonly turns: TurnHistogram;
  readonly longTurns: LongTurns;
  readonly collector: Collector;
  readonly held: HeldCommands;
  /** A command with one of these flags may have to run in the control thread. */
  private readonly handedFlags: number;
  private readonly writeBytesMax: number;
  /** When the present turn began, by the monotonic clock. */
  turnBeganMs: number;
  /** When idle clients were last looked for; see thread-upkeep.ts. */
  idleCheckedMs: number;
  commandsProcessed: number;
  bytesReceived: number;
  bytesSent: number;
  /** To sockets. */
  writes: number;
  /** Clients that were disconnected, by the bound that they met. */
  disconnected: Disconnections;
  readonly recentPeaks: RecentPeaks;
  private readonly host: ThreadHost;
  private readonly ends: readonly ProtocolEnd[];
  /** The time of the present turn is charged to commands up to here, monotonic ms. */
  private chargedMs: number;
  private effectsSeen: number;
  /** The effects recorded when the writes of the present connection were last noted. */
  private effectsNoted: number;

  constructor(host: ThreadHost) {
    const session = new Session(0, "", "", 0, true);
    this.context = { ...host.context, now: wallClockMs(), session };
    this.out = new Output();
    this.batch = new Batch(host.context.store);
    const { errors } = host.context.statistics;
    const isMuted = () => this.context.session.replyMode !== "on";
    this.ends = protocols.map((protocol) => {
      const reply = protocol.reply(this.out, errors);
      const muted = new MutedReply(reply, isMuted);
      return { protocol, reply, muted, find: finderOf(protocol.commands) };
    });
    this.clientMemory = host.clientMemory;
    this.clientLimits = host.clientLimits;
    this.mailbox = host.mailbox;
    this.log = host.log;
    this.turns = new TurnHistogram();
    this.longTurns = new LongTurns();
    this.writeBytesMax = host.writeBytesMax ?? Number.POSITIVE_INFINITY;
    this.handedFlags = flag.CONTROL | flag.TRANSACTION;
    if (host.writeBytesMax !== undefined)
      this.handedFlags |= flag.WRITE | flag.GLOBAL | flag.SCRIPT;
    this.turnBeganMs = 0;
    this.idleCheckedMs = monotonicMs();
    this.commandsProcessed = 0;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.writes = 0;
    this.disconnected = noDisconnections();
    this.recentPeaks = new RecentPeaks();
    this.host = host;
    host.standing.script.tookLong = () => this.longTurns.begin();
    const isGuest = host.isGuest === true;
    this.collector = new Collector(runtimeBeside(() => this.context.store.memoryUsed(), isGuest));
    this.held = new HeldCommands(() => host.standing.free(anyPause));
    this.effectsSeen = 0;
    this.effectsNoted = 0;
    this.chargedMs = 0;
  }

  // ---- hot path --------------------------------------------------------------------------------

  receive(connection: Receiver, chunk: Uint8Array): void {
    const begin = this.beginTurn();
    const received = chunk.length; // receive() may free it
    try {
      connection.receive(chunk);
    } catch (error) {
      if (!this.recover(connection, error)) return;
    }
    this.endTurn();
    this.bytesReceived += received;
    const hasCollected = this.collector.received(chunk.length); // 0 bytes if freed by hand
    // The write of the last replies is not in it: a clock is read only once for each batch.
    this.turns.record((hasCollected ? monotonicMs() : this.chargedMs) - begin);
    this.longTurns.note(connection.session, this.chargedMs - begin);
  }

  private beginTurn(): number {
    this.context.now = wallClockMs();
    this.turnBeganMs = monotonicMs();
    this.chargedMs = this.turnBeganMs;
    this.context.statistics.times.begin();
    return this.turnBeganMs;
  }

  /**
   * After a batch, while its arguments are there: charges its time to its commands; true if other
   * connections are next.
   */
  isTurnOver(count: number): boolean {
    const now = monotonicMs();
    this.batch.charge(count, now - this.chargedMs, this.context);
    this.chargedMs = now;
    return now - this.turnBeganMs > turnMsMax;
  }

  /** The same within a batch, whose time is charged at its end. */
  get isTimeUp(): boolean {
    return monotonicMs() - this.turnBeganMs > turnMsMax;
  }

  /** Called before commands of this session run. */
  begin(session: Session): void {
    this.context.session = session;
    this.context.store.countsUses = !session.noTouch;
    this.context.observer.begin(session);
    this.context.keyspace.select(session.database);
    this.effectsNoted = this.context.effects.recorded;
  }

  /** Notes the journal offset after the writes of this session, for WAIT. */
  noteWrites(session: Session): void {
    const { effects } = this.context;
    if (effects.recorded === this.effectsNoted) return;
    this.effectsNoted = effects.recorded;
    session.lastWriteOffset = effects.offset;
  }

  /**
   * Commands that act on the node, and writes so large that only the control thread can journal
   * them.
   */
  isForControl(session: Session, command: Command, request: Request): boolean {
    const { flags } = command;
    if ((flags & this.handedFlags) === 0) return false;
    if ((flags & (flag.CONTROL | flag.GLOBAL)) !== 0) return true;
    if ((flags & flag.TRANSACTION) !== 0) return this.isQueueForControl(session);
    if (request.end[request.argc - 1] - request.start[0] > this.writeBytesMax) return true;
    return (flags & flag.SCRIPT) !== 0 && this.isScriptForControl(command, request);
  }

  /** A script that may need the control thread, or is not known here. */
  private isScriptForControl({ name }: Command, request: Request): boolean {
    return this.context.scripts.isForControl(request, !name.startsWith("evalsha"));
  }

  /** EXEC goes as a whole if one of its commands does. */
  private isQueueForControl({ transaction }: Session): boolean {
    if (transaction === null) return false;
    const handed = this.handedFlags & (flag.CONTROL | flag.GLOBAL | flag.SCRIPT);
    return (transaction.flags & handed) !== 0 || transaction.bytes > this.writeBytesMax;
  }

  /**
   * Submits a command of the batch to the control thread, with those behind it that publish as it
   * does; not those of a client that may get these messages, each of which comes before its reply.
   */
  submit(session: Session, command: Command, index: number, protocol: Protocol) {
    const { batch, mailbox, context } = this;
    context.statistics.times.isAlone = false; // the batch does not count its time
    const request = batch.requests[index];
    const isAlone = session.replyMode !== "on" || session.receives > 0;
    const more = isAlone ? none : batch.groupBehind(index, command);
    this.commandsProcessed += more.length;
    const handed = handedSizes(request, more);
    return { handed, answer: mailbox.submit(session, command, request.copy(), protocol, more) };
  }

  private endTurn(): void {
    this.context.store.countsUses = true; // the last command may be of a CLIENT NO-TOUCH client
    this.context.keyspace.select(0); // all else, such as a sweep, begins in database 0
    const { recorded } = this.context.effects;
    if (recorded === this.effectsSeen) return;
    this.effectsSeen = recorded;
    this.host.effectsRecorded();
  }

  // ---- cold path -------------------------------------------------------------------------------

  /**
   * Runs something that is not a `data` event as a turn; `connection` is the one it is about, if
   * any.
   */
  turn(work: () => void, connection?: TurnOwner): void {
    this.beginTurn();
    // It was waiting for this node: it is not idle.
    if (connection !== undefined) connection.session.lastActiveMs = this.turnBeganMs;
    try {
      work();
    } catch (error) {
      if (!this.recover(connection, error)) return;
    }
    this.endTurn();
    if (connection === undefined) return;
    this.longTurns.note(connection.session, this.chargedMs - this.turnBeganMs);
  }

  /** The end of the protocol that begins with this byte; null: it is refused. */
  endFor(session: Session, firstByte: number): ProtocolEnd | null {
    const protocol = detect(firstByte);
    const refusal = protocol.refusal(session);
    if (refusal === "" && protocol.decoder !== undefined) return this.endOf(protocol);
    this.log.warn(`client ${session.address} ${refusal}: closed`);
    return null;
  }

  endOf(protocol: Protocol): ProtocolEnd {
    return this.ends.find((end) => end.protocol === protocol) ?? this.ends[0];
  }

  /**
   * A reply or an allocation that is too large costs only the connection. Any other error is a
   * fault, and false: then nothing of the turn goes to followers.
   */
  private recover(connection: TurnOwner | undefined, error: unknown): boolean {
    if (connection === undefined || !isTooMuch(error)) {
      this.fail(error);
      return false;
    }
    const { address: client } = connection.session;
    const fields = { event: "client-closed", client, reason: error.message } as const;
    this.log.warn(`client ${client} asked for ${error.message}: closed`, fields);
    this.context.store.unlockAll();
    this.batch.forget(); // another connection soon reuses the memory of its key
    this.out.spillTo = null;
    this.out.clear();
    connection.abandon();
    return true;
  }

  /** Called for a closed connection: it receives no more messages. */
  left(session: Session): void {
    if (session.receives > 0 || this.context.observer.hasRedirects)
      this.host.subscriberLeft(session.id);
  }

  /** Counts and logs a client that breaks its protocol, and ends it after this reply. */
  violated(session: Session, reply: Reply, text: string): void {
    const { address: client } = session;
    session.closing = true;
    reply.violation(text);
    if (text.endsWith(tooBigRequest)) this.disconnected.request++;
    const fields = { event: "client-closed", client, reason: text } as const;
    this.log.info(`client ${client} broke the protocol: ${text}: closed`, fields);
  }

  /** A client holds so much more; if all hold too much, the largest are disconnected. */
  clientHolds(moreBytes: number, inputBytes: number, outputBytes: number): void {
    this.recentPeaks.note(inputBytes, outputBytes);
    this.clientMemory.add(moreBytes);
  }

  /** Counts and logs a client that is disconnected because of a bound. */
  disconnecting(session: Session, reason: string, bound: Bound): void {
    const { address: client, authenticated } = session;
    this.disconnected[bound]++;
    const more = authenticated ? "" : ", and has not logged in";
    const fields = { event: "client-closed", client, bound, reason } as const;
    this.log.warn(`client ${client} ${reason}${more}: disconnected`, fields);
  }

  fail(error: unknown): void {
    this.host.fault(error, "a data thread");
  }

  resetStatistics(): void {
    this.commandsProcessed = 0;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.writes = 0;
    this.disconnected = noDisconnections();
    this.turns.reset();
    this.context.statistics.reset();
  }
}

function isTooMuch(error: unknown): error is Error {
  return error instanceof OutputLimitError || isAllocationFailure(error);
}

/** JavaScriptCore's words when an ArrayBuffer or a string would be too large. */
function isAllocationFailure(error: unknown): boolean {
  return error instanceof RangeError && /out of memory|allocat/i.test(error.message);
}
