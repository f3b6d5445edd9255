// The public API of a connected client: its methods check arguments and turn calls into commands.
// connect.ts makes it. Routing, transport and failover are not here: see router.ts and
// client-connection.ts.
// Invariant: every method returns a promise that rejects only with an MSCacheError
// (client-errors.ts), and no method throws.

import { inspected, shownAs } from "../base/inspected.ts";
import {
  argumentFault,
  badArgument,
  checkBag,
  isArgument,
  keysFault,
  pairWords,
  wrongKind,
} from "./arguments.ts";
import { InvalidArgumentError, ResultOutOfRangeError } from "./client-errors.ts";
import type { Key, Value } from "./commands/command-values.ts";
import { DataClient } from "./commands/data-client.ts";
import {
  type AbsentOptions,
  type GetExOptions,
  getExWords,
  isOnlyIfAbsent,
  type Lifetime,
  lifetimeNames,
  lifetimeWays,
  lifetimeWords,
  type SetOptions,
  setCommand,
} from "./commands/lifetime.ts";
import { type NearCache, NodeNearCache } from "./near/near-cache.ts";
import type { NearOptions } from "./near/near-options.ts";
import type { RequestOptions } from "./routing/request-scope.ts";
import type { Command } from "./wire/command-writer.ts";
import * as shapes from "./wire/shapes.ts";

/**
 * A connected client. Requests made in one turn of the event loop are sent together, so a
 * hundred calls under Promise.all cost little more than one. A node executes requests in the order
 * of the calls unless the connection is lost or the leader changes in between; await a call to be
 * certain. Reads from a follower may lag behind writes.
 *
 * Besides the errors listed for each method, every request can reject with TimeoutError,
 * ConnectionLostError, TooManyPendingError, ServerError, ProtocolError or ClosedError; with
 * ConnectError once the client has given up or with `offlineQueue: false`; with ReadOnlyError if it
 * is a write; and every call with InvalidArgumentError, before anything is sent. A key has at most
 * 512 MiB here, and what the server allows (MSCache less than 16 MiB), a value the same (there
 * `--max-value-size`).
 *
 * @example
 * const [name, visits] = await Promise.all([client.get("name"), client.incr("visits")]);
 */
export class Client extends DataClient implements AsyncDisposable {
  private closed: Promise<void> | null = null;

  /**
   * The node that serves reads, as "host:port".
   *
   * @example console.log(client.address);
   */
  get address(): string {
    return this.router.address;
  }

  /** @internal What console.log() shows: no password, and nothing of what is inside. */
  [inspected](): string {
    return shownAs(this.constructor.name, { address: this.address });
  }

  // ---- bounds for requests ----------------------------------------------------------------------

  /**
   * This client with a time limit or an AbortSignal for each request made through it; with() of
   * what it returns adds to that. It is cheap, and not another client: it shares the connections,
   * the order of requests and close().
   *
   * A request rejects with TimeoutError when its time is up, and with AbortedError when the signal
   * is aborted. If `sent` of the error is true, it may have been executed, or still be. Throws
   * InvalidArgumentError if an option is invalid.
   *
   * @example const name = await client.with({ timeout: 50 }).get("user:1:name");
   * @example const page = await client.with({ signal: request.signal }).get("page");
   */
  with(options: RequestOptions): Client {
    return new Client(this.router.within(options), this.ledger, this.shared);
  }

  // ---- reads, from the node given to connect() --------------------------------------------------

  /**
   * The value as a string, or null if the key does not exist. Bytes that are not UTF-8 become
   * U+FFFD; use {@link getBytes} for binary data.
   *
   * @example const name = await client.get("user:1:name");
   */
  get(key: Key): Promise<string | null> {
    return isArgument(key)
      ? this.router.read(["GET", key], shapes.textOrNull)
      : badArgument("key", key);
  }

  /**
   * The value as bytes, or null if the key does not exist. The array is the caller's own copy.
   *
   * @example const image = await client.getBytes("image:1");
   */
  getBytes(key: Key): Promise<Uint8Array | null> {
    return isArgument(key)
      ? this.router.read(["GET", key], shapes.bytesOrNull)
      : badArgument("key", key);
  }

  /**
   * The values of several keys as strings, in the order of the keys, with null for each key that
   * does not exist. The read is atomic. It takes up to 1,048,575 keys; an empty list sends no
   * request.
   *
   * @example const [a, b] = await client.mget(["a", "b"]);
   */
  mget(keys: readonly Key[]): Promise<(string | null)[]> {
    return this.readMany(keys, shapes.texts);
  }

  /**
   * The same as {@link mget}, with the values as bytes.
   *
   * @example const [small, large] = await client.mgetBytes(["image:1:s", "image:1:l"]);
   */
  mgetBytes(keys: readonly Key[]): Promise<(Uint8Array | null)[]> {
    return this.readMany(keys, shapes.byteArrays);
  }

  /**
   * Whether the key exists.
   *
   * @example if (await client.has("lock")) return;
   */
  has(key: Key): Promise<boolean> {
    return isArgument(key)
      ? this.router.read(["EXISTS", key], shapes.truth)
      : badArgument("key", key);
  }

  /**
   * The remaining time to live in milliseconds, Infinity if the key does not expire, or null if it
   * does not exist.
   *
   * @example const left = await client.ttl("session"); // 59_871
   */
  ttl(key: Key): Promise<number | null> {
    return isArgument(key)
      ? this.router.read(["PTTL", key], shapes.timeLeft)
      : badArgument("key", key);
  }

  /**
   * Resolves with "PONG" if the node responds.
   *
   * @example await client.ping();
   */
  ping(): Promise<string> {
    return this.router.read(["PING"], shapes.text);
  }

  /**
   * The node's reply to INFO: sections with lines of `name:value`. Returns the default sections, or
   * only the given one, such as "replication".
   *
   * @example const text = await client.info("memory");
   */
  info(section?: string): Promise<string> {
    if (section === undefined) return this.router.read(["INFO"], shapes.text);
    if (typeof section !== "string" || !isArgument(section)) return badSection(section);
    return this.router.read(["INFO", section], shapes.text);
  }

  // ---- writes, to the leader --------------------------------------------------------------------

  /**
   * Stores a value. Without a lifetime it stays until it is deleted or evicted, and an earlier
   * lifetime of the key is removed. Resolves with true if the value was stored, and with false only
   * if `onlyIfAbsent` or `onlyIfPresent` was set and the condition was not met.
   *
   * Rejects with ServerError if the leader refuses the write, with `serverCode` "OOM" if its memory
   * is full and eviction is off.
   *
   * @example await client.set("session", token, { ttl: 3_600_000 });
   * @example const mine = await client.set("lock", id, { ttl: 5_000, onlyIfAbsent: true });
   */
  set(key: Key, value: Value, options?: SetOptions): Promise<boolean> {
    if (!isArgument(key)) return badArgument("key", key);
    if (!isArgument(value)) return badArgument("value", value);
    if (options === undefined) return this.router.write(["SET", key, value], shapes.stored);
    return this.setWith(["SET", key, value], options);
  }

  /**
   * Stores several values atomically, without a lifetime. It takes an object, a Map or any iterable
   * of pairs, of up to 524,287 keys; of a key that comes twice the last value counts, and nothing
   * is sent for none. Resolves with true if the values were stored, and with false only if
   * `onlyIfAbsent` was set and one of the keys exists: nothing is stored then.
   *
   * @example await client.mset({ "user:1:name": "Ada", "user:1:city": "London" });
   */
  async mset(
    entries: Readonly<Record<string, Value>> | Iterable<readonly [key: Key, value: Value]>,
    options: AbsentOptions = {},
  ): Promise<boolean> {
    const words = pairWords(entries);
    const onlyIfAbsent = isOnlyIfAbsent(options);
    if (words.length === 0) return true;
    return onlyIfAbsent
      ? this.router.write(["MSETNX", ...words], shapes.truth)
      : this.router.write(["MSET", ...words], shapes.stored);
  }

  /**
   * Appends to a value; a missing key counts as empty. The lifetime does not change. Resolves with
   * the length in bytes.
   *
   * @example const length = await client.append("log", "started\n");
   */
  async append(key: Key, value: Value): Promise<number> {
    if (!isArgument(key)) throw argumentFault("key", key);
    if (!isArgument(value)) throw argumentFault("value", value);
    return this.router.write(["APPEND", key, value], shapes.count);
  }

  /**
   * The value as a string, or null if the key does not exist; the key is deleted.
   *
   * @example const token = await client.getDel("login:4711");
   */
  getDel(key: Key): Promise<string | null> {
    return isArgument(key)
      ? this.router.write(["GETDEL", key], shapes.textOrNull)
      : badArgument("key", key);
  }

  /**
   * The value as a string, or null if the key does not exist; the key gets a new lifetime, or with
   * `persist` none.
   *
   * @example const session = await client.getEx("session", { ttl: 3_600_000 });
   */
  async getEx(key: Key, options: GetExOptions): Promise<string | null> {
    if (!isArgument(key)) throw argumentFault("key", key);
    return this.router.write(["GETEX", key, ...getExWords(options)], shapes.textOrNull);
  }

  /**
   * Deletes a key. Resolves with whether the key existed.
   *
   * @example await client.delete("session");
   */
  delete(key: Key): Promise<boolean> {
    return isArgument(key)
      ? this.router.write(["DEL", key], shapes.truth)
      : badArgument("key", key);
  }

  /**
   * Deletes several keys atomically. Resolves with the number of keys that existed. It takes up to
   * 1,048,575 keys; an empty list sends no request.
   *
   * @example const removed = await client.deleteMany(["a", "b", "c"]);
   */
  deleteMany(keys: readonly Key[]): Promise<number> {
    const fault = keysFault(keys);
    if (fault !== null) return Promise.reject(fault);
    if (keys.length === 0) return Promise.resolve(0);
    return this.router.write(["DEL", ...keys], shapes.count);
  }

  /**
   * Sets a new lifetime for a key. Resolves with false if the key does not exist. A time in the
   * past deletes the key.
   *
   * @example await client.expire("session", { ttl: 60_000 });
   */
  async expire(key: Key, lifetime: Lifetime): Promise<boolean> {
    if (!isArgument(key)) throw argumentFault("key", key);
    checkBag("lifetime", lifetime, lifetimeNames);
    const words = lifetimeWords(lifetime);
    if (words === null) throw new InvalidArgumentError(`lifetime needs ${lifetimeWays}`);
    const [word, time] = words;
    const command = word === "PX" ? "PEXPIRE" : "PEXPIREAT";
    return this.router.write([command, key, time], shapes.truth);
  }

  /**
   * Adds `by` to the integer stored at the key and resolves with the sum. A missing key counts as
   * 0. `by` is a safe integer, may be negative, and is 1 by default. The lifetime of the key does
   * not change.
   *
   * Rejects with ServerError if the value is not an integer or the sum does not fit into 64 bits.
   * Rejects with ResultOutOfRangeError if the sum is beyond 2^53 - 1 in either direction; the sum
   * is stored then.
   *
   * @example const visits = await client.incr("visits");
   */
  async incr(key: Key, by = 1): Promise<number> {
    if (!isArgument(key)) throw argumentFault("key", key);
    if (typeof by !== "number") throw wrongKind("by", "a number", by);
    if (!Number.isSafeInteger(by)) {
      throw new InvalidArgumentError(`by must be a whole number up to 2^53 - 1: ${by}`);
    }
    const sum = await this.router.write(["INCRBY", key, by], shapes.integer);
    if (typeof sum === "bigint") throw new ResultOutOfRangeError(sum);
    return sum;
  }

  // ---- a near cache -----------------------------------------------------------------------------

  /**
   * Opens a near cache: values of the server in this process, decoded once and kept right by what
   * the server pushes (CLIENT TRACKING). Close it with the client, or by itself.
   *
   * Rejects with ConnectError if there is no connection within `connectTimeoutMs`, and with
   * ServerError if the server or the user's rules do not allow CLIENT TRACKING and CLIENT
   * TRACKINGINFO.
   *
   * @example
   * await using near = await client.near<User>({ prefixes: ["user:"], decode: "json" });
   * const user = await near.get("user:1"); // from the server
   * const same = await near.get("user:1"); // from this process, until user:1 changes
   */
  near(options?: NearOptions<string> & { decode?: "text" }): Promise<NearCache<string>>;
  near(options: NearOptions<Uint8Array> & { decode: "bytes" }): Promise<NearCache<Uint8Array>>;
  near<T = unknown>(options: NearOptions<T>): Promise<NearCache<T>>;
  near<T>(options?: NearOptions<T>): Promise<NearCache<T>> {
    return NodeNearCache.open(this.router, this.ledger, options);
  }

  /** near() for a shard: when it cannot be reached, it is tried again. @internal */
  nearShard<T>(options: NearOptions<T>): Promise<NearCache<T>> {
    return NodeNearCache.open(this.router, this.ledger, options, true);
  }

  // ---- closing ----------------------------------------------------------------------------------

  /**
   * Refuses new requests, waits for earlier ones, until the promise of each has settled but at
   * most about one `requestTimeoutMs`, and closes every connection. Further calls return the same
   * promise.
   *
   * @example await client.close();
   */
  close(): Promise<void> {
    this.closed ??= this.ledger.close();
    return this.closed;
  }

  /** close(), for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- internal ---

  private readMany<T>(keys: readonly Key[], shape: shapes.ManyShape<T>): Promise<T[]> {
    const fault = keysFault(keys);
    if (fault !== null) return Promise.reject(fault);
    if (keys.length === 0) return Promise.resolve([]);
    return this.router.read(["MGET", ...keys], shape);
  }

  private async setWith(words: Command, options: SetOptions): Promise<boolean> {
    return this.router.write(setCommand(words, options), shapes.stored);
  }
}

function badSection(section: unknown): Promise<never> {
  return typeof section === "string"
    ? badArgument("section", section)
    : Promise.reject(wrongKind("section", "a string", section));
}
