// The part of the client that sends any command: single ones, lists of them, scripts, and streams
// of messages and keys. Client (client.ts) inherits it and adds methods for the usual commands.
// Invariant: no method throws; a promise or an iterator rejects.

import type { Message, SubscribeOptions, Subscription, Topics } from "../channels/subscription.ts";
import { SubscriptionHub } from "../channels/subscription-hub.ts";
import { InvalidArgumentError, ServerError } from "../client-errors.ts";
import type { Ledger } from "../link/ledger.ts";
import { Session } from "../link/own-session.ts";
import { PushLink, type PushListener } from "../link/push-link.ts";
import type { Requester } from "../routing/request-scope.ts";
import type { Shape } from "../wire/client-request.ts";
import type { Command } from "../wire/command-writer.ts";
import { text } from "../wire/shapes.ts";
import type {
  CallResults,
  CheckedCalls,
  CommandCall,
  ListOptions,
  TransactionResults,
  WatchOptions,
} from "./call-list.ts";
import { runPipeline, runTransaction, runWatch } from "./call-runs.ts";
import { Script } from "./client-script.ts";
import { anyBytes, anyReply, callOf } from "./command-call.ts";
import type {
  ArgumentsOf,
  CommandName,
  ReplyOf,
  ValueOf,
  WatchedCommand,
} from "./command-types.ts";
import type { CommandArgument, CommandReply, Key } from "./command-values.ts";
import { type ScanOptions, scanKeys } from "./key-scan.ts";

/** @internal */
interface Shared {
  hub: SubscriptionHub | null;
}

export abstract class CommandClient {
  /** @internal */
  protected readonly router: Requester;
  /** @internal */
  protected readonly ledger: Ledger;
  /** What the views of a client have in common. @internal */
  protected readonly shared: Shared;

  /** @internal Use connect(). */
  constructor(router: Requester, ledger: Ledger, shared: Shared = { hub: null }) {
    this.router = router;
    this.ledger = ledger;
    this.shared = shared;
  }

  // ---- any command ------------------------------------------------------------------------------

  /**
   * Sends any command and resolves with its reply, values as strings. A command that only reads
   * goes where {@link get} goes, and so do PING and INFO; every other and every unknown one goes to
   * the leader, CONFIG and the like too, whichever node was given to connect(). A name may have two
   * words, as in "CONFIG GET". Numbers are sent as JavaScript writes them.
   *
   * Rejects with ServerError if the server replies with an error, and with InvalidArgumentError for
   * a command that would change the connection, which all calls share (MULTI, SUBSCRIBE, SELECT and
   * the like), or hold it up without an end (WAIT and what else waits, with a timeout of 0), and
   * for one that is for a node of your choice (REPLICAOF, FAILOVER, SHUTDOWN, DEBUG).
   *
   * @example const part = await client.command("GETRANGE", "greeting", 0, 3);
   */
  command<Name extends CommandName | (string & {})>(
    name: Name,
    ...args: ArgumentsOf<Name>
  ): Promise<ReplyOf<Name>> {
    return this.call(name, args as readonly CommandArgument[], anyReply as Shape<ReplyOf<Name>>);
  }

  /**
   * The same as {@link command}, with values as bytes. A status, such as "OK", remains a string.
   *
   * @example const payload = await client.commandBytes("DUMP", "key");
   */
  commandBytes<Name extends CommandName | (string & {})>(
    name: Name,
    ...args: ArgumentsOf<Name>
  ): Promise<ReplyOf<Name, Uint8Array>> {
    return this.call(
      name,
      args as readonly CommandArgument[],
      anyBytes as Shape<ReplyOf<Name, Uint8Array>>,
    );
  }

  // ---- several commands -------------------------------------------------------------------------

  /**
   * Sends a list of commands together and resolves with their results in order: of each its
   * reply, or its error, so that one that fails does not hide the others. If all only read, they go
   * where {@link get} goes, otherwise all go to the leader. Others may write in between; see
   * {@link transaction}. An empty list sends nothing.
   *
   * Rejects with InvalidArgumentError if one of the commands cannot be sent; none is sent then.
   *
   * @example
   * const [name, visits] = await client.pipeline([
   *   ["GET", "name"],
   *   ["INCR", "visits"],
   * ]);
   */
  pipeline<const Calls extends readonly CommandCall[], Bytes extends boolean = false>(
    commands: Calls & CheckedCalls<Calls>,
    options?: ListOptions<Bytes>,
  ): Promise<CallResults<Calls, ValueOf<Bytes>>> {
    return runPipeline(this.router, commands, options) as Promise<never>;
  }

  /**
   * Executes a list of commands atomically (MULTI, EXEC) and resolves with their results in order:
   * of each its reply, or its error. A command that fails does not undo the others. If the
   * connection is lost after it was sent, all were executed or none.
   *
   * Rejects with ServerError if the server refuses one of the commands, or MULTI, before any is
   * executed. Only a user who loses the right to MULTI after earlier transactions of this client
   * may see commands executed without it, once; the message says so.
   *
   * @example
   * await client.transaction([
   *   ["DECRBY", "account:1", 5],
   *   ["INCRBY", "account:2", 5],
   * ]);
   */
  transaction<const Calls extends readonly CommandCall[], Bytes extends boolean = false>(
    commands: Calls & CheckedCalls<Calls>,
    options?: ListOptions<Bytes>,
  ): Promise<TransactionResults<Calls, ValueOf<Bytes>>> {
    return runTransaction(this.router, commands, options) as Promise<never>;
  }

  /**
   * A transaction that depends on what it reads. `attempt` reads on a connection of its own, which
   * watches `keys`, and returns the commands to execute, or null to give up. If somebody has
   * changed one of the keys meanwhile, nothing is executed and `attempt` is called again, up to
   * `attempts` times (default 16). Resolves with the results, or with null if `attempt` gave up.
   *
   * Rejects with ConflictError if the keys changed each time, and with what `attempt` throws. A
   * `command` that is kept rejects with ClosedError when the watch has ended.
   *
   * @example
   * const results = await client.watch(["stock"], async (command) => {
   *   const left = Number(await command("GET", "stock"));
   *   return left < 1 ? null : [["SET", "stock", left - 1]];
   * });
   */
  watch<const Calls extends readonly CommandCall[], Bytes extends boolean = false>(
    keys: readonly Key[],
    attempt: (command: WatchedCommand<ValueOf<Bytes>>) => Promise<Calls | null>,
    options?: WatchOptions<Bytes>,
  ): Promise<TransactionResults<Calls, ValueOf<Bytes>> | null> {
    const open = () => this.openSession(true);
    return runWatch(open, keys, attempt, options) as Promise<never>;
  }

  /**
   * A Lua script that is sent once to each node and called by its digest from then on.
   *
   * @example
   * const take = client.script("return redis.call('DECRBY', KEYS[1], ARGV[1])");
   * const left = await take.run(["stock"], [2]);
   */
  script(text: string): Script {
    return new Script(this.router, text);
  }

  // ---- streams ----------------------------------------------------------------------------------

  /**
   * Listens to channels, and resolves when the server has confirmed them: a name, several, or
   * `{ channels, patterns, shardChannels }`. All subscriptions share one more connection. When it
   * is lost they come back by themselves, but messages may be missed meanwhile: {@link Message}
   * says so in `missed`. The second argument has the bounds of what waits for the reader:
   * `{ messagesMax, bytesMax, onMissed, bytes }`.
   *
   * Rejects with ConnectError if there is no connection within `connectTimeoutMs`, and with
   * ServerError if the server refuses a name.
   *
   * @example
   * await using news = await client.subscribe({ patterns: ["news.*"] });
   * for await (const { channel, message, missed } of news) {
   *   if (missed !== null) await reload();
   *   console.log(channel, message);
   * }
   */
  subscribe<Bytes extends boolean = false>(
    channels: string | readonly string[] | Topics,
    options?: SubscribeOptions<Bytes>,
  ): Promise<Subscription<ValueOf<Bytes>>> {
    return this.hub.subscribe(channels, options) as Promise<never>;
  }

  /**
   * The keys of the database, one after the other, while the loop runs. A key that is there all the
   * time is yielded at least once; one that comes or goes meanwhile may be or not, and one may be
   * yielded twice. It reads from one node, where {@link get} reads or, with `reads: "leader"`, from
   * the leader, by a connection of its own.
   *
   * Rejects with ConnectionLostError if that connection is lost, and with ConnectError if there is
   * none at the first attempt.
   *
   * @example for await (const key of client.scan({ match: "user:*" })) console.log(key);
   */
  scan<Bytes extends boolean = false>(
    options?: ScanOptions<Bytes>,
  ): AsyncGenerator<ValueOf<Bytes>, void, undefined> {
    const open = (isAtLeader: boolean) => this.openSession(isAtLeader);
    return scanKeys(open, options) as AsyncGenerator<never, void, undefined>;
  }

  /**
   * Sends a command to the leader even if it only reads, with values as bytes, and with a time
   * limit of its own if one is given. The caller answers for the words.
   *
   * @internal
   */
  atLeader(words: Command, timeout?: number): Promise<CommandReply> {
    const router = timeout === undefined ? this.router : this.router.within({ timeout });
    return router.write(words, anyBytes);
  }

  /**
   * A connection to the node that serves reads, for its pushes. It is not open yet.
   *
   * @internal
   */
  pushLink(listener: PushListener): PushLink {
    return new PushLink(this.ledger, () => this.router.readPlace, listener);
  }

  /** All subscriptions of the client and its views. @internal */
  get hub(): SubscriptionHub {
    this.shared.hub ??= new SubscriptionHub((listener) => this.pushLink(listener));
    return this.shared.hub;
  }

  // --- internal ---

  /**
   * A connection of its own, when the node is known and a request would reach it. What the node
   * says to PING does not matter (NOPERM).
   */
  private async openSession(isAtLeader: boolean): Promise<Session> {
    const { router, ledger } = this;
    const ping = isAtLeader ? router.write(["PING"], text) : router.read(["PING"], text);
    await ping.catch((cause) => {
      if (!(cause instanceof ServerError)) throw cause;
    });
    return Session.open(ledger, isAtLeader ? router.leaderPlace : router.readPlace, router);
  }

  private call<T>(name: string, args: readonly CommandArgument[], shape: Shape<T>): Promise<T> {
    const call = callOf(name, args);
    if (call instanceof InvalidArgumentError) return Promise.reject(call);
    return call.isRead ? this.router.read(call.words, shape) : this.router.write(call.words, shape);
  }
}
