// One connection to exactly one node, for the commands that look at nodes: what is sent goes to
// this node and to no other, and a reply is as the node gave it. It does not reconnect, does not
// follow a leader and sends nothing again.
// Invariant: a session that was lost or closed rejects every call.

import { ConfigError } from "../base/errors.ts";
import type { Place } from "../base/place.ts";
import {
  ConnectionLostError,
  InvalidArgumentError,
  type MSCacheError,
} from "../client/client-errors.ts";
import { type ConnectOptions, resolveOptions, type Settings } from "../client/client-options.ts";
import { Connection, type ConnectionOwner, rejectAll } from "../client/link/client-connection.ts";
import { Ledger } from "../client/link/ledger.ts";
import type { Shape } from "../client/wire/client-request.ts";
import type { Command } from "../client/wire/command-writer.ts";
import type { Reply } from "../protocol/resp/reply-parser.ts";
import { type NodeArguments, passwordBeside } from "./node-client.ts";
import { tlsOf } from "./tls-arguments.ts";

const anyReply = { expected: "a reply", read: (reply: Reply) => reply };
const asText: Shape<Reply> = { ...anyReply, asBytes: false };
const asBytes: Shape<Reply> = { ...anyReply, asBytes: true };

/** How long a node may take to accept a connection, and to answer. */
const patienceMs = 5_000;

export class NodeSession implements ConnectionOwner, AsyncDisposable {
  private readonly ledger: Ledger;
  private connection: Connection | null = null;

  private constructor(settings: Settings) {
    this.ledger = new Ledger(settings);
  }

  /** Rejects with a ConnectError. */
  static async open(settings: Settings, place?: Place): Promise<NodeSession> {
    const session = new NodeSession(settings);
    const at = place ?? settings.places[0];
    if (at === undefined) throw new Error("settings without a place");
    try {
      session.connection = await Connection.open(at, session.ledger, session);
      return session;
    } catch (error) {
      await session.ledger.close();
      throw error;
    }
  }

  /** The number of the database that it began with. */
  get database(): number {
    return this.ledger.settings.database;
  }

  get isOpen(): boolean {
    return this.connection?.isOpen === true;
  }

  /** A reply with texts as strings. An error reply rejects with a ServerError. */
  call(...command: Command): Promise<Reply> {
    return this.send(command, asText);
  }

  /** The same with texts as bytes. */
  callBytes(...command: Command): Promise<Reply> {
    return this.send(command, asBytes);
  }

  lost(_: Connection, cause: MSCacheError, unsent: Parameters<ConnectionOwner["lost"]>[2]): void {
    rejectAll(this.ledger, unsent, cause);
  }

  /** A write is never sent to another node: its refusal is the reply. */
  refused(_: Connection, request: Parameters<ConnectionOwner["refused"]>[1]): void {
    this.ledger.drop(request, new ConnectionLostError("the node", "it only follows"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ledger.close();
  }

  private send(command: Command, shape: Shape<Reply>): Promise<Reply> {
    const { connection } = this;
    if (connection === null || !connection.isOpen) {
      const where = connection?.address ?? "the node";
      return Promise.reject(new ConnectionLostError(where, "it is closed"));
    }
    const refusal = this.ledger.refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const request = this.ledger.create(command, shape, false);
    connection.send(request);
    return request.promise;
  }
}

/** How to reach the node that the arguments name. Throws a ConfigError. */
export function settingsOf(args: NodeArguments, timeoutMs = patienceMs): Settings {
  const { addr, user, password } = args;
  return settingsAt(addr, timeoutMs, {
    tls: tlsOf(args),
    username: user,
    password: password ?? passwordBeside(addr),
  });
}

/** The same for another server than the node, with a login only if the address has one. */
export function settingsAt(
  addr: string,
  timeoutMs = patienceMs,
  options: ConnectOptions = {},
): Settings {
  const limits = { connectTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs, retries: 0 };
  try {
    return resolveOptions(addr, { ...options, ...limits });
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new ConfigError(error.message);
    throw error;
  }
}
