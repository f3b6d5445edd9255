// A client over several shards: what differs from a client of one group. Single commands need
// nothing here, as sharded-router.ts takes them to their shards; this is for lists of commands and
// for what has a connection of its own.
// Invariant: a list of which one command cannot be sent is not sent at all.

import { argumentFault, isArgument, keysFault } from "../arguments.ts";
import type { SubscribeOptions, Subscription, Topics } from "../channels/subscription.ts";
import { type Part, subscribeAt, type Topic, topicsOf } from "../channels/subscription-hub.ts";
import { Client } from "../client.ts";
import { InvalidArgumentError } from "../client-errors.ts";
import type {
  CallResults,
  CheckedCalls,
  CommandCall,
  ListOptions,
  TransactionResults,
  WatchOptions,
} from "../commands/call-list.ts";
import { runPipeline } from "../commands/call-runs.ts";
import { callOf } from "../commands/command-call.ts";
import type { ValueOf, WatchedCommand } from "../commands/command-types.ts";
import type { CommandArgument, Key } from "../commands/command-values.ts";
import type { ScanOptions } from "../commands/key-scan.ts";
import type { Ledger } from "../link/ledger.ts";
import type { NearCache } from "../near/near-cache.ts";
import type { NearOptions } from "../near/near-options.ts";
import type { RequestOptions } from "../routing/request-scope.ts";
import type { Command } from "../wire/command-writer.ts";
import { deleteMisplaced } from "./misplaced-keys.ts";
import type { ShardMap } from "./shard-map.ts";
import { ShardedNearCache } from "./sharded-near-cache.ts";
import type { ShardedRouter } from "./sharded-router.ts";

/** What makes a sharded client; its views share it. @internal */
export interface Shards {
  readonly map: ShardMap;
  /** One for each name of the map, without bounds. */
  readonly clients: readonly Client[];
  /** It makes no request and opens nothing. */
  readonly ledger: Ledger;
}

/**
 * A client over several shards, as {@link connect} returns it for `shards`. Each key is in one of
 * them, by the hash of its {tag} or of itself, and every method for one key works as it does for
 * one group of nodes.
 *
 * With keys of several shards, MGET, MSET, DEL, UNLINK, EXISTS and TOUCH are sent in parts, which
 * is not atomic: if one part fails, the call rejects, and others may have been executed. Any other
 * command, a transaction or a script rejects with CrossShardError then; keys with one {tag} are in
 * one shard. PING, DBSIZE, KEYS, FLUSHDB, FLUSHALL and {@link scan} are for all shards; any other
 * command without a key rejects with InvalidArgumentError: use {@link shard}. A channel is in the
 * shard that has its name as a key.
 *
 * A shard that cannot be reached fails its own keys, and no others.
 *
 * @example
 * await client.mset({ "user:1": "Ada", "user:2": "Grace" }); // in two parts, if they are apart
 * console.log(await client.mget(["user:1", "user:2"])); // Ada,Grace
 */
export class ShardedClient extends Client {
  private readonly parts: Shards;
  /** Bounds of what is sent through this view; null: none. */
  private readonly bounds: RequestOptions | null;

  /** @internal Use connect(). */
  constructor(router: ShardedRouter, parts: Shards, bounds: RequestOptions | null = null) {
    super(router, parts.ledger);
    this.parts = parts;
    this.bounds = bounds;
  }

  // ---- the shards -------------------------------------------------------------------------------

  /**
   * The names of the shards, in the order of the list that was given to connect().
   *
   * @example console.log(client.shards.join(" ")); // a b
   */
  get shards(): readonly string[] {
    return this.parts.map.names;
  }

  /**
   * The name of the shard that has a key, or would have it. Throws InvalidArgumentError if it is no
   * key.
   *
   * @example console.log(client.shardOf("user:1"));
   */
  shardOf(key: Key): string {
    if (!isArgument(key)) throw argumentFault("key", key);
    const { map } = this.parts;
    return map.names[map.indexOfKey(key)] as string;
  }

  /**
   * A client of one shard, for commands without a key. It shares the connections of this client and
   * takes any key, wherever it belongs. Close this client, not that one. Throws
   * InvalidArgumentError if there is no shard of that name.
   *
   * @example const text = await client.shard("a").info("memory");
   */
  shard(name: string): Client {
    return this.at(this.parts.map.indexOfName(name));
  }

  /**
   * Deletes the keys that match the pattern, as in "user:*", and are not in the shard that has them
   * by {@link shardOf}: copies that stayed behind when a shard was added. They would come back, as
   * old as they are, when that shard is removed. Resolves with how many there were. It walks over
   * the whole database of every shard, so run it once, when every client has the new list: a client
   * with the old list still uses them.
   *
   * The pattern decides what belongs to this client: "*" is only for databases in which nobody else
   * has keys. A cache of createCache() keeps more than entries in each shard; those are under
   * `v:` of its prefix, as in "cache:v:*". Rejects as {@link scan} does, when some may be deleted.
   *
   * @example const copies = await client.deleteMisplaced("user:*");
   */
  async deleteMisplaced(match: Key): Promise<number> {
    if (!isArgument(match)) throw argumentFault("match", match);
    const shards = Array.from(this.shards, (_, index) => this.at(index));
    return await deleteMisplaced(shards, this.parts.map, match);
  }

  /**
   * This client with a time limit or an AbortSignal for each request, to whichever shard, as
   * {@link Client.with} gives one of one group of nodes.
   *
   * @example const name = await client.with({ timeout: 50 }).get("user:1:name");
   */
  override with(options: RequestOptions): ShardedClient {
    const router = (this.router as ShardedRouter).within(options);
    return new ShardedClient(router, this.parts, { ...this.bounds, ...options });
  }

  // ---- several commands -------------------------------------------------------------------------

  /**
   * The same as for one group of nodes; each command goes to its own shard. Commands of one shard
   * keep their order.
   *
   * Rejects with CrossShardError or InvalidArgumentError if one of the commands has no shard; none
   * is sent then.
   *
   * @example
   * const [name, visits] = await client.pipeline([
   *   ["GET", "user:1:name"],
   *   ["INCR", "visits"],
   * ]);
   */
  override async pipeline<
    const Calls extends readonly CommandCall[],
    Bytes extends boolean = false,
  >(
    commands: Calls & CheckedCalls<Calls>,
    options?: ListOptions<Bytes>,
  ): Promise<CallResults<Calls, ValueOf<Bytes>>> {
    const { map } = this.parts;
    for (const words of wordsOf(commands)) {
      const join = map.indexOfCommand(words) < 0 ? map.joinOf(words) : "first";
      if (typeof join !== "string") throw join;
    }
    return (await runPipeline(this.router, commands, options)) as never;
  }

  /**
   * The same as for one group of nodes; all keys must be in one shard, those of the commands too.
   * Rejects with CrossShardError if they are not.
   *
   * @example
   * await client.watch(["{cart:1}:sum"], async (command) => {
   *   const sum = Number(await command("GET", "{cart:1}:sum"));
   *   return [["SET", "{cart:1}:due", sum]];
   * });
   */
  override async watch<const Calls extends readonly CommandCall[], Bytes extends boolean = false>(
    keys: readonly Key[],
    attempt: (command: WatchedCommand<ValueOf<Bytes>>) => Promise<Calls | null>,
    options?: WatchOptions<Bytes>,
  ): Promise<TransactionResults<Calls, ValueOf<Bytes>> | null> {
    const fault = keysFault(keys);
    if (fault !== null) throw fault;
    const watch: Command = ["WATCH", ...keys];
    const check = (calls: unknown): number => {
      const index = this.parts.map.indexOfAll([watch, ...wordsOf(calls)]);
      if (typeof index !== "number") throw index;
      return index;
    };
    type Send = WatchedCommand<ValueOf<Bytes>>;
    const checked = async (command: Send): Promise<Calls | null> => {
      const calls = await attempt((async (name: string, ...args: CommandArgument[]) => {
        check([[name, ...args]]);
        return await command(name, ...args);
      }) as Send);
      check(calls);
      return calls;
    };
    const isCallable = typeof attempt === "function"; // else the shard's client refuses it
    return await this.at(check([])).watch(keys, isCallable ? checked : attempt, options);
  }

  // ---- streams ----------------------------------------------------------------------------------

  /**
   * The same as for one group of nodes. A channel is in the shard that its name has as a key; a
   * pattern is asked for at every shard. Rejects if one of these shards cannot be reached.
   *
   * @example
   * await using news = await client.subscribe({ patterns: ["news.*"] });
   * for await (const { channel, message } of news) console.log(channel, message);
   */
  override subscribe<Bytes extends boolean = false>(
    channels: string | readonly string[] | Topics,
    options: SubscribeOptions<Bytes> = {},
  ): Promise<Subscription<ValueOf<Bytes>>> {
    return subscribeAt(() => this.spread(topicsOf(channels)), options) as Promise<never>;
  }

  /**
   * The keys of all shards, one shard after the other; in everything else the same as for one group
   * of nodes. A copy in a shard that is not that of its key is no key; see {@link deleteMisplaced}.
   *
   * @example for await (const key of client.scan({ match: "user:*" })) console.log(key);
   */
  override async *scan<Bytes extends boolean = false>(
    options?: ScanOptions<Bytes>,
  ): AsyncGenerator<ValueOf<Bytes>, void, undefined> {
    const { map } = this.parts;
    for (const index of this.shards.keys()) {
      for await (const key of this.at(index).scan(options)) if (map.isAt(index, key)) yield key;
    }
  }

  // ---- a near cache -----------------------------------------------------------------------------

  /**
   * The same as for one group of nodes: a part for each shard, with its share of `maxBytes` and a
   * connection of its own. A shard that cannot be reached is tried again; until then its keys are
   * not held.
   *
   * @example await using near = await client.near({ maxBytes: 16 * 1024 * 1024 });
   */
  override near(options?: NearOptions<string> & { decode?: "text" }): Promise<NearCache<string>>;
  override near(
    options: NearOptions<Uint8Array> & { decode: "bytes" },
  ): Promise<NearCache<Uint8Array>>;
  override near<T = unknown>(options: NearOptions<T>): Promise<NearCache<T>>;
  override near<T>(options: NearOptions<T> = {}): Promise<NearCache<T>> {
    const { map } = this.parts;
    return ShardedNearCache.open(map, options, (index, part) => this.at(index).nearShard(part));
  }

  /** @internal */
  override pushLink(): never {
    throw new InvalidArgumentError("pushes come from one shard: use client.shard(name)");
  }

  // ---- closing ----------------------------------------------------------------------------------

  /**
   * Closes all shards, as {@link Client.close} closes one group of nodes.
   *
   * @example await client.close();
   */
  override async close(): Promise<void> {
    await Promise.all(this.parts.clients.map((client) => client.close()));
  }

  // --- internal ---

  private at(index: number): Client {
    const client = this.parts.clients[index] as Client;
    return this.bounds === null ? client : client.with(this.bounds);
  }

  /** Which hub listens to which names. */
  private spread(topics: readonly Topic[]): Part[] {
    const { map, clients } = this.parts;
    const parts = clients.map(({ hub }) => ({ hub, topics: [] as Topic[] }));
    for (const topic of topics) {
      const ofTopic = topic.startsWith("p")
        ? parts
        : [parts[map.indexOfKey(topic.slice(1))] as Part];
      for (const part of ofTopic) (part.topics as Topic[]).push(topic);
    }
    return parts.filter((part) => part.topics.length > 0);
  }
}

// --- internal ---

/** The words of commands that can be sent. What is wrong with the others is found elsewhere. */
function wordsOf(calls: unknown): Command[] {
  if (!Array.isArray(calls)) return [];
  return calls.flatMap((call: unknown) => {
    if (!Array.isArray(call)) return [];
    const [name, ...args] = call as unknown[];
    const found = callOf(name, args);
    return found instanceof InvalidArgumentError ? [] : [found.words];
  });
}
