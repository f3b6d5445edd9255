// One connection to a server of ours, Redis or Valkey, over which data are moved: it opens, logs
// in, sends commands and hands each reply to its caller, in order; or it hands over raw bytes,
// after SYNC. It never reconnects: whoever moves data must know that a link broke.
// Invariants: replies are matched in the order of sending; after the end every question rejects
// with the same MoveError; a server that owes something and is silent for `silenceMsMax` is given
// up.

import type { Socket } from "bun";
import { monotonicMs } from "../base/clock.ts";
import { formatPlace, type Place } from "../base/place.ts";
import { reasonOf, refusalOf } from "../base/reason.ts";
import { handshakeFault, tlsReason } from "../base/tls-link.ts";
import type { Settings } from "../client/client-options.ts";
import { Queue } from "../client/link/queue.ts";
import { type Command, CommandWriter } from "../client/wire/command-writer.ts";
import { type Reply, ReplyError, ReplyParser } from "../protocol/resp/reply-parser.ts";
import { MoveError } from "./move-error.ts";

/** Whom to connect to, as whom, by TLS or not. */
export type Target = Pick<Settings, "tls" | "login" | "database"> & { readonly place: Place };

type Taker = (reply: Reply) => void;

const connectMsMax = 10_000;
const silenceMsMax = 60_000;
const watchMs = 1_000;
/** What may be unanswered before room() waits. */
const unansweredMax = 16_384;
const unsentBytesMax = 4 * 1024 * 1024;
/** So much is encoded before it is written. */
const flushBytes = 64 * 1024;

export class ServerLink implements AsyncDisposable {
  /** "host:port", for messages. */
  readonly name: string;
  private readonly target: Target;
  private readonly writer = new CommandWriter();
  private readonly parser = new ReplyParser();
  private readonly takers = new Queue<Taker>();
  private readonly opened = Promise.withResolvers<void>();
  /** Who waits, to be told of the end. */
  private readonly waiting = new Set<(error: MoveError) => void>();
  private readonly watch: Timer;
  private socket: Socket<undefined> | null = null;
  private error: MoveError | null = null;
  private roomMade: PromiseWithResolvers<void> | null = null;
  private raw: ((chunk: Uint8Array) => void) | null = null;
  private isPaused = false;
  /** Whether the socket has not taken all that it was given: it will say when it takes more. */
  private isBlocked = false;
  private heardMs = monotonicMs();

  private constructor(target: Target) {
    this.target = target;
    this.name = formatPlace(target.place);
    this.watch = setInterval(() => this.look(), watchMs);
  }

  /** Connects, logs in and selects the target's database. Rejects with a MoveError. */
  static async open(target: Target): Promise<ServerLink> {
    const link = new ServerLink(target);
    const late = () => link.end(`it did not answer within ${connectMsMax / 1000} seconds`);
    const timer = setTimeout(late, connectMsMax);
    try {
      link.dial();
      await link.until(link.opened.promise);
      await link.greet();
      return link;
    } catch (error) {
      await link[Symbol.asyncDispose]();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get isOpen(): boolean {
    return this.error === null;
  }

  /** Sends a command and returns its reply, which may be a ReplyError. */
  async ask(...command: Command): Promise<Reply> {
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.send(command, resolve);
    this.flush();
    return await this.until(promise);
  }

  /** As ask(), but an error reply is a MoveError: "server answered COMMAND with ...". */
  async demand(...command: Command): Promise<Reply> {
    const reply = await this.ask(...command);
    if (!(reply instanceof ReplyError)) return reply;
    throw new MoveError(`${this.name} answered ${command[0]} with: ${reply.text}`);
  }

  /** As demand(), for a reply that is text. */
  async text(...command: Command): Promise<string> {
    const reply = await this.demand(...command);
    return reply instanceof Uint8Array ? Buffer.from(reply).toString() : String(reply);
  }

  /** Sends a command in a pipeline: its bytes are copied. Who sends many awaits room(). */
  send(command: Command, taker: Taker): void {
    this.compose(taker).write(command);
  }

  /** As send(), but the caller writes the command, one and whole, before it does anything else. */
  compose(taker: Taker): CommandWriter {
    if (this.error !== null) throw this.error;
    if (this.writer.length >= flushBytes && !this.isBlocked) this.flush();
    this.takers.push(taker);
    return this.writer;
  }

  /** Resolves when more may be sent. Rejects if the link has ended. */
  async room(): Promise<void> {
    this.flush();
    if (this.hasRoom && this.error === null) return;
    this.roomMade ??= Promise.withResolvers();
    await this.until(this.roomMade.promise);
  }

  /** Resolves when everything was answered. */
  async settled(): Promise<void> {
    if (this.takers.length > 0) await this.ask("PING");
  }

  /** From now on `raw` gets all bytes. Send the command that asks for them after this call. */
  receiveRaw(raw: (chunk: Uint8Array) => void, command: Command): void {
    this.raw = raw;
    this.writer.write(command);
    this.flush();
  }

  /** Stops and resumes reading; what was read before may still be handed on. */
  setPaused(isPaused: boolean): void {
    if (isPaused === this.isPaused) return;
    this.isPaused = isPaused;
    this.heardMs = monotonicMs();
    if (isPaused) this.socket?.pause();
    else this.socket?.resume();
  }

  /** The promise, or the end of the link if that comes first. */
  async until<T>(promise: Promise<T>): Promise<T> {
    if (this.error !== null) throw this.error;
    const { promise: ended, reject } = Promise.withResolvers<never>();
    this.waiting.add(reject);
    try {
      return await Promise.race([promise, ended]);
    } finally {
      this.waiting.delete(reject);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end("it was closed");
  }

  // ---- opening ----------------------------------------------------------------------------------

  private dial(): void {
    const { place, tls } = this.target;
    const socket = tls === null ? this.handlers() : this.tlsHandlers();
    const { host: hostname, port, unixPath } = place;
    const dialled = () =>
      unixPath === undefined
        ? Bun.connect({ hostname, port, socket, ...(tls !== null && { tls }) })
        : Bun.connect({ unix: unixPath, socket });
    Promise.try(dialled).catch((error) => this.end(reasonOf(error)));
  }

  private handlers(): Bun.SocketHandler<undefined> {
    return {
      open: (socket) => this.attach(socket),
      data: (_, chunk) => this.received(chunk),
      drain: () => this.drained(),
      error: (_, error) => void this.end(reasonOf(error)),
      close: () => void this.end("it closed the connection"),
    };
  }

  private tlsHandlers(): Bun.SocketHandler<undefined> {
    return {
      ...this.handlers(),
      open: () => undefined,
      handshake: (socket, _, fault) => {
        const { tls } = this.target;
        const reason = tls === null ? null : handshakeFault(socket, fault, tls);
        if (reason === null) this.attach(socket);
        else this.end(`TLS: ${reason}`);
      },
      error: (_, error) => void this.end(`TLS: ${tlsReason(error)}`),
    };
  }

  private attach(socket: Socket<undefined>): void {
    if (this.error !== null) return void socket.terminate();
    socket.setNoDelay(true);
    this.socket = socket;
    this.opened.resolve();
  }

  private async greet(): Promise<void> {
    const { login, database } = this.target;
    if (login !== null) {
      const words = login.username === "default" ? [] : [login.username];
      const reply = await this.ask("AUTH", ...words, login.password);
      if (reply instanceof ReplyError) this.refuse(refusalOf(reply.text, login.password));
    }
    // Database 0 is there, and not every user may select. PING tells only whether to log in.
    const command = database === 0 ? ["PING"] : ["SELECT", database];
    const reply = await this.ask(...command);
    if (!(reply instanceof ReplyError)) return;
    if (reply.code === "NOAUTH") this.refuse("it requires a password; the URL may have it");
    if (database > 0) this.refuse(`it answered SELECT ${database} with: ${reply.text}`);
  }

  private refuse(reason: string): never {
    throw this.end(reason);
  }

  // ---- moving bytes -----------------------------------------------------------------------------

  private get hasRoom(): boolean {
    return this.takers.length < unansweredMax && this.writer.length < unsentBytesMax;
  }

  private flush(): void {
    const { socket, writer } = this;
    if (socket === null || writer.length === 0) return;
    const taken = Math.max(0, socket.write(writer.buffer, writer.start, writer.length));
    this.isBlocked = taken < writer.length;
    if (taken === 0) return;
    this.heardMs = monotonicMs(); // it takes what it is sent
    writer.taken(taken);
    this.tellRoom();
  }

  private drained(): void {
    this.isBlocked = false;
    this.flush();
  }

  private received(chunk: Uint8Array): void {
    this.heardMs = monotonicMs();
    if (this.error !== null) return;
    try {
      if (this.raw === null) this.readReplies(chunk);
      else this.raw(chunk);
    } catch (error) {
      if (error instanceof MoveError) this.endWith(error);
      else this.end(`it broke the protocol: ${reasonOf(error)}`);
    }
    this.tellRoom();
  }

  private readReplies(chunk: Uint8Array): void {
    this.parser.feed(chunk);
    for (let reply = this.next(); reply !== undefined; reply = this.next()) {
      const taker = this.takers.shift();
      if (taker === undefined) return void this.end("it sent a reply that nobody asked for");
      taker(reply);
    }
  }

  private next(): Reply | undefined {
    return this.parser.next(true);
  }

  private tellRoom(): void {
    if (this.roomMade === null || !this.hasRoom) return;
    this.roomMade.resolve();
    this.roomMade = null;
  }

  private look(): void {
    const owes = this.takers.length > 0 || (this.raw !== null && !this.isPaused);
    if (!owes) this.heardMs = monotonicMs();
    else if (monotonicMs() - this.heardMs > silenceMsMax) {
      this.end(`it was silent for ${silenceMsMax / 1000} seconds`);
    }
  }

  private end(reason: string): MoveError {
    return this.endWith(new MoveError(`${this.name}: ${reason}`));
  }

  private endWith(error: MoveError): MoveError {
    if (this.error !== null) return this.error;
    this.error = error;
    clearInterval(this.watch);
    this.socket?.terminate();
    for (const reject of this.waiting) reject(error);
    return error;
  }
}
