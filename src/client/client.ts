// The client as its user sees it: connect() and the methods of Client, which turn calls into commands and
// check arguments. Where a command goes, how it travels and what happens when a node dies is not here:
// router.ts, connection.ts. Every method answers by a promise that rejects with an MSCacheError
// (errors.ts) and with nothing else; none throws.

import { argumentFault, checkBag, isArgument, keysFault, wrongKind } from "./arguments.ts";
import type { Command } from "./command-writer.ts";
import { type ConnectError, InvalidArgumentError, ResultOutOfRangeError } from "./errors.ts";
import { Ledger } from "./ledger.ts";
import {
  type Lifetime,
  lifetimeNames,
  lifetimeWords,
  type SetOptions,
  setCommand,
} from "./lifetime.ts";
import { type ClientOptions, resolveOptions } from "./options.ts";
import { Router } from "./router.ts";
import * as shapes from "./shapes.ts";

/** A key: text is sent as UTF-8, bytes as they are. The empty key is a key. */
export type Key = string | Uint8Array;

/** A value: text is sent as UTF-8, bytes as they are. Bytes must not change until the promise settles. */
export type Value = string | Uint8Array;

/**
 * Connects to any node of a group and logs in. Reads go to this node; for writes the client finds the
 * leader itself. A connection that is lost later comes back by itself; the first one does not, so that
 * a wrong address shows at once. An open client keeps the process running: close it.
 *
 * Rejects with {@link ConnectError} when the node cannot be reached within `connectTimeoutMs` (5,000) or
 * refuses the login, and with {@link InvalidArgumentError} for options that make no sense.
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
 * A connected client. Requests made in one turn of the event loop leave in one write, so a hundred calls
 * under Promise.all cost little more than one. What goes to the same node is executed in the order of
 * the calls, as long as the connection lasts and the leader stays; await a call to be sure. Reads from a
 * follower may lag behind writes.
 */
export class Client implements AsyncDisposable {
  readonly #router: Router;
  readonly #ledger: Ledger;
  #closed: Promise<void> | null = null;

  /** @internal Use connect(). */
  constructor(router: Router, ledger: Ledger) {
    this.#router = router;
    this.#ledger = ledger;
  }

  /** The node that reads go to, as "host:port". */
  get address(): string {
    return this.#router.address;
  }

  // ---- reading, where the client is connected ------------------------------------------------------

  /**
   * The value as text, or null when there is none. Bytes that are not UTF-8 come out as U+FFFD: read
   * them with {@link getBytes}.
   *
   * @example const name = await client.get("user:1:name");
   */
  get(key: Key): Promise<string | null> {
    return isArgument(key)
      ? this.#router.read(["GET", key], shapes.textOrNull)
      : badArgument("key", key);
  }

  /**
   * The value as bytes of its own, or null when there is none.
   *
   * @example const image = await client.getBytes("image:1");
   */
  getBytes(key: Key): Promise<Uint8Array | null> {
    return isArgument(key)
      ? this.#router.read(["GET", key], shapes.bytesOrNull)
      : badArgument("key", key);
  }

  /**
   * The values of several keys as text, in the order of the keys, null for each that is absent. They are
   * read in one step. An empty list asks nobody.
   *
   * @example const [a, b] = await client.mget(["a", "b"]);
   */
  mget(keys: readonly Key[]): Promise<(string | null)[]> {
    return this.#readMany(keys, shapes.texts);
  }

  /** As {@link mget}, with the values as bytes. */
  mgetBytes(keys: readonly Key[]): Promise<(Uint8Array | null)[]> {
    return this.#readMany(keys, shapes.byteArrays);
  }

  /**
   * Whether the key is there.
   *
   * @example if (await client.has("lock")) return;
   */
  has(key: Key): Promise<boolean> {
    return isArgument(key)
      ? this.#router.read(["EXISTS", key], shapes.truth)
      : badArgument("key", key);
  }

  /**
   * The time that the key has left, milliseconds; Infinity when it never expires; null when there is no
   * such key.
   *
   * @example const left = await client.ttl("session"); // 59_871
   */
  ttl(key: Key): Promise<number | null> {
    return isArgument(key)
      ? this.#router.read(["PTTL", key], shapes.timeLeft)
      : badArgument("key", key);
  }

  /**
   * Answers "PONG" when the node is there.
   *
   * @example await client.ping();
   */
  ping(): Promise<string> {
    return this.#router.read(["PING"], shapes.text);
  }

  /**
   * What the node says about itself, as lines of `name:value` in sections; all of the usual sections, or
   * one, such as "replication".
   *
   * @example const text = await client.info("memory");
   */
  info(section?: string): Promise<string> {
    if (section === undefined) return this.#router.read(["INFO"], shapes.text);
    if (typeof section !== "string" || !isArgument(section)) return badSection(section);
    return this.#router.read(["INFO", section], shapes.text);
  }

  // ---- writing, to the leader ----------------------------------------------------------------------

  /**
   * Stores a value. Without a lifetime it stays until it is deleted or evicted, and an earlier lifetime
   * of the key is gone. True when it was stored; false only when `onlyIfAbsent` or `onlyIfPresent` was
   * asked for and did not hold.
   *
   * Rejects with ServerError, `serverCode` "OOM", where the leader may not evict and is full.
   *
   * @example await client.set("session", token, { ttlSeconds: 3600 });
   * @example const mine = await client.set("lock", id, { ttlMs: 5_000, onlyIfAbsent: true });
   */
  set(key: Key, value: Value, options?: SetOptions): Promise<boolean> {
    if (!isArgument(key)) return badArgument("key", key);
    if (!isArgument(value)) return badArgument("value", value);
    if (options === undefined) return this.#router.write(["SET", key, value], shapes.stored);
    return this.#setWith(["SET", key, value], options);
  }

  /**
   * Deletes a key; true when it was there.
   *
   * @example await client.delete("session");
   */
  delete(key: Key): Promise<boolean> {
    return isArgument(key)
      ? this.#router.write(["DEL", key], shapes.truth)
      : badArgument("key", key);
  }

  /**
   * Deletes several keys in one step; how many of them were there. An empty list asks nobody.
   *
   * @example const removed = await client.deleteMany(["a", "b", "c"]);
   */
  deleteMany(keys: readonly Key[]): Promise<number> {
    const fault = keysFault(keys);
    if (fault !== null) return Promise.reject(fault);
    if (keys.length === 0) return Promise.resolve(0);
    return this.#router.write(["DEL", ...keys], shapes.count);
  }

  /**
   * Gives a key a new lifetime; false when there is no such key. A moment that has passed deletes it.
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
    return this.#router.write([command, key, time], shapes.truth);
  }

  /**
   * Adds `by` (default 1; it may be negative) to the whole number that the value is, 0 where there is
   * none, and answers the sum. The lifetime of the key stays.
   *
   * Rejects with ServerError where the value is no whole number or would leave 64 bits, and with
   * ResultOutOfRangeError where the sum was stored but is beyond 2^53 - 1.
   *
   * @example const visits = await client.incr("visits");
   */
  async incr(key: Key, by = 1): Promise<number> {
    if (!isArgument(key)) throw argumentFault("key", key);
    if (typeof by !== "number") throw wrongKind("by", "a number", by);
    if (!Number.isSafeInteger(by)) {
      throw new InvalidArgumentError(`by must be a whole number up to 2^53 - 1: ${by}`);
    }
    const sum = await this.#router.write(["INCRBY", key, by], shapes.integer);
    if (typeof sum === "bigint") throw new ResultOutOfRangeError(sum);
    return sum;
  }

  // ---- ending --------------------------------------------------------------------------------------

  /**
   * Takes no more requests, waits for the answers of those already made, one `requestTimeoutMs` at most,
   * and closes every connection. It may be called again.
   *
   * @example await client.close();
   */
  close(): Promise<void> {
    this.#closed ??= this.#ledger.close();
    return this.#closed;
  }

  /** close(), for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- internal ---

  #readMany<T>(keys: readonly Key[], shape: shapes.ManyShape<T>): Promise<T[]> {
    const fault = keysFault(keys);
    if (fault !== null) return Promise.reject(fault);
    if (keys.length === 0) return Promise.resolve([]);
    return this.#router.read(["MGET", ...keys], shape);
  }

  async #setWith(words: Command, options: SetOptions): Promise<boolean> {
    return this.#router.write(setCommand(words, options), shapes.stored);
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
