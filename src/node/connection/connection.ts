// One connection: bytes go from its socket to a decoder, decoded commands to execute(), gathered
// replies back to the socket, in one write per turn. Its states: connection-state.ts.
// Commands are executed only while it is running. Input that arrives in another state waits in the
// decoder, up to a bound at which the socket is not read. A client that reads no replies may still
// run commands within client-memory.ts; one that has closed its half gets all its replies first.
// Hot path: receive(), process(), runBatch(), run(), flush().

import { freeBytes, giveBack } from "../../base/buffer-pool.ts";
import { blockedInputBytesMax, outputPauseBytes, waitingInputBytesMax } from "../../base/limits.ts";
import type { Link } from "../../base/link.ts";
import type { Output, Spill } from "../../base/output.ts";
import type { Command } from "../../command/core/command.ts";
import { execute } from "../../command/run/execute.ts";
import { heldBack } from "../../command/run/gate.ts";
import { dropQueue, rememberedBytes } from "../../command/run/transaction-queue.ts";
import { refuseUnknown } from "../../command/run/unknown.ts";
import { flag } from "../../command/terms/flags.ts";
import { noCommand, type Session } from "../../command/terms/session.ts";
import { enqueue, isQueued } from "../../command/transaction/transaction.ts";
import type { Decoder } from "../../protocol/decoder.ts";
import { resp } from "../../protocol/resp/protocol.ts";
import { type HandedSizes, nothingHanded } from "./client-sizes.ts";
import {
  BLOCKED,
  CLOSED,
  type ConnectionState,
  ENDING,
  FRESH,
  HANDED,
  HELD,
  moved,
  OPEN,
  RUNNING,
  YIELDED,
} from "./connection-state.ts";
import type { DataThread, ProtocolEnd } from "./data-thread.ts";
import type { Bound } from "./disconnections.ts";
import type { EncodedMessage } from "./encoded-message.ts";
import { lateAnswer } from "./late-answer.ts";
import type { ConnectionSocket } from "./memory-socket.ts";
import { Outbox } from "./outbox.ts";
import { skipReply } from "./reply-mode.ts";
import { isTooSlow } from "./slow-client.ts";

export type ClientSocket = Bun.Socket<Connection>;

const idleDecoder = resp.decoder({ authenticated: true });

export class Connection implements Spill {
  readonly session: Session;
  readonly socket: ConnectionSocket;
  private readonly thread: DataThread;
  readonly outbox: Outbox;
  private state: ConnectionState;
  private spoken: ProtocolEnd;
  decoder: Decoder;
  /** Bytes are taken from the socket. */
  isReading: boolean;
  /** Bytes that this connection counts in the thread's ClientMemory. */
  heldBytes: number;
  /** Bytes of the command that the control thread has. */
  handed: HandedSizes;
  /** That command waits for others than this node, so messages do not wait for its reply. */
  private hearsMeanwhile = false;
  link: Link | null;

  constructor(thread: DataThread, socket: ConnectionSocket, session: Session) {
    this.session = session;
    this.socket = socket;
    this.thread = thread;
    this.outbox = new Outbox(socket, thread);
    this.state = FRESH;
    this.spoken = thread.endOf(resp);
    this.decoder = idleDecoder;
    this.isReading = true;
    this.heldBytes = 0;
    this.handed = nothingHanded;
    this.link = null;
  }

  private transition(to: ConnectionState): void {
    this.state = moved(this.state, to);
  }

  // ---- hot path --------------------------------------------------------------------------------

  receive(chunk: Uint8Array): void {
    this.session.lastActiveMs = this.thread.turnBeganMs;
    if (this.link?.onData !== undefined) return this.link.onData(chunk);
    if (this.session.closing) return freeBytes(chunk); // only its last replies are still in flight
    if (this.state === FRESH && !this.chooseProtocol(chunk[0])) return;
    this.decoder.feed(chunk);
    if (this.state !== OPEN) this.pauseIfFull();
    else if (this.thread.longTurns.isCrowded) this.goOn();
    else this.process();
  }

  private process(): void {
    const { thread, decoder, session } = this;
    const { batch, out } = thread;
    if (this.outbox.waiting !== null) {
      this.sendMessages(); // they are older than what it now asks
      if (this.state !== OPEN) return; // and were more than it may hold
    }
    this.transition(RUNNING);
    thread.begin(session);
    const { reply, find } = this.spoken;
    reply.switchProtocol(session.protocol);
    out.spillTo = this;
    while (decoder.pendingBytes() > 0 && this.isRunning()) {
      // A login changes the bounds of the decoder, so nothing is decoded ahead before it.
      const count = batch.decode(decoder, find, session.authenticated);
      if (count === 0) break;
      batch.begin(count, thread.context);
      const ran = this.runBatch(count);
      if (thread.isTurnOver(ran) && decoder.pendingBytes() > 0 && this.isRunning()) this.yield();
    }
    if (decoder.error !== "" && this.isRunning()) thread.violated(session, reply, decoder.error);
    this.finish();
  }

  private isRunning(): boolean {
    return this.state === RUNNING && !this.session.closing;
  }

  /** Returns how many commands have run; the others are decoded again. */
  private runBatch(count: number): number {
    const { batch, out } = this.thread;
    for (let i = 0; i < count; i++) {
      batch.recall(i);
      const hasRun = this.isRunning() && this.run(i);
      batch.forget();
      if (!hasRun) return this.skip(i, count);
      if (out.length < out.flushAt) continue;
      this.flush();
      if (i + 1 < count && this.thread.isTimeUp) return this.skip(i + 1, count);
    }
    return count;
  }

  private skip(from: number, count: number): number {
    const next = from + this.thread.batch.takeGrouped();
    if (next < count) this.decoder.rewind(this.thread.batch.requests[next].origin);
    return next;
  }

  /** False: the command has not run and is decoded again when the connection resumes. */
  private run(index: number): boolean {
    const { thread, session } = this;
    const { batch } = thread;
    const request = batch.requests[index];
    const command = batch.commands[index];
    if (thread.longTurns.holdsBack(session, command)) return this.yield();
    const mark = thread.out.length;
    const isHeard = session.replyMode === "on";
    const reply = isHeard ? this.spoken.reply : this.spoken.muted;
    thread.commandsProcessed++;
    reply.begin(request);
    session.lastCommand = command?.name ?? noCommand;
    if (command === undefined) refuseUnknown(session, request, reply, thread.log);
    else if (session.transaction !== null && isQueued(command)) {
      batch.commands[index] = undefined; // its time counts for EXEC
      enqueue(thread.context, command, request, reply);
    } else if (thread.isForControl(session, command, request)) {
      batch.commands[index] = undefined;
      return this.handOver(command, index);
    } else {
      const ending = execute(thread.context, command, request, reply);
      if (ending === heldBack) return this.hold();
      if (ending) return this.await(lateAnswer(thread, session, ending, index), command, Infinity);
    }
    if (session.replyMode !== "on") skipReply(session, thread.out, isHeard ? mark : Infinity);
    if (this.outbox.waiting !== null) this.outbox.sendOwnMessages(thread.out);
    return true;
  }

  private flush(): void {
    this.outbox.flush(this.thread.out);
    if (this.outbox.unsentBytes > 0) this.judgeUnsent();
  }

  /** Ends a turn of this connection: sends the replies, then the messages that waited for them. */
  private finish(): void {
    const { session, thread } = this;
    if (this.state === CLOSED) this.leave();
    else this.decoder.release();
    this.flush();
    thread.out.spillTo = null;
    if (this.state === RUNNING) this.transition(OPEN);
    if (this.outbox.messageBytes > 0) this.sendMessages();
    else this.countHeld();
    thread.noteWrites(session);
    if (session.closing) this.endWhenSent();
    else if (session.inputEnded) this.onEnd();
  }

  // ---- rare paths of replies -------------------------------------------------------------------

  /** Acts on output that the socket did not take. */
  private judgeUnsent(): void {
    if (this.endIfLost()) return;
    this.countHeld();
    if (this.outbox.unsentBytes < outputPauseBytes || !this.isRunning()) return;
    if (!this.thread.clientMemory.hasRoom) this.transition(BLOCKED);
  }

  /** Ends a connection that is broken or over the bound of its class, and says whether it did. */
  endIfLost(reason = "does not read its replies"): boolean {
    if (this.outbox.isBroken) this.terminate();
    else if (!isTooSlow(this.session, this.outbox, this.thread.clientLimits.value)) return false;
    else this.cut(reason, "output");
    return true;
  }

  /** A long reply counts while it is written. If the client is cut off, the rest is dropped. */
  spill(out: Output): void {
    this.outbox.spill(out);
    if (!this.endIfLost("asked for too long a reply")) this.countHeld();
  }

  /** Updates what this client holds; if all hold too much, the largest are disconnected. */
  private countHeld(): void {
    const { state, decoder, session, handed } = this;
    const isOpen = state !== CLOSED;
    const input = isOpen ? decoder.heldBytes() + rememberedBytes(session) + handed.countedBytes : 0;
    const output = this.pendingOutputBytes;
    const held = input + output;
    if (held === this.heldBytes) return;
    const more = held - this.heldBytes;
    this.heldBytes = held;
    if (output > 0) this.outbox.peak.note(output, this.thread.turnBeganMs);
    this.thread.clientHolds(more, input, output);
  }

  // ---- protocol --------------------------------------------------------------------------------

  private chooseProtocol(first: number): boolean {
    const { session, thread } = this;
    const spoken = thread.endFor(session, first);
    if (spoken === null) {
      this.terminate();
      return false;
    }
    this.spoken = spoken;
    this.decoder = spoken.protocol.decoder(session);
    this.transition(OPEN);
    this.boundRequests(thread.clientLimits.value.requestBytes);
    return true;
  }

  boundRequests(bytes: number): void {
    if (this.state !== FRESH) this.decoder.requestBytesMax = bytes; // else it has no decoder yet
  }

  // ---- messages of channels ---------------------------------------------------------------------

  /** Keeps it until sendMessages(). One of its own comes before the reply, but not within EXEC. */
  deliver(message: EncodedMessage): void {
    const isPublishing = this.state === RUNNING && !this.session.isExecuting;
    if (isPublishing) return message.appendTo(this.thread.out);
    this.outbox.deliver(message);
    if (this.outbox.isBroken) return; // what ends it must not run while others are delivered to
    if (!this.endIfLost("does not read its messages") && this.state === HANDED) this.countHeld();
  }

  /** Sends the messages that wait, but not while a reply is being written or awaited. */
  sendMessages(): void {
    const isAwaited = this.state === HANDED && !this.hearsMeanwhile;
    if (this.state === RUNNING || isAwaited || this.state === CLOSED) return;
    this.outbox.sendMessages();
    this.countHeld();
  }

  // ---- waiting ---------------------------------------------------------------------------------

  /** Waits for the end of a pause, and then tries the command again. */
  private hold(): boolean {
    this.transition(HELD);
    this.thread.commandsProcessed--;
    this.thread.held.add(this.session.id, (mayRun) => mayRun && this.resumeFrom(HELD));
    return false;
  }

  /** Lets other connections run before the input, or the rest of it. */
  private yield(): false {
    this.transition(YIELDED);
    this.stopReading();
    setImmediate(() => this.resumeFrom(YIELDED));
    return false;
  }

  /** Resumes with the input that waited, unless the connection has ended meanwhile. */
  private resumeFrom(state: ConnectionState): void {
    if (this.state !== state) return;
    this.transition(OPEN);
    this.thread.turn(() => this.goOn(), this);
  }

  private goOn(): void {
    if (this.state !== OPEN) return;
    const isWaiting = this.thread.longTurns.mustWait(this.session);
    if (isWaiting && this.decoder.pendingBytes() > 0) this.yield();
    else if (this.link?.onData === undefined) this.process();
    if (this.state === OPEN) this.startReading();
  }

  /** Submits a command to the control thread; this connection waits for the reply. */
  private handOver(command: Command, index: number): boolean {
    const { thread, session } = this;
    thread.noteWrites(session);
    this.flush(); // a link that takes the connection over writes after what was answered before
    if (this.state !== RUNNING) {
      thread.commandsProcessed--;
      return false;
    }
    const { receives } = session; // before it runs, which may be at once
    const { handed, answer } = thread.submit(session, command, index, this.spoken.protocol);
    this.handed = handed;
    return this.await(answer, command, receives);
  }

  private await(answer: Promise<Uint8Array>, { flags }: Command, receives: number): true {
    const isGroup = (flags & flag.TRANSACTION) !== 0;
    this.hearsMeanwhile = (flags & flag.WAITS) !== 0;
    this.transition(HANDED);
    answer.then(
      (bytes) => this.wake(bytes, isGroup || this.session.answersFirst(receives)),
      (error) => this.thread.fail(error),
    );
    return true;
  }

  /**
   * Messages that arrived meanwhile were published before the reply was made, so they go first;
   * unless the reply may confirm their subscription, or holds older replies, or is half sent.
   */
  private wake(answer: Uint8Array, isAnswerFirst: boolean): void {
    this.handed = nothingHanded;
    if (this.state !== HANDED) {
      giveBack(answer);
      return this.thread.left(this.session);
    }
    this.thread.turn(() => {
      const { out } = this.thread;
      this.transition(OPEN);
      if (!isAnswerFirst) this.sendMessages();
      out.spillTo = this;
      out.appendAll(answer);
      out.spillTo = null;
      giveBack(answer);
      skipReply(this.session, out, out.length);
      this.flush();
      this.sendMessages();
      if (this.session.closing) this.endWhenSent();
      else this.goOn();
    }, this);
  }

  private pauseIfFull(): void {
    this.countHeld();
    const max = this.state === BLOCKED ? blockedInputBytesMax : waitingInputBytesMax;
    if (this.decoder.pendingBytes() >= max) this.stopReading();
  }

  private stopReading(): void {
    if (!this.isReading) return;
    this.isReading = false;
    this.socket.pause();
  }

  private startReading(): void {
    if (this.isReading) return;
    this.isReading = true;
    this.socket.resume();
  }

  // ---- the socket's other events ---------------------------------------------------------------

  onDrain(): void {
    const isEmpty = this.outbox.drain();
    this.countHeld();
    if (!isEmpty) return void this.endIfLost();
    if (this.state === ENDING) return void this.socket.end();
    this.link?.onDrain();
    if (this.state === BLOCKED) this.resumeFrom(BLOCKED);
    else if (this.session.inputEnded) this.onEnd();
  }

  /** The client has closed its half: what it sent is done first, unless a pause holds it. */
  onEnd(): void {
    const { state } = this;
    this.session.inputEnded = true;
    const isDone = state === OPEN || state === FRESH;
    // A link cannot acknowledge any more; who has given up in a pause may have asked elsewhere.
    if (this.link !== null || state === HELD) this.terminate();
    else if (state === HANDED)
      this.withdraw(); // the same, if it is held there
    else if (isDone && this.outbox.unsentBytes === 0) this.close();
  }

  onClose(): void {
    if (this.state !== CLOSED) this.drop();
    this.link?.onClose();
    this.link = null;
    this.session.link = null;
  }

  /** Frees all memory; the input only after the present command, whose arguments are in it. */
  private drop(): void {
    const isRunning = this.state === RUNNING;
    this.withdraw();
    this.transition(CLOSED);
    this.session.closing = true;
    this.outbox.close();
    dropQueue(this.session);
    if (!isRunning) this.decoder.dispose();
    this.countHeld();
  }

  /** A command that a pause holds never runs if its connection ends before. */
  private withdraw(): void {
    if (this.state === HELD) this.thread.held.withdraw(this.session.id);
    else if (this.state === HANDED) this.thread.mailbox.withdraw(this.session.id);
  }

  /** Called when the present command has thrown: ends the connection at once. */
  abandon(): void {
    this.terminate();
    this.leave();
  }

  /** Ends a turn in which it was closed. An EXEC goes on after that, and may have subscribed. */
  private leave(): void {
    this.decoder.dispose();
    this.thread.left(this.session);
  }

  // ---- control ---------------------------------------------------------------------------------

  /** From now on the link writes to the socket and gets its events. */
  takeOver(link: Link): void {
    this.link = link;
    this.session.link = link;
  }

  // For the link: write() hands bytes to the socket and returns how many it took.
  write(bytes: Uint8Array): number {
    return this.outbox.write(bytes);
  }

  end(): void {
    this.close();
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress ?? "/unixsocket"; // as in Redis
  }

  /** It waits for this node: in WAIT, a pause, for the control thread, or for its next turn. */
  get isWaiting(): boolean {
    return this.state === HELD || this.state === HANDED || this.state === YIELDED;
  }

  get pendingInputBytes(): number {
    return this.state === CLOSED ? 0 : this.decoder.pendingBytes();
  }

  get pendingOutputBytes(): number {
    return this.outbox.unsentBytes + this.outbox.messageBytes;
  }

  /** Ends the connection when the present reply is sent; at once if it does not read replies. */
  close(): void {
    if (this.state === CLOSED) return;
    if (this.outbox.unsentBytes > 0) return this.terminate();
    this.withdraw();
    this.session.closing = true;
    this.endWhenSent();
  }

  /** Does nothing while a reply is written or awaited: the end of the reply calls it again. */
  private endWhenSent(): void {
    if (this.state === RUNNING || this.state === HANDED || this.state >= ENDING) return;
    this.transition(ENDING);
    this.startReading(); // a socket that is paused does not tell of its peer's end
    if (this.outbox.unsentBytes === 0) this.socket.end(); // else onDrain() does
  }

  /** Ends the connection at once and logs the reason. */
  cut(reason: string, bound: Bound): void {
    this.thread.disconnecting(this.session, reason, bound);
    this.terminate();
  }

  terminate(): void {
    if (this.state !== CLOSED) this.drop();
    this.socket.terminate();
  }
}
