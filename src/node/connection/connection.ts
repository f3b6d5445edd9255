// One connection: bytes from its socket to a decoder, decoded commands to execute(), gathered replies
// back to the socket. One write per turn, however many commands a turn brought. connection-state.ts has
// its states and the moves between them.
//
// Commands are executed while it is running and at no other time: what arrives in between is kept by the
// decoder, and reading pauses so that it stays little. A client that does not read its replies goes on
// sending commands within client-memory.ts; one that has closed its half gets all its replies first.
// Hot path: receive(), process(), runBatch(), run(), flush().

import { freeBytes, giveBack } from "../../base/buffer-pool.ts";
import { monotonicMs } from "../../base/clock.ts";
import {
  outputFlushBytes,
  outputHardBytesMax,
  outputPauseBytes,
  strangerOutputBytesMax,
} from "../../base/limits.ts";
import type { Link } from "../../base/link.ts";
import type { Output, Spill } from "../../base/output.ts";
import type { Command } from "../../command/core/command.ts";
import { execute } from "../../command/core/execute.ts";
import { flag } from "../../command/core/flags.ts";
import { HELD as HELD_BACK } from "../../command/core/gate.ts";
import type { Session } from "../../command/core/session.ts";
import { isHttp, unknownCommand } from "../../command/core/unknown.ts";
import { enqueue, isQueued } from "../../command/transaction/transaction.ts";
import { fail, rememberedBytes } from "../../command/transaction/transaction-queue.ts";
import type { Decoder } from "../../protocol/decoder.ts";
import { MutedReply } from "../../protocol/muted-reply.ts";
import { detect } from "../../protocol/protocols.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { resp } from "../../protocol/resp/protocol.ts";
import {
  BLOCKED,
  CLOSED,
  type ConnectionState,
  ENDING,
  FRESH,
  HANDED,
  HELD,
  illegalMove,
  mayMove,
  OPEN,
  RUNNING,
  YIELDED,
} from "./connection-state.ts";
import type { DataThread, ProtocolEnd } from "./data-thread.ts";
import type { EncodedMessage } from "./encoded-message.ts";
import { Outbox } from "./outbox.ts";

export type ClientSocket = Bun.Socket<Connection>;

/** Bytes received while nothing may be executed, at which reading stops. */
const pausedInputBytesMax = 64 * 1024;
const idleDecoder = resp.decoder({ authenticated: true });

export class Connection implements Spill {
  readonly session: Session;
  readonly socket: ClientSocket;
  private readonly thread: DataThread;
  private readonly outbox: Outbox;
  private state: ConnectionState;
  /** What it speaks. */
  private spoken: ProtocolEnd;
  private decoder: Decoder;
  /** By the monotonic clock. */
  readonly openedMs: number;
  /** Bytes are taken from the socket. */
  private isReading: boolean;
  /** Bytes that this connection counts in the thread's ClientMemory. */
  heldBytes: number;
  private muted: MutedReply | null;
  private link: Link | null;

  constructor(thread: DataThread, socket: ClientSocket, session: Session) {
    this.session = session;
    this.socket = socket;
    this.thread = thread;
    this.outbox = new Outbox(socket, thread);
    this.state = FRESH;
    this.spoken = thread.endOf(resp);
    this.decoder = idleDecoder;
    this.openedMs = monotonicMs();
    this.isReading = true;
    this.heldBytes = 0;
    this.muted = null;
    this.link = null;
  }

  private transition(to: ConnectionState): void {
    if (!mayMove(this.state, to)) throw illegalMove(this.state, to);
    this.state = to;
  }

  // ---- hot path --------------------------------------------------------------------------------

  receive(chunk: Uint8Array): void {
    this.session.lastActiveMs = this.thread.turnBeganMs;
    if (this.link?.onData !== undefined) {
      this.link.onData(chunk);
      return;
    }
    if (this.session.closing) return freeBytes(chunk); // only its last replies are still on their way
    if (this.state === FRESH && !this.chooseProtocol(chunk[0])) return;
    this.decoder.feed(chunk);
    if (this.state === OPEN) this.process();
    else this.pauseIfFull();
  }

  private process(): void {
    const { thread, decoder, session } = this;
    const { batch, out } = thread;
    this.transition(RUNNING);
    thread.begin(session);
    const { reply, find } = this.spoken;
    reply.switchProtocol(session.protocol);
    out.spillTo = this;
    while (this.isRunning()) {
      // A login changes what the decoder may accept: before it, nothing is decoded ahead.
      const count = batch.decode(decoder, find, session.authenticated);
      if (count === 0) break;
      batch.lookAhead(count);
      this.runBatch(count);
      if (thread.isTurnOver(count) && this.isRunning()) this.yield();
    }
    if (decoder.error !== "" && this.isRunning()) this.violate(decoder.error);
    this.finish();
  }

  private isRunning(): boolean {
    return this.state === RUNNING && !this.session.closing;
  }

  private runBatch(count: number): void {
    const { batch, out } = this.thread;
    for (let i = 0; i < count; i++) {
      batch.recall(i);
      const hasRun = this.isRunning() && this.run(i);
      batch.forget();
      if (!hasRun) {
        this.decoder.rewind(batch.requests[i].origin);
        return batch.skip(i, count);
      }
      if (out.length >= outputFlushBytes) this.flush();
    }
  }

  /** False: the command has not run, and is to be decoded again when the connection goes on. */
  private run(index: number): boolean {
    const { thread, session } = this;
    const { batch } = thread;
    const request = batch.requests[index];
    const command = batch.commands[index];
    const mark = thread.out.length;
    const isHeard = session.replyMode === "on";
    const reply = isHeard ? this.spoken.reply : this.mutedReply();
    thread.commandsProcessed++;
    reply.begin(request);
    if (command === undefined) this.refuseUnknown(request, reply);
    else if (session.transaction !== null && isQueued(command)) {
      batch.commands[index] = undefined; // its time is EXEC's
      enqueue(thread.context, command, request, reply);
    } else if (thread.isForControl(session, command, request)) {
      batch.commands[index] = undefined;
      return this.handOver(command, request);
    } else {
      session.lastCommand = command.name;
      if (execute(thread.context, command, request, reply) === HELD_BACK) return this.hold();
    }
    if (session.replyMode !== "on") this.skip(isHeard ? mark : thread.out.length);
    if (this.outbox.mail !== null) this.outbox.sendOwnMail(thread.out);
    return true;
  }

  private flush(): void {
    this.outbox.flush(this.thread.out);
    if (this.outbox.unsentBytes > 0) this.judgeUnsent();
  }

  /** The end of a turn of this connection: replies out, then what waited for them. */
  private finish(): void {
    const { session, thread } = this;
    if (this.state === CLOSED) this.decoder.dispose();
    else this.decoder.release();
    this.flush();
    thread.out.spillTo = null;
    if (this.state === RUNNING) this.transition(OPEN);
    if (this.outbox.mailBytes > 0) this.sendMail();
    else this.countHeld();
    thread.noteWrites(session);
    if (session.closing) this.endWhenSent();
    else if (session.inputEnded) this.endInput();
  }

  // ---- what replies need rarely ----------------------------------------------------------------

  /** What follows from output that the socket did not take. */
  private judgeUnsent(): void {
    const { session, thread } = this;
    const { unsentBytes } = this.outbox;
    if (unsentBytes > outputHardBytesMax) return this.cut("does not read its replies");
    if (!session.authenticated && unsentBytes > strangerOutputBytesMax) {
      return this.cut("does not read its replies, and has not logged in");
    }
    this.countHeld();
    const isSlow = unsentBytes >= outputPauseBytes && this.isRunning();
    if (isSlow && !thread.clientMemory.hasRoom) this.transition(BLOCKED);
  }

  /** A long answer counts while it is made. The rest of one that is cut off goes nowhere. */
  spill(out: Output): void {
    this.outbox.spill(out);
    if (this.outbox.unsentBytes > outputHardBytesMax) this.cut("asked for too long a reply");
    else this.countHeld();
  }

  /** Tells the thread what this client holds now; where that is too much, some are cut off. */
  private countHeld(): void {
    const { decoder, session } = this;
    const input = this.state === CLOSED ? 0 : decoder.heldBytes() + rememberedBytes(session);
    const held = input + this.pendingOutputBytes;
    if (held === this.heldBytes) return;
    const more = held - this.heldBytes;
    this.heldBytes = held;
    this.thread.clientMemory.add(more);
  }

  /** After CLIENT REPLY OFF and SKIP: lets only through what is pushed. */
  private mutedReply(): Reply {
    this.muted ??= new MutedReply(this.spoken.reply, () => this.session.replyMode !== "on");
    return this.muted;
  }

  /** CLIENT REPLY SKIP is about the next command, and then it is over; OFF is not answered itself. */
  private skip(mark: number): void {
    const { session } = this;
    const { out } = this.thread;
    if (session.replyMode === "off") out.length = Math.min(out.length, mark);
    if (session.replyMode === "skip-next") session.replyMode = "skip-this";
    else if (session.replyMode === "skip-this") session.replyMode = "on";
  }

  private refuseUnknown(request: Request, reply: Reply): void {
    fail(this.session);
    if (!isHttp(request)) return reply.error(unknownCommand(request));
    const what = "sent an HTTP request: closed, as it may be an attack through somebody's browser";
    this.thread.log.warn(`client ${this.session.address} ${what}`);
    this.session.closing = true;
  }

  // ---- protocol --------------------------------------------------------------------------------

  private chooseProtocol(first: number): boolean {
    const { session, thread } = this;
    const protocol = detect(first);
    const refusal = protocol.refusal(session);
    if (refusal !== "" || protocol.decoder === undefined) {
      this.thread.log.warn(`client ${session.address} ${refusal}: closed`);
      this.terminate();
      return false;
    }
    this.spoken = thread.endOf(protocol);
    this.decoder = protocol.decoder(session);
    this.transition(OPEN);
    return true;
  }

  private violate(text: string): void {
    this.thread.log.info(`client ${this.session.address} broke the protocol: ${text}: closed`);
    this.spoken.reply.violation(text);
    this.session.closing = true;
  }

  // ---- mail of channels --------------------------------------------------------------------------

  /**
   * Keeps a message until sendMail(). What the connection publishes to itself comes before the answer, as in
   * Redis; but not in the middle of EXEC's, where nobody could tell it from an element.
   */
  deliver(message: EncodedMessage): void {
    const isPublishing = this.state === RUNNING && !this.session.isExecuting;
    if (isPublishing) return message.appendTo(this.thread.out);
    if (!this.outbox.deliver(message, monotonicMs())) this.cut("does not read its messages");
    else if (this.state === HANDED) this.countHeld(); // nothing is sent before its answer
  }

  /** Not while a reply is being made, nor while one is still to come. */
  sendMail(): void {
    if (this.state === RUNNING || this.state === HANDED || this.state === CLOSED) return;
    this.outbox.sendMail();
    this.countHeld();
  }

  // ---- waiting ---------------------------------------------------------------------------------

  /** A pause: the command is tried again when it is over. */
  private hold(): boolean {
    const { thread } = this;
    this.transition(HELD);
    thread.commandsProcessed--;
    void thread.unpaused().then(() => this.resumeFrom(HELD));
    return false;
  }

  /** Others are served before the rest of the input is. */
  private yield(): void {
    if (this.decoder.pendingBytes() === 0) return;
    this.transition(YIELDED);
    this.stopReading();
    setImmediate(() => this.resumeFrom(YIELDED));
  }

  /** Takes up the input that waited, unless the connection has ended meanwhile. */
  private resumeFrom(state: ConnectionState): void {
    if (this.state !== state) return;
    this.transition(OPEN);
    this.thread.turn(() => this.goOn(), this);
  }

  private goOn(): void {
    if (this.state !== OPEN) return;
    if (this.link?.onData === undefined) this.process();
    if (this.state === OPEN) this.startReading();
  }

  /** A command for the control thread: this connection waits for its answer before it goes on. */
  private handOver(command: Command, request: Request): boolean {
    const { thread, session } = this;
    this.thread.noteWrites(this.session);
    this.flush(); // a link that takes the connection over writes after what was answered before
    if (this.state !== RUNNING) {
      thread.commandsProcessed--;
      return false;
    }
    session.lastCommand = command.name;
    this.transition(HANDED);
    const answer = thread.mailbox.submit(session, command, request.copy(), this.spoken.protocol);
    const { subscriptions } = session;
    const isGroup = (command.flags & flag.TRANSACTION) !== 0;
    answer.then(
      (bytes) => this.wake(bytes, isGroup || session.subscriptions > subscriptions),
      (error) => thread.fail(error),
    );
    return true;
  }

  /**
   * Messages that came meanwhile were published before the answer was made: they come before it, unless
   * it may confirm that they were subscribed to, or holds answers from before them.
   */
  private wake(answer: Uint8Array, isAnswerFirst: boolean): void {
    if (this.state !== HANDED) return this.thread.left(this.session);
    this.thread.turn(() => {
      const { out } = this.thread;
      this.transition(OPEN);
      if (!isAnswerFirst) this.sendMail();
      out.spillTo = this;
      out.appendAll(answer);
      out.spillTo = null;
      giveBack(answer);
      this.skip(out.length);
      this.flush();
      this.sendMail();
      if (this.session.closing) this.endWhenSent();
      else this.goOn();
    }, this);
  }

  private pauseIfFull(): void {
    this.countHeld();
    if (this.decoder.pendingBytes() >= pausedInputBytesMax) this.stopReading();
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
    if (!isEmpty) return;
    if (this.link !== null) this.link.onDrain();
    else if (this.state === ENDING) this.socket.end();
    else if (this.state === BLOCKED) this.resumeFrom(BLOCKED);
    else if (this.session.inputEnded) this.endInput();
  }

  /** The client has closed its half: what it sent before is still executed and answered. */
  onEnd(): void {
    this.session.inputEnded = true;
    if (this.link !== null) return this.terminate(); // nobody is left to acknowledge
    this.endInput();
  }

  /** Ends a connection whose input has ended, once nothing of it is left to do. */
  private endInput(): void {
    const isDone = this.state === OPEN || this.state === FRESH;
    if (isDone && this.outbox.unsentBytes === 0) this.close();
  }

  onClose(): void {
    if (this.state !== CLOSED) this.drop();
    this.link?.onClose();
    this.link = null;
    this.session.link = null;
  }

  /** Gives back all memory; the input after the present command, whose arguments lie in it. */
  private drop(): void {
    const isRunning = this.state === RUNNING;
    this.transition(CLOSED);
    this.session.closing = true;
    this.outbox.close();
    if (!isRunning) this.decoder.dispose();
    this.countHeld();
  }

  /** The command that runs has thrown: nothing of this connection goes on. */
  abandon(): void {
    this.terminate();
    this.decoder.dispose();
  }

  // ---- control ---------------------------------------------------------------------------------

  /** From now on the link writes to the socket and hears of its events. */
  takeOver(link: Link): void {
    this.link = link;
    this.session.link = link;
  }

  /** For the link: hands bytes to the socket and returns how many it took. */
  write(bytes: Uint8Array): number {
    return this.outbox.write(bytes);
  }

  /** For the link. */
  end(): void {
    this.close();
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress;
  }

  /** It waits for this node: in WAIT, held by a pause, or for the control thread. */
  get isWaiting(): boolean {
    return this.state === HELD || this.state === HANDED || this.state === YIELDED;
  }

  /** A pause holds its command. */
  get isHeld(): boolean {
    return this.state === HELD;
  }

  get pendingInputBytes(): number {
    return this.state === CLOSED ? 0 : this.decoder.pendingBytes();
  }

  get pendingOutputBytes(): number {
    return this.outbox.unsentBytes + this.outbox.mailBytes;
  }

  /** Ends the connection once the present reply is out, and at once if it does not read its replies. */
  close(): void {
    if (this.state === CLOSED) return;
    if (this.outbox.unsentBytes > 0) return this.terminate();
    this.session.closing = true;
    this.endWhenSent();
  }

  /** Unless a reply is being made, or is the control thread's to make: then they end it. */
  private endWhenSent(): void {
    if (this.state === RUNNING || this.state === HANDED || this.state >= ENDING) return;
    this.transition(ENDING);
    if (this.outbox.unsentBytes === 0) this.socket.end(); // else onDrain() does
  }

  /** Ends the connection for a reason that an operator should know. */
  cut(reason: string): void {
    this.thread.log.warn(`client ${this.session.address} ${reason}: disconnected`);
    this.terminate();
  }

  terminate(): void {
    if (this.state !== CLOSED) this.drop();
    this.socket.terminate();
  }
}
