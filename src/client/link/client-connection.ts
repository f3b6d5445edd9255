// One socket to one node: opens it, logs in with RESP3, sends requests and matches replies to them
// in order. It never reconnects and never chooses a node; its owner does both.
// Invariant: inFlight holds exactly the encoded requests without a reply, in the order of sending.
// Hot path: a microtask sends the requests of one turn in one write; of many, in several.
//
//   connecting -> open       HELLO was answered
//   open       -> retiring   retire(): accepts nothing more, finishes its requests, then closes
//   any        -> closed     the socket closed, the node stayed silent, or close()
//
// A request is encoded only when the socket can take it. So when the connection ends, the requests
// in `waiting` were certainly never sent and go back to the owner; those in `inFlight` may have
// been executed. Reads among them go back, too, unless they have gone back too often; writes are
// rejected.
//
// The first transaction of a connection sends MULTI alone and waits for its reply: if the node
// refuses it (NOPERM), the commands behind it would be executed one by one. Nothing else is sent
// meanwhile, so requests keep their order. Later transactions are sent at once.

import { formatPlace, type Place } from "../../base/place.ts";
import { reasonOf, refusalOf } from "../../base/reason.ts";
import { handshakeFault, tlsReason } from "../../base/tls-link.ts";
import {
  PushReply,
  type Reply,
  ReplyError,
  ReplyParser,
} from "../../protocol/resp/reply-parser.ts";
import {
  ClosedError,
  ConnectError,
  ConnectionLostError,
  type MSCacheError,
  ProtocolError,
  ServerError,
} from "../client-errors.ts";
import type { Settings } from "../client-options.ts";
import type { Request } from "../wire/client-request.ts";
import type { Batch } from "../wire/command-batch.ts";
import { CommandWriter, charactersOf } from "../wire/command-writer.ts";
import { greeting, text } from "../wire/shapes.ts";
import type { Holder, Ledger } from "./ledger.ts";
import { Queue } from "./queue.ts";

/** When this many bytes are encoded, they are written without waiting for the end of the turn. */
const flushBytes = 256 * 1024;
/** As soon as so many requests wait, they are written: the node executes them meanwhile. */
const flushRequests = 128;
/** After this idle time the kernel sends the first TCP keepalive probe. */
const keepAliveMs = 60_000;
const MiB = 1024 * 1024;
/** A node that closes while it receives as much may have found it too much. */
const suspiciousCharacters = MiB;

/** Handles what a connection cannot settle by itself. */
export interface ConnectionOwner {
  /**
   * The open connection was lost. The writes in `unsent` never left this process; reads may have.
   */
  lost(connection: Connection, cause: MSCacheError, unsent: Queue<Request>): void;
  /** The node is a follower and did not execute this write. */
  refused(connection: Connection, request: Request): void;
  /** The node did not execute the request: it is not ready. An owner without this lets it fail. */
  postponed?(connection: Connection, request: Request, refusal: ReplyError): void;
  /** A push that answers no request, such as an invalidation. Its values are bytes. */
  pushed?(connection: Connection, items: readonly Reply[]): void;
}

/** Who the client is to a node, and which database it wants. */
export type Identity = Pick<Settings, "login" | "database">;

type State = "connecting" | "open" | "retiring" | "closed";

export class Connection implements Holder {
  /** The node, as "host:port". */
  readonly address: string;
  readonly place: Place;
  private readonly ledger: Ledger;
  private readonly owner: ConnectionOwner;
  private readonly identity: Identity;
  private readonly parser = new ReplyParser({}, true);
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
  /** Whether the node has accepted a MULTI. */
  private acceptsMulti = false;
  /** Whether MULTI was sent and the rest of its transaction waits for the reply. */
  private beginning = false;
  /** The tick at which the last bytes arrived. */
  private heard: number;
  /** Whether the node said in its reply to HELLO that it is a leader. */
  saidLeader = false;
  /** Whether it said that it is a Sentinel. */
  saidSentinel = false;

  private constructor(place: Place, ledger: Ledger, owner: ConnectionOwner, identity: Identity) {
    this.address = formatPlace(place);
    this.place = place;
    this.ledger = ledger;
    this.owner = owner;
    this.identity = identity;
    this.heard = ledger.tick;
    ledger.holders.add(this);
  }

  /** Connects and logs in. Rejects with ConnectError on failure or after connectTimeoutMs. */
  static async open(
    place: Place,
    ledger: Ledger,
    owner: ConnectionOwner,
    identity: Identity = ledger.settings,
  ): Promise<Connection> {
    if (ledger.isClosed) throw new ClosedError();
    const connection = new Connection(place, ledger, owner, identity);
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
    if (!this.scheduled) {
      this.scheduled = true;
      queueMicrotask(this.flush);
    } else if (this.waiting.length >= flushRequests) {
      this.flushWaiting();
    }
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
    let overdue = false;
    this.inFlight.forEach((request) => {
      if (!this.ledger.isOverdue(request.born)) return;
      overdue = true;
      // It keeps its place: a late reply must not be matched to the next request.
      if (request.settled) return;
      this.ledger.abandon(request, this.ledger.overdue(request));
    });
    this.ledger.dropOverdue(this.waiting);
    // A slow node still sends something now and then. A node that sends nothing is considered dead.
    if (overdue && this.ledger.isOverdue(this.heard)) {
      const { requestTimeoutMs } = this.ledger.settings;
      this.end(new ConnectionLostError(this.address, `silent for ${requestTimeoutMs} ms`));
    }
  }

  // ---- opening ---------------------------------------------------------------------------------

  private static readonly handlers: Bun.SocketHandler<Connection> = {
    binaryType: "buffer",
    open: (socket) => socket.data.attach(socket),
    data: (socket, chunk) => socket.data.receive(chunk),
    drain: (socket) => socket.data.drained(),
    close: (socket, error) => socket.data.lose(socket.data.closedReason, error),
    error: (socket, error) => socket.data.lose(reasonOf(error), error),
  };

  /** By TLS the connection is open when the node has shown a certificate that is trusted. */
  private static readonly tlsHandlers: Bun.SocketHandler<Connection> = {
    ...Connection.handlers,
    open: (socket) => void socket.data.take(socket),
    handshake: (socket, _, fault) => socket.data.shaken(socket, fault),
    error: (socket, error) => socket.data.lose(`TLS: ${tlsReason(error)}`, error),
  };

  private get closedReason(): string {
    if (this.state === "connecting" && this.ledger.settings.tls !== null) {
      return "the node closed it: is this its port for TLS, and must clients show a certificate?";
    }
    let most = 0;
    this.inFlight.forEach(({ command }) => {
      most = Math.max(most, charactersOf(command));
    });
    if (most < suspiciousCharacters) return "the node closed it";
    const size = `${Math.round(most / MiB)} MB`;
    return `the node closed it: is a request of ${size} more than its --max-client-memory allows?`;
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
    const { login, database } = this.identity;
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
    const { isLeader, isSentinel } = await hello.promise;
    this.saidLeader = isLeader;
    this.saidSentinel = isSentinel;
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
    this.flushWaiting();
  }

  private flushWaiting(): void {
    const writer = this.writer;
    const waiting = this.waiting;
    while (!this.blocked && !this.beginning && waiting.length > 0) {
      for (let request = waiting.shift(); request !== undefined; request = waiting.shift()) {
        if (request.settled) {
          this.ledger.release(request); // it has failed where it waited
          continue;
        }
        request.wasSent();
        if (request.batch === null) writer.write(request.command);
        else this.begin(request.batch);
        this.inFlight.push(request);
        if (writer.length >= flushBytes || this.beginning) break;
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

  /** Encodes a transaction, or its MULTI if nobody knows what the node says to that. */
  private begin(batch: Batch): void {
    batch.restart();
    this.beginning = !this.acceptsMulti;
    const count = this.beginning ? 1 : batch.commands.length;
    for (const command of batch.commands.slice(0, count)) this.writer.write(command);
  }

  /** Takes a reply to a command of a transaction. Whether nothing more follows. */
  private complete(batch: Batch, reply: Reply): boolean {
    const isLast = batch.completes(reply);
    this.acceptsMulti = batch.isBegun;
    if (!this.beginning) return isLast;
    this.beginning = false;
    if (batch.isBegun) for (const command of batch.commands.slice(1)) this.writer.write(command);
    this.drained();
    return !batch.isBegun;
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
      this.end(new ProtocolError(`${this.address} broke the protocol: ${reasonOf(cause)}`, cause));
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
      if (reply instanceof PushReply) {
        if (request?.isAnsweredBy(reply)) this.settle(request, null);
        else this.owner.pushed?.(this, reply.items);
        continue;
      }
      if (request === undefined) throw new ProtocolError("a reply without a request");
      const { batch } = request;
      if (batch !== null && !this.complete(batch, reply)) continue;
      inFlight.shift();
      this.deliver(request, batch === null ? reply : batch.outcome);
    }
  }

  private settle(request: Request, reply: Reply): void {
    this.inFlight.shift();
    request.answer(reply);
    this.ledger.release(request);
  }

  private deliver(request: Request, reply: Reply): void {
    if (reply instanceof ReplyError && !request.settled && request.counts) {
      if (request.isWrite && reply.code === "READONLY") {
        this.owner.refused(this, request);
        return;
      }
      if (this.owner.postponed && notReady.has(reply.code) && this.ledger.settings.retries > 0) {
        this.owner.postponed(this, request, reply);
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
    let isAwaited = this.waiting.length > 0;
    this.inFlight.forEach((request) => {
      if (!request.settled) isAwaited = true; // nobody misses the reply to one that has failed
    });
    if (!isAwaited) this.close();
  }

  /** What goes back to the owner: the reads in flight, then whatever was not sent. */
  private takeBack(cause: MSCacheError): Queue<Request> {
    const waiting = this.waiting;
    this.waiting = new Queue();
    // After bytes that are not a reply, the same request might get them again.
    if (!(cause instanceof ConnectionLostError)) return waiting;
    const { retries } = this.ledger.settings;
    const back = new Queue<Request>();
    this.inFlight.removeIf((request) => {
      if (request.isWrite || !request.counts || request.settled) return false;
      if (request.retries >= retries) return false;
      request.retry();
      request.setback = cause;
      back.push(request);
      return true;
    });
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) back.push(next);
    return back;
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
    const unsent = this.takeBack(cause);
    rejectAll(this.ledger, this.inFlight, cause);
    if (cause instanceof ClosedError || before === "connecting") {
      rejectAll(this.ledger, unsent, cause);
    } else {
      this.owner.lost(this, cause, unsent);
    }
  }
}

/** What a node says that has not executed a request and may do so later, or another node. */
const notReady = new Set(["LOADING", "MASTERDOWN", "TRYAGAIN"]);

/** Empties the queue and rejects its requests. */
export function rejectAll(ledger: Ledger, requests: Queue<Request>, error: MSCacheError): void {
  for (let request = requests.shift(); request !== undefined; request = requests.shift()) {
    ledger.drop(request, error);
  }
}
