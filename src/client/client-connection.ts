// One socket to one node: opens it, logs in with RESP3, sends requests and matches replies to them
// in order. It never reconnects and never chooses a node; its owner does both.
// Invariant: inFlight holds exactly the encoded requests without a reply, in the order of sending.
// Hot path: a microtask sends the requests of one turn in one write.
//
//   connecting -> open       HELLO was answered
//   open       -> retiring   retire(): accepts nothing more, finishes its requests, then closes
//   any        -> closed     the socket closed, the node stayed silent, or close()
//
// A request is encoded only when the socket can take it. So when the connection ends, the requests
// in `waiting` were certainly never sent and go back to the owner; those in `inFlight` may have
// been executed and are rejected.

import { formatPlace, type Place } from "../base/place.ts";
import { reasonOf, refusalOf } from "../base/reason.ts";
import { handshakeFault, tlsReason } from "../base/tls-link.ts";
import { PushReply, type Reply, ReplyError, ReplyParser } from "../protocol/resp/reply-parser.ts";
import {
  ClosedError,
  ConnectError,
  ConnectionLostError,
  type MSCacheError,
  ProtocolError,
  ServerError,
  TimeoutError,
} from "./client-errors.ts";
import type { Request } from "./client-request.ts";
import { CommandWriter } from "./command-writer.ts";
import type { Holder, Ledger } from "./ledger.ts";
import { Queue } from "./queue.ts";
import { greeting, text } from "./shapes.ts";

/** When this many bytes are encoded, they are written without waiting for the end of the turn. */
const flushBytes = 256 * 1024;
/** After this idle time the kernel sends the first TCP keepalive probe. */
const keepAliveMs = 60_000;

/** Handles what a connection cannot settle by itself. */
export interface ConnectionOwner {
  /** The open connection was lost. The requests in `unsent` never left this process. */
  lost(connection: Connection, cause: MSCacheError, unsent: Queue<Request>): void;
  /** The node is a follower and did not execute this write. */
  refused(connection: Connection, request: Request): void;
}

type State = "connecting" | "open" | "retiring" | "closed";

export class Connection implements Holder {
  /** The node, as "host:port". */
  readonly address: string;
  private readonly ledger: Ledger;
  private readonly owner: ConnectionOwner;
  private readonly parser = new ReplyParser();
  private readonly writer = new CommandWriter();
  private waiting = new Queue<Request>();
  private readonly inFlight = new Queue<Request>();
  private readonly flush = (): void => this.flushNow();
  private readonly opened = Promise.withResolvers<void>();
  private socket: Bun.Socket<Connection> | null = null;
  private state: State = "connecting";
  /** Why it is closed; null before that. */
  private ended: MSCacheError | null = null;
  /** Whether a microtask will flush. */
  private scheduled = false;
  /** Whether the socket buffer is full, so that a drain event will follow. */
  private blocked = false;
  /** The tick at which the last bytes arrived. */
  private heard: number;
  /** Whether the node said in its reply to HELLO that it is a leader. */
  saidLeader = false;

  private constructor(place: Place, ledger: Ledger, owner: ConnectionOwner) {
    this.address = formatPlace(place);
    this.ledger = ledger;
    this.owner = owner;
    this.heard = ledger.tick;
    ledger.holders.add(this);
  }

  /** Connects and logs in. Rejects with ConnectError on failure or after connectTimeoutMs. */
  static async open(place: Place, ledger: Ledger, owner: ConnectionOwner): Promise<Connection> {
    if (ledger.isClosed) throw new ClosedError();
    const connection = new Connection(place, ledger, owner);
    const { connectTimeoutMs } = ledger.settings;
    const timer = setTimeout(
      () => connection.end(connection.connectError(`no reply within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    try {
      await connection.dial(place);
      await connection.greet();
      return connection;
    } catch (cause) {
      const error = connection.connectError(reasonOf(cause), cause);
      connection.end(error);
      throw cause instanceof ConnectError || cause instanceof ClosedError ? cause : error;
    } finally {
      clearTimeout(timer);
    }
  }

  get isOpen(): boolean {
    return this.state === "open";
  }

  /** Sends the request at the end of this turn. The connection must not be closed. */
  send(request: Request): void {
    this.waiting.push(request);
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(this.flush);
  }

  /** Finishes the requests that it has, then closes without a call to its owner. */
  retire(): void {
    if (this.state !== "open") return;
    this.state = "retiring";
    this.closeIfFinished();
  }

  close(): void {
    this.end(new ClosedError());
  }

  expire(): void {
    if (this.state === "connecting") return; // connectTimeoutMs applies
    const { requestTimeoutMs } = this.ledger.settings;
    let overdue = false;
    this.inFlight.forEach((request) => {
      if (!this.ledger.isOverdue(request.born)) return;
      overdue = true;
      // It keeps its place: a late reply must not be matched to the next request.
      if (!request.settled) request.fail(new TimeoutError(requestTimeoutMs, true));
    });
    this.waiting.removeIf((request) => {
      if (!this.ledger.isOverdue(request.born)) return false;
      this.ledger.drop(request, new TimeoutError(requestTimeoutMs, false));
      return true;
    });
    // A slow node still sends something now and then. A node that sends nothing is considered dead.
    if (overdue && this.ledger.isOverdue(this.heard)) {
      this.end(new ConnectionLostError(this.address, `silent for ${requestTimeoutMs} ms`));
    }
  }

  // ---- opening ---------------------------------------------------------------------------------

  private static readonly handlers: Bun.SocketHandler<Connection> = {
    binaryType: "buffer",
    open: (socket) => socket.data.attach(socket),
    data: (socket, chunk) => socket.data.receive(chunk),
    drain: (socket) => socket.data.drained(),
    close: (socket, error) => socket.data.lose("the node closed it", error),
    error: (socket, error) => socket.data.lose(reasonOf(error), error),
  };

  /** By TLS the connection is open when the node has shown a certificate that is trusted. */
  private static readonly tlsHandlers: Bun.SocketHandler<Connection> = {
    ...Connection.handlers,
    open: (socket) => void socket.data.take(socket),
    handshake: (socket, _, fault) => socket.data.shaken(socket, fault),
    close: (socket, error) => socket.data.lose(socket.data.closedReason, error),
    error: (socket, error) => socket.data.lose(`TLS: ${tlsReason(error)}`, error),
  };

  private get closedReason(): string {
    return this.state === "connecting"
      ? "the node closed it: is this its port for TLS, and must clients show a certificate?"
      : "the node closed it";
  }

  /**
   * Bun.connect throws synchronously on an invalid host or port; that rejects the promise as well.
   */
  private dial({ host, port, unixPath }: Place): Promise<void> {
    const { reject } = this.opened;
    const { tls } = this.ledger.settings;
    const socket = tls === null ? Connection.handlers : Connection.tlsHandlers;
    const where = { hostname: host, port, ...(tls !== null && { tls }) };
    const dialled = () =>
      unixPath === undefined
        ? Bun.connect({ ...where, data: this, socket })
        : Bun.connect({ unix: unixPath, data: this, socket });
    Promise.try(dialled).catch(reject);
    return this.opened.promise;
  }

  private attach(socket: Bun.Socket<Connection>): void {
    if (this.take(socket)) this.opened.resolve();
  }

  /** False: the attempt timed out before the socket opened. */
  private take(socket: Bun.Socket<Connection>): boolean {
    if (this.state === "closed") {
      socket.terminate();
      return false;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    this.socket = socket;
    return true;
  }

  private shaken(socket: Bun.Socket<Connection>, fault: Error | null): void {
    const { tls } = this.ledger.settings;
    const reason = tls === null ? null : handshakeFault(socket, fault, tls);
    if (reason === null) this.opened.resolve();
    else this.end(this.connectError(`TLS: ${reason}`, fault));
  }

  private async greet(): Promise<void> {
    const { login, database } = this.ledger.settings;
    const auth = login === null ? [] : ["AUTH", login.username, login.password];
    const hello = this.ledger.createOwn(["HELLO", 3, ...auth], greeting);
    this.send(hello);
    const select = database === 0 ? null : this.ledger.createOwn(["SELECT", database], text);
    if (select !== null) this.send(select);
    // Both may fail together, and the first says why.
    await Promise.all([hello.promise, select?.promise]).catch((cause) => {
      if (!(cause instanceof ServerError)) throw cause;
      throw new ServerError(cause.serverCode, refusalOf(cause.message, login?.password ?? ""));
    });
    this.saidLeader = (await hello.promise).isLeader;
    // Bytes right after the reply to HELLO may have ended the connection before this line runs.
    if (this.ended !== null) throw this.ended;
    this.state = "open";
  }

  private connectError(reason: string, cause?: unknown): ConnectError {
    return new ConnectError(this.address, reason, cause);
  }

  // ---- sending ---------------------------------------------------------------------------------

  private flushNow(): void {
    this.scheduled = false;
    const writer = this.writer;
    const waiting = this.waiting;
    while (!this.blocked && waiting.length > 0) {
      for (let request = waiting.shift(); request !== undefined; request = waiting.shift()) {
        writer.write(request.command);
        this.inFlight.push(request);
        if (writer.length >= flushBytes) break;
      }
      this.writeOut();
    }
  }

  /** Writes the encoded bytes. What the socket does not take stays in the writer. */
  private writeOut(): void {
    const writer = this.writer;
    const taken = this.socket?.write(writer.buffer, writer.start, writer.length) ?? 0;
    this.blocked = taken < writer.length;
    if (taken > 0) writer.taken(taken);
  }

  private drained(): void {
    this.blocked = false;
    if (this.writer.length > 0) this.writeOut();
    if (!this.blocked) this.flushNow();
  }

  // ---- receiving -------------------------------------------------------------------------------

  private receive(chunk: Uint8Array): void {
    this.heard = this.ledger.tick;
    try {
      this.parser.feed(chunk);
      this.readReplies();
    } catch (cause) {
      this.end(new ProtocolError(`${this.address} sent ${reasonOf(cause)}`, cause));
      return;
    }
    if (this.state === "retiring") this.closeIfFinished();
  }

  private readReplies(): void {
    const parser = this.parser;
    const inFlight = this.inFlight;
    for (;;) {
      const request = inFlight.peek();
      const reply = parser.next(request?.shape.asBytes === true);
      if (reply === undefined) return;
      if (reply instanceof PushReply) continue; // the client never subscribes
      if (request === undefined) throw new ProtocolError("a reply without a request");
      inFlight.shift();
      this.deliver(request, reply);
    }
  }

  private deliver(request: Request, reply: Reply): void {
    if (request.isWrite && reply instanceof ReplyError && reply.code === "READONLY") {
      if (!request.settled) {
        this.owner.refused(this, request);
        return;
      }
    }
    request.answer(reply);
    this.ledger.release(request);
  }

  // ---- ending ----------------------------------------------------------------------------------

  private lose(reason: string, cause?: Error): void {
    this.end(new ConnectionLostError(this.address, reason, cause));
  }

  private closeIfFinished(): void {
    if (this.inFlight.length === 0 && this.waiting.length === 0) this.close();
  }

  /**
   * Ends the connection, once. Rejects requests in flight; returns those never sent to the owner.
   */
  private end(cause: MSCacheError): void {
    const before = this.state;
    if (before === "closed") return;
    this.state = "closed";
    this.ended = cause;
    this.ledger.holders.delete(this);
    this.socket?.terminate();
    this.opened.reject(cause);
    const unsent = this.waiting;
    this.waiting = new Queue();
    rejectAll(this.ledger, this.inFlight, cause);
    if (cause instanceof ClosedError || before === "connecting") {
      rejectAll(this.ledger, unsent, cause);
    } else {
      this.owner.lost(this, cause, unsent);
    }
  }
}

/** Empties the queue and rejects its requests. */
export function rejectAll(ledger: Ledger, requests: Queue<Request>, error: MSCacheError): void {
  for (let request = requests.shift(); request !== undefined; request = requests.shift()) {
    ledger.drop(request, error);
  }
}
