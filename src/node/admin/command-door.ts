// The one way from HTTP to commands: an ordinary connection of the control thread whose socket is
// memory. So login, rules of users, pauses, loading, transactions, the slow log and CLIENT LIST
// count for HTTP as for everybody, without a second path. Each request of HTTP has a connection of
// its own, which costs some microseconds, and nothing of it outlives its answer.
// Invariant: replies come in the order of commands; after the end each waiting call rejects.

import { type Address, formatAddress } from "../../base/address.ts";
import { monotonicMs } from "../../base/clock.ts";
import { adminReplyBytesMax } from "../../base/limits.ts";
import { commandParts, type Word } from "../../protocol/resp/command-bytes.ts";
import { type Reply, ReplyParser } from "../../protocol/resp/reply-parser.ts";
import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
import { MemorySocket } from "../connection/memory-socket.ts";

/** The connection has ended before the reply: CLIENT KILL, a bound, or the end of the node. */
export class DoorClosedError extends Error {
  override readonly name: string = "DoorClosedError";
}

/** The same, because the replies are more than one request may get. */
export class ReplyTooLongError extends DoorClosedError {
  override readonly name = "ReplyTooLongError";

  constructor(bytesMax: number) {
    super(`the reply is longer than ${bytesMax} bytes`);
  }
}

/** What the door needs of the data threads. */
export interface DoorThreads {
  /** Resolves when all threads have done what every client must see done. */
  settle(): Promise<unknown>;
  /** Resolves when no thread owes too many messages. */
  roomForMessages(): Promise<void>;
}

export class CommandDoor {
  private readonly connections: Connections;
  private readonly threads: DoorThreads;
  private readonly replyBytesMax: number;

  constructor(connections: Connections, threads: DoorThreads, replyBytesMax = adminReplyBytesMax) {
    this.connections = connections;
    this.threads = threads;
    this.replyBytesMax = replyBytesMax;
  }

  open(peer: Address): DoorConnection {
    return new DoorConnection(this.connections, this.threads, peer, this.replyBytesMax);
  }
}

export class DoorConnection implements Disposable {
  private readonly connections: Connections;
  private readonly threads: DoorThreads;
  private readonly replyBytesMax: number;
  private readonly connection: Connection;
  private readonly parser = new ReplyParser();
  private readonly waiting: PromiseWithResolvers<Reply>[] = [];
  private receivedBytes = 0;
  private end: DoorClosedError | null = null;

  constructor(
    connections: Connections,
    threads: DoorThreads,
    peer: Address,
    replyBytesMax: number,
  ) {
    this.connections = connections;
    this.threads = threads;
    this.replyBytesMax = replyBytesMax;
    const socket = new MemorySocket(peer.host, {
      received: (bytes) => this.received(bytes),
      closed: () => this.closed(),
    });
    this.connection = connections.openInside(socket, formatAddress(peer), "http");
  }

  /** Its user is known, or none is needed. */
  get isLoggedIn(): boolean {
    const { session } = this.connection;
    return session.authenticated || !this.connections.access.needsLogin;
  }

  get isOpen(): boolean {
    return this.end === null && !this.connection.session.closing;
  }

  get user(): string {
    return this.connection.session.user;
  }

  /** Acts as the user of another connection, which has logged in. */
  actAs({ connection }: DoorConnection): void {
    const { session } = this.connection;
    session.user = connection.session.user;
    session.authenticated = connection.session.authenticated;
    this.connections.access.refresh(session);
    connection.session.lastActiveMs = session.createdAtMs; // it is not idle
  }

  /** The idle timeout begins anew, as after a command. */
  stayActive(): void {
    this.connection.session.lastActiveMs = monotonicMs();
  }

  /** Runs a command. An error of the node is a reply, too; values are bytes. */
  async run(...command: readonly Word[]): Promise<Reply> {
    const [reply] = await this.runAll([command]);
    return reply;
  }

  /** Sends all of them at once. */
  async runAll(commands: readonly (readonly Word[])[]): Promise<Reply[]> {
    await this.threads.roomForMessages();
    if (this.end !== null) throw this.end;
    const replies = commands.map(() => {
      const waiting = Promise.withResolvers<Reply>();
      this.waiting.push(waiting);
      return waiting.promise;
    });
    const all = Promise.all(replies);
    this.connections.thread.receive(this.connection, encode(commands));
    const found = await all;
    await this.threads.settle();
    return found;
  }

  private received(bytes: Uint8Array): void {
    this.receivedBytes += bytes.length;
    if (this.receivedBytes > this.replyBytesMax) {
      this.end ??= new ReplyTooLongError(this.replyBytesMax);
      return this.connection.terminate();
    }
    this.parser.feed(bytes);
    for (let reply = this.parser.next(true); reply !== undefined; reply = this.parser.next(true)) {
      this.waiting.shift()?.resolve(reply);
    }
  }

  private closed(): void {
    this.connections.closed(this.connection);
    const error = this.end ?? new DoorClosedError("the connection was closed before its reply");
    this.end = error;
    for (const { promise, reject } of this.waiting.splice(0)) {
      promise.catch(() => undefined); // runAll() may have left already
      reject(error);
    }
  }

  /** What still waits never runs. */
  [Symbol.dispose](): void {
    this.connection.terminate();
  }
}

/** An array of their own, which the connection may free. */
function encode(commands: readonly (readonly Word[])[]): Uint8Array {
  return new Uint8Array(Bun.concatArrayBuffers(commands.flatMap(commandParts)));
}
