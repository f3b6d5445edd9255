// One connection: bytes from its socket to a decoder, decoded commands to execute(), gathered replies
// back to the socket. One write per turn, however many commands a turn brought.
//
//   fresh --first byte--> open --CONTROL command--> suspended --answer--> open
//     open --unsent output over its bound--> blocked --drained--> open
//     open --PSYNC, JOIN--> open, with a link that owns the output (and for JOIN the input)
//     any --QUIT, protocol violation, CLIENT KILL, socket gone--> closed
//
// While a connection is suspended or blocked nothing of it is executed: what arrives is kept by the
// decoder, and reading pauses so that it stays little. Hot path: receive(), process(), run(), flush().

import { monotonicMs } from "../../base/clock.ts";
import { ErrorReply } from "../../base/errors.ts";
import { outputFlushBytes, outputHardBytesMax, outputPauseBytes } from "../../base/limits.ts";
import { type Command, flag } from "../../command/core/command.ts";
import { execute } from "../../command/core/execute.ts";
import type { Session } from "../../command/core/session.ts";
import { unknownCommand } from "../../command/core/unknown.ts";
import { find, opcodeCommands } from "../../command/table.ts";
import { enqueue, isQueued } from "../../command/transaction/transaction.ts";
import { fail } from "../../command/transaction/transaction-queue.ts";
import type { Decoder } from "../../protocol/decoder.ts";
import { detect } from "../../protocol/detect.ts";
import { MscacheParser, opcode } from "../../protocol/mscache/mscache.ts";
import { MutedReply } from "../../protocol/muted-reply.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { RespParser } from "../../protocol/resp/resp-parser.ts";
import type { Link } from "../../replication/ports.ts";
import { Backlog } from "./backlog.ts";
import type { DataThread } from "./data-thread.ts";
import type { EncodedMessage } from "./delivery.ts";
import { Mail } from "./mail.ts";

export type ClientSocket = Bun.Socket<Connection>;

/** Bytes received while nothing may be executed, at which reading stops. */
const pausedInputBytesMax = 64 * 1024;
const idleDecoder = new RespParser();

export class Connection {
  readonly session: Session;
  readonly socket: ClientSocket;
  private readonly thread: DataThread;
  private readonly backlog: Backlog;
  private decoder: Decoder;
  private reply: Reply;
  private isResp: boolean;
  /** Finds the command of a request. */
  private name: (request: Request) => Command | undefined;
  private fresh: boolean;
  private suspended: boolean;
  private blocked: boolean;
  private paused: boolean;
  private closed: boolean;
  /** A reply is being made, or is the control thread's to make: mail waits for its end. */
  private executing: boolean;
  private handedOver: boolean;
  private mail: Mail | null;
  private muted: MutedReply | null;
  private link: Link | null;

  constructor(thread: DataThread, socket: ClientSocket, session: Session) {
    this.session = session;
    this.socket = socket;
    this.thread = thread;
    this.backlog = new Backlog();
    this.decoder = idleDecoder;
    this.reply = thread.resp;
    this.isResp = true;
    this.name = find;
    this.fresh = true;
    this.suspended = false;
    this.blocked = false;
    this.paused = false;
    this.closed = false;
    this.executing = false;
    this.handedOver = false;
    this.mail = null;
    this.muted = null;
    this.link = null;
  }

  // ---- hot path --------------------------------------------------------------------------------

  receive(chunk: Uint8Array): void {
    this.session.lastActiveMs = this.thread.turnBeganMs;
    if (this.link?.onData !== undefined) {
      this.link.onData(chunk);
      return;
    }
    if (this.session.closing) return; // only its last replies are still on their way
    if (this.fresh && !this.chooseProtocol(chunk[0])) return;
    this.decoder.feed(chunk);
    if (this.suspended || this.blocked) this.pauseIfFull();
    else this.process();
  }

  private process(): void {
    const { thread, decoder, session } = this;
    const { out, batch } = thread;
    thread.effectsNoted = thread.context.effects.recorded;
    thread.context.session = session;
    thread.resp.resp3 = session.protocol === 3;
    this.executing = true;
    while (this.isRunning()) {
      const count = batch.decode(decoder, this.name);
      if (count === 0) break;
      batch.lookAhead(count);
      for (let i = 0; i < count; i++) {
        if (!this.isRunning()) {
          decoder.rewind(batch.requests[i].origin);
          break;
        }
        batch.recall(i);
        this.run(batch.commands[i], batch.requests[i]);
        batch.forget();
        if (session.held) {
          this.hold(batch.requests[i]);
          break;
        }
        if (out.length >= outputFlushBytes) this.flush();
      }
    }
    if (decoder.error !== "" && this.isRunning()) this.violate(decoder.error);
    decoder.release();
    this.flush();
    this.executing = false;
    if (this.mail !== null) this.sendMail();
    this.noteWrites();
    if (session.closing && !this.suspended) this.closeAfterOutput();
  }

  private isRunning(): boolean {
    return !this.suspended && !this.blocked && !this.session.closing;
  }

  private run(command: Command | undefined, request: Request): void {
    const { thread, session } = this;
    if (!this.isResp) thread.mscache.answersValue = command === opcodeCommands[opcode.GET - 1];
    const mark = thread.out.length;
    const isHeard = session.replyMode === "on";
    const reply = isHeard ? this.reply : this.mutedReply();
    thread.commandsProcessed++;
    if (command === undefined) this.refuseUnknown(request, reply);
    else if (session.transaction !== null && isQueued(command))
      enqueue(thread.context, command, request, reply);
    else if ((command.flags & thread.handedFlags) !== 0 && this.isForControl(command, request))
      this.handOver(command, request);
    else {
      session.lastCommand = command.name;
      execute(thread.context, command, request, reply);
    }
    if (session.replyMode !== "on" && !this.suspended && !session.held) {
      if (isHeard && session.replyMode === "off") thread.out.length = mark;
      this.skip();
    }
    if (this.mail !== null && this.mail.bytes > 0 && !this.handedOver) this.sendOwnMail();
  }

  /** Hands the gathered replies to the socket; what it does not take is kept. */
  private flush(): void {
    const out = this.thread.out;
    const length = out.length;
    if (length === 0) return;
    let taken = 0;
    if (this.backlog.bytes === 0 && !this.closed) {
      taken = Math.max(0, this.socket.write(out.bytes, 0, length));
    }
    this.thread.bytesSent += taken;
    if (taken < length) this.keepUnsent(taken);
    out.clear();
  }

  // ---- what replies need rarely ----------------------------------------------------------------

  private keepUnsent(taken: number): void {
    const out = this.thread.out;
    if (this.closed) return;
    this.backlog.keep(out, taken);
    if (this.backlog.bytes > outputHardBytesMax) {
      this.thread.log.warn(
        `client ${this.session.address} does not read its replies: disconnected`,
      );
      this.terminate();
    } else if (this.backlog.bytes >= outputPauseBytes) {
      this.blocked = true;
    }
  }

  /** After CLIENT REPLY OFF and SKIP: lets only through what is pushed. */
  private mutedReply(): Reply {
    const { session } = this;
    this.muted ??= new MutedReply(this.reply, () => session.replyMode !== "on");
    return this.muted;
  }

  /** CLIENT REPLY SKIP is about the next command, and then it is over. */
  private skip(): void {
    const { session } = this;
    if (session.replyMode === "skip-next") session.replyMode = "skip-this";
    else if (session.replyMode === "skip-this") session.replyMode = "on";
  }

  private refuseUnknown(request: Request, reply: Reply): void {
    const name = request.text(0).toLowerCase();
    if (name === "post" || name === "host:") {
      this.thread.log.warn(
        `client ${this.session.address} sent an HTTP request: closed, as it may be an attack ` +
          "through somebody's browser",
      );
      this.session.closing = true;
      return;
    }
    fail(this.session);
    reply.error(unknownCommand(request));
  }

  // ---- protocol --------------------------------------------------------------------------------

  private chooseProtocol(first: number): boolean {
    this.fresh = false;
    const detected = detect(first);
    if (detected === "resp") {
      this.decoder = new RespParser(this.session, true);
      return true;
    }
    if (detected === "mscache" && this.session.authenticated) {
      this.decoder = new MscacheParser(true);
      this.reply = this.thread.mscache;
      this.isResp = false;
      this.name = opcodeCommand;
      return true;
    }
    this.thread.log.warn(`client ${this.session.address} ${refusals[detected]}: closed`);
    this.terminate();
    return false;
  }

  private violate(text: string): void {
    this.thread.log.info(`client ${this.session.address} broke the protocol: ${text}: closed`);
    if (this.isResp) this.reply.error(new ErrorReply("ERR", text));
    this.session.closing = true;
  }

  /** What acts on the node; and writes so large that only the control thread can journal them. */
  private isForControl(command: Command, request: Request): boolean {
    const { flags } = command;
    if ((flags & (flag.CONTROL | flag.GLOBAL)) !== 0) return true;
    if ((flags & flag.TRANSACTION) !== 0) return this.isQueueForControl();
    return request.end[request.argc - 1] - request.start[0] > this.thread.writeBytesMax;
  }

  /** EXEC goes as a whole where one of its commands goes. */
  private isQueueForControl(): boolean {
    const { transaction } = this.session;
    if (transaction === null) return false;
    const handed = this.thread.handedFlags & (flag.CONTROL | flag.GLOBAL);
    return (transaction.flags & handed) !== 0 || transaction.bytes > this.thread.writeBytesMax;
  }

  // ---- mail of channels --------------------------------------------------------------------------

  /**
   * Keeps a message until sendMail(). What the connection publishes to itself comes before the answer, as in
   * Redis; but not in the middle of EXEC's, where nobody could tell it from an element.
   */
  deliver(message: EncodedMessage): void {
    if (this.closed) return;
    const isPublishing = this.executing && !this.handedOver && !this.session.isExecuting;
    if (isPublishing) return message.appendTo(this.thread.out);
    this.mail ??= new Mail();
    message.addTo(this.mail.messages);
    if (!this.mail.isOverdue(this.backlog.bytes, monotonicMs())) return;
    this.thread.log.warn(
      `subscriber ${this.session.address} does not read its messages: disconnected`,
    );
    this.terminate();
  }

  sendMail(): void {
    const { mail } = this;
    if (mail === null || mail.bytes === 0 || this.executing || this.handedOver) return;
    this.post(mail);
  }

  /** What an EXEC has published to its own connection. */
  private sendOwnMail(): void {
    this.flush();
    if (this.mail !== null) this.post(this.mail);
  }

  private post(mail: Mail): void {
    const isSending = this.backlog.bytes === 0;
    mail.messages.moveTo(this.backlog);
    if (isSending) this.drain();
  }

  /** True when nothing is left. */
  private drain(): boolean {
    const before = this.backlog.bytes;
    const isDone = this.backlog.drain(this.socket);
    if (!this.closed) this.thread.bytesSent += before - this.backlog.bytes;
    return isDone;
  }

  // ---- suspension ------------------------------------------------------------------------------

  /** A pause: the request is given back to the decoder, and tried again when the pause is over. */
  private hold(request: Request): void {
    this.session.held = false;
    this.suspended = true;
    this.thread.commandsProcessed--;
    this.decoder.rewind(request.origin);
    void this.thread.unpaused().then(() => {
      this.suspended = false;
      this.thread.turn(() => this.goOn(), this);
    });
  }

  /** Where the journal ends behind the writes of this connection, for WAIT. */
  private noteWrites(): void {
    const { thread } = this;
    const { effects } = thread.context;
    if (effects.recorded === thread.effectsNoted) return;
    thread.effectsNoted = effects.recorded;
    this.session.lastWriteOffset = effects.offset;
  }

  /** A command for the control thread: this connection waits for its answer before it goes on. */
  private handOver(command: Command, request: Request): void {
    this.suspended = true;
    this.handedOver = true;
    this.noteWrites();
    this.session.lastCommand = command.name;
    this.flush(); // a link that takes the connection over writes after what was answered before
    const answer = this.thread.mailbox.submit(this.session, command, request.copy(), this.isResp);
    const { subscriptions } = this.session;
    const isGroup = (command.flags & flag.TRANSACTION) !== 0;
    answer.then(
      (bytes) => this.wake(bytes, isGroup || this.session.subscriptions > subscriptions),
      (error) => this.thread.fail(error),
    );
  }

  /**
   * Messages that came meanwhile were published before the answer was made: they come before it, unless
   * it may confirm that they were subscribed to, or holds answers from before them.
   */
  private wake(answer: Uint8Array, isAnswerFirst: boolean): void {
    this.suspended = false;
    this.handedOver = false;
    if (this.closed) return this.thread.left(this.session);
    this.thread.turn(() => {
      if (!isAnswerFirst) this.sendMail();
      this.thread.out.appendAll(answer);
      this.skip();
      this.flush();
      this.sendMail();
      this.goOn();
    }, this);
  }

  /** Takes up the input that waited. */
  private goOn(): void {
    if (this.suspended || this.blocked || this.closed) return;
    if (this.paused) {
      this.paused = false;
      this.socket.resume();
    }
    if (this.link?.onData !== undefined) return;
    this.process();
  }

  private pauseIfFull(): void {
    if (this.paused || this.decoder.pendingBytes() < pausedInputBytesMax) return;
    this.paused = true;
    this.socket.pause();
  }

  // ---- the socket's other events ---------------------------------------------------------------

  onDrain(): void {
    if (!this.drain()) return;
    if (this.link !== null) {
      this.link.onDrain();
      return;
    }
    if (this.session.closing) {
      this.socket.end();
      return;
    }
    if (!this.blocked) return;
    this.blocked = false;
    this.thread.turn(() => this.goOn(), this);
  }

  onClose(): void {
    this.closed = true;
    this.backlog.clear();
    this.mail?.messages.clear();
    this.mail = null;
    this.link?.onClose();
    this.link = null;
    this.session.link = null;
  }

  // ---- control ---------------------------------------------------------------------------------

  /** From now on the link writes to the socket and hears of its events. */
  takeOver(link: Link): void {
    this.link = link;
    this.session.link = link;
  }

  /** For the link: hands bytes to the socket and returns how many it took. */
  write(bytes: Uint8Array): number {
    if (this.closed || this.backlog.bytes > 0) return 0;
    const taken = Math.max(0, this.socket.write(bytes));
    this.thread.bytesSent += taken;
    return taken;
  }

  /** For the link: ends the connection. */
  end(): void {
    this.close();
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress;
  }

  /** It waits for this node: in WAIT, held by a pause, or for the control thread. */
  get isWaiting(): boolean {
    return this.suspended;
  }

  /** A pause holds its command. */
  get isHeld(): boolean {
    return this.suspended && !this.handedOver;
  }

  get pendingInputBytes(): number {
    return this.decoder.pendingBytes();
  }

  get pendingOutputBytes(): number {
    return this.backlog.bytes + (this.mail?.bytes ?? 0);
  }

  /** Ends the connection once the present reply is out, and at once if it does not read its replies. */
  close(): void {
    if (this.backlog.bytes > 0) return this.terminate();
    this.session.closing = true;
    if (!this.suspended) this.closeAfterOutput();
  }

  private closeAfterOutput(): void {
    if (this.closed || this.backlog.bytes > 0) return; // onDrain ends it
    this.socket.end();
  }

  terminate(): void {
    this.session.closing = true;
    this.socket.terminate();
  }
}

const refusals = {
  mscache: "spoke the binary protocol, which has no way to log in, and a password is needed",
  "memcached-binary": "spoke memcached's retired binary protocol",
  tls: "sent a TLS hello to a plain port",
} as const;

function opcodeCommand(request: Request): Command {
  return opcodeCommands[request.buf[request.start[0]] - 1];
}
