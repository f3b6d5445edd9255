// One socket to one server for `mscache cli`: requests out, replies in, as they come. It does not
// match replies to requests, logs nobody in and never reconnects; prompt-session.ts does.
// Invariant: while nobody waits for a reply, at most about unreadBytesMax of them are in memory;
// what more the server sends stays in its own buffer.

import type { Socket } from "bun";
import { formatPlace, type Place } from "../../base/place.ts";
import { reasonOf } from "../../base/reason.ts";
import { type ConnectTls, handshakeFault, tlsReason } from "../../base/tls-link.ts";
import { type Tree, TreeReader } from "./reply-tree.ts";

export interface Target extends Place {
  readonly tls?: ConnectTls | undefined;
}

/** No connection, or no longer: the message says why, in a sentence without an end. */
export class WireError extends Error {
  override readonly name = "WireError";
}

const connectTimeoutMs = 10_000;
const unreadBytesMax = 1024 * 1024;
const closedReason = "Server closed the connection";
/** After this idle time the kernel sends the first TCP keepalive probe. */
const keepAliveMs = 15_000;

export class ReplyWire {
  readonly target: Target;
  /** Called when bytes have arrived for which nobody waits, and when the connection is lost. */
  onNews: (() => void) | null = null;
  private socket: Socket<undefined> | null = null;
  private readonly reader = new TreeReader();
  /** What the socket has not taken. */
  private unsent: Uint8Array[] = [];
  private unsentCount = 0;
  private isPaused = false;
  /** Why it is closed. */
  private ended: WireError | null = null;
  private readonly opened = Promise.withResolvers<void>();
  private news = Promise.withResolvers<void>();
  private isAwaited = false;

  private constructor(target: Target) {
    this.target = target;
  }

  /** Rejects with a WireError. */
  static async open(target: Target, signal?: AbortSignal): Promise<ReplyWire> {
    const wire = new ReplyWire(target);
    const timer = setTimeout(() => wire.end("no answer within 10 s"), connectTimeoutMs);
    const abort = () => wire.end("interrupted");
    signal?.addEventListener("abort", abort, { once: true });
    try {
      Promise.try(() => wire.dial()).catch((error) => wire.end(reasonOf(error)));
      await wire.opened.promise;
      return wire;
    } catch (error) {
      throw new WireError(`Could not connect to ${formatPlace(target)}: ${reasonOf(error)}`);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  get isOpen(): boolean {
    return this.ended === null;
  }

  get unsentBytes(): number {
    return this.unsentCount;
  }

  send(bytes: Uint8Array): void {
    if (this.socket === null || this.ended !== null) return;
    const taken = this.unsentCount > 0 ? 0 : Math.max(0, this.socket.write(bytes));
    if (taken === bytes.length) return;
    this.unsent.push(bytes.subarray(taken));
    this.unsentCount += bytes.length - taken;
  }

  /** A reply that is there; undefined if there is none. Throws a TreeFormatError. */
  take(): Tree | undefined {
    return this.reader.next();
  }

  /** Resolves when more has arrived or been sent. Rejects with a WireError when it is lost. */
  async more(signal?: AbortSignal): Promise<void> {
    if (this.ended !== null) throw this.ended;
    this.isAwaited = true;
    this.resume();
    try {
      await (signal === undefined ? this.news.promise : aborted(this.news.promise, signal));
    } finally {
      this.isAwaited = false;
    }
  }

  /** The next reply. Rejects with a WireError when the connection is lost or given up. */
  async reply(signal?: AbortSignal): Promise<Tree> {
    for (;;) {
      const tree = this.take();
      if (tree !== undefined) return tree;
      if (signal?.aborted) throw new WireError("interrupted");
      await this.more(signal);
    }
  }

  close(): void {
    this.onNews = null;
    this.end("closed");
  }

  // ---- the socket ------------------------------------------------------------------------------

  private dial(): Promise<Socket<undefined>> {
    const { host: hostname, port, unixPath, tls } = this.target;
    const socket: Bun.SocketHandler<undefined> = {
      open: (opened) => this.attach(opened),
      data: (_, chunk) => this.receive(chunk),
      drain: () => this.drained(),
      close: (_, error) => this.end(error ? reasonOf(error) : closedReason),
      error: (_, error) => this.end(reasonOf(error)),
    };
    if (unixPath !== undefined) return Bun.connect({ unix: unixPath, socket });
    if (tls === undefined) return Bun.connect({ hostname, port, socket });
    const handshake = (_: unknown, __: boolean, fault: Error | null) => this.shaken(fault);
    const error = (_: unknown, fault: Error) => this.end(`TLS: ${tlsReason(fault)}`);
    return Bun.connect({ hostname, port, tls, socket: { ...socket, handshake, error } });
  }

  private attach(socket: Socket<undefined>): void {
    if (this.ended !== null) return void socket.terminate();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    this.socket = socket;
    if (this.target.tls === undefined) this.opened.resolve();
  }

  private shaken(fault: Error | null): void {
    const { socket } = this;
    const { tls } = this.target;
    if (socket === null || tls === undefined) return;
    const reason = handshakeFault(socket, fault, tls);
    if (reason === null) this.opened.resolve();
    else this.end(`TLS: ${reason}`);
  }

  private receive(chunk: Uint8Array): void {
    this.reader.feed(chunk);
    this.tell();
    if (this.isAwaited || this.reader.waitingBytes <= unreadBytesMax) return;
    this.isPaused = true;
    this.socket?.pause();
  }

  private resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.socket?.resume();
  }

  private drained(): void {
    while (this.unsent.length > 0) {
      const [first] = this.unsent as [Uint8Array];
      const taken = Math.max(0, this.socket?.write(first) ?? 0);
      this.unsentCount -= taken;
      if (taken < first.length) {
        this.unsent[0] = first.subarray(taken);
        return;
      }
      this.unsent.shift();
    }
    this.tell();
  }

  private tell(): void {
    const isAwaited = this.isAwaited;
    this.isAwaited = false;
    this.news.resolve();
    this.news = Promise.withResolvers();
    if (!isAwaited) this.onNews?.();
  }

  private end(reason: string): void {
    if (this.ended !== null) return;
    this.ended = new WireError(reason);
    this.opened.promise.catch(() => {}); // open() may have resolved long ago
    this.opened.reject(this.ended);
    this.news.promise.catch(() => {}); // perhaps nobody waits
    this.news.reject(this.ended);
    this.socket?.terminate();
    this.onNews?.();
  }
}

/** What the promise says, unless the signal comes first. */
function aborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new WireError("interrupted"));
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
