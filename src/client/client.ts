// The public API of the client: connect() and the methods of Client, which check arguments and turn
// calls into commands. Routing, transport and failover are not here: see router.ts and
// client-connection.ts.
// Invariant: every method returns a promise that rejects only with an MSCacheError
// (client-errors.ts), and no method throws.

import { argumentFault, checkBag, isArgument, keysFault, wrongKind } from "./arguments.ts";
import { type ConnectError, InvalidArgumentError, ResultOutOfRangeError } from "./client-errors.ts";
import { type ClientOptions, resolveOptions } from "./client-options.ts";
import type { Command } from "./command-writer.ts";
import { Ledger } from "./ledger.ts";
import {
  type Lifetime,
  lifetimeNames,
  lifetimeWords,
  type SetOptions,
  setCommand,
} from "./lifetime.ts";
import { Router } from "./router.ts";
import * as shapes from "./shapes.ts";

/** A key. A string is sent as UTF-8, bytes are sent unchanged. The empty key is valid. */
export type Key = string | Uint8Array;

/**
 * A value. A string is sent as UTF-8, bytes are sent unchanged. Do not modify the bytes before the
 * promise settles.
 */
export type Value = string | Uint8Array;

/**
 * Connects to any node of a group and logs in. Reads go to this node; the client finds the leader
 * and sends it the writes. The first connection is not retried, so that a wrong address fails at
 * once; a connection that is lost later is restored automatically. An open client keeps the process
 * running until {@link Client.close}.
 *
 * Rejects with {@link ConnectError} if the node is not reached within `connectTimeoutMs` (default
 * 5,000) or refuses the login, and with {@link InvalidArgumentError} if an option is invalid.
 *
 * @example
 * await using client = await connect({ addr: "127.0.0.1:5000" });
 * await client.set("greeting", "hello", { ttlSeconds: 60 });
 * console.log(await client.get("greeting")); // hello
 */
export async function connect(options: ClientOptions = {}): Promise<Client> {
  const ledger = new Ledger(resolveOptions(options));
  const router = new Router(ledger);
  try {
    await router.connect();
  } catch (cause) {
    await ledger.close();
    throw cause;
  }
  return new Client(router, ledger);
}

/**
 * A connected client. Requests made in one turn of the event loop are sent in one write, so a
 * hundred calls under Promise.all cost little more than one. A node executes requests in the order
 * of the calls unless the connection is lost or the leader changes in between; await a call to be
 * certain. Reads from a follower may lag behind writes.
 *
 * Besides the errors listed for each method, every request can reject with TimeoutError,
 * ConnectionLostError, TooManyPendingError, ServerError or ClosedError.
 */
export class Client implements AsyncDisposable {
  private readonly router: Router;
  private readonly ledger: Ledger;
  private closed: Promise<void> | null = null;

  /** @internal Use connect(). */
  constructor(router: Router, ledger: Ledger) {
    this.router = router;
    this.ledger = ledger;
  }

  /** The node that serves reads, as "host:port". */
  get address(): string {
    return this.router.address;
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
   * @example await client.set("session", token, { ttlSeconds: 3600 });
   * @example const mine = await client.set("lock", id, { ttlMs: 5_000, onlyIfAbsent: true });
   */
  set(key: Key, value: Value, options?: SetOptions): Promise<boolean> {
    if (!isArgument(key)) return badArgument("key", key);
    if (!isArgument(value)) return badArgument("value", value);
    if (options === undefined) return this.router.write(["SET", key, value], shapes.stored);
    return this.setWith(["SET", key, value], options);
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
   * @example await client.expire("session", { ttlSeconds: 60 });
   */
  async expire(key: Key, lifetime: Lifetime): Promise<boolean> {
    if (!isArgument(key)) throw argumentFault("key", key);
    checkBag("lifetime", lifetime);
    const words = lifetimeWords(lifetime);
    if (words === null) throw new InvalidArgumentError(`lifetime needs ${lifetimeNames}`);
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

  // ---- closing ----------------------------------------------------------------------------------

  /**
   * Refuses new requests, waits for the replies to earlier ones, for at most about one
   * `requestTimeoutMs`, and closes every connection. Further calls return the same promise.
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

function badArgument(name: string, value: unknown): Promise<never> {
  return Promise.reject(argumentFault(name, value));
}

function badSection(section: unknown): Promise<never> {
  return typeof section === "string"
    ? badArgument("section", section)
    : Promise.reject(wrongKind("section", "a string", section));
}
