// The part of the client with methods for keys, counters of distinct elements and bits. The usual
// reads and writes are in client.ts, any other command is in command-client.ts. A command has a
// method here if it is in daily use and what it takes or gives differs from the words of the
// protocol: milliseconds, booleans, lists.
// Invariant: no method throws; a promise rejects.

import {
  argumentFault,
  badArgument,
  checkBag,
  checkFlag,
  isArgument,
  keysFault,
  type Names,
  wrongKind,
} from "../arguments.ts";
import { InvalidArgumentError } from "../client-errors.ts";
import type { Argument } from "../wire/command-writer.ts";
import * as shapes from "../wire/shapes.ts";
import { CommandClient } from "./command-client.ts";
import type { Key, Value } from "./command-values.ts";
import { type AbsentOptions, isOnlyIfAbsent } from "./lifetime.ts";

/** Options of copy(). */
export interface CopyOptions {
  /** Replace what is at the new key. Default false: nothing is copied then. */
  replace?: boolean | undefined;
  /** The number of the database of the new key. Default: that of the client. */
  database?: number | undefined;
}

const copyNames: Names<CopyOptions> = { replace: true, database: true };

export abstract class DataClient extends CommandClient {
  // ---- keys -------------------------------------------------------------------------------------

  /**
   * When the key expires, in milliseconds since 1970, Infinity if it does not expire, or null if it
   * does not exist. {@link Client.ttl} has the time that is left.
   *
   * @example const end = await client.expiresAt("session"); // 1_764_230_400_000
   */
  expiresAt(key: Key): Promise<number | null> {
    return isArgument(key)
      ? this.router.read(["PEXPIRETIME", key], shapes.timeLeft)
      : badArgument("key", key);
  }

  /**
   * Removes the lifetime of a key, so that it stays. Resolves with false if the key does not exist
   * or had none.
   *
   * @example await client.persist("session");
   */
  persist(key: Key): Promise<boolean> {
    return isArgument(key)
      ? this.router.write(["PERSIST", key], shapes.truth)
      : badArgument("key", key);
  }

  /**
   * Gives a key another name; its lifetime goes with it, and what was at the new name is deleted.
   * Resolves with false only if `onlyIfAbsent` was set and the new name exists.
   *
   * Rejects with ServerError if the key does not exist.
   *
   * @example await client.rename("report:new", "report");
   */
  async rename(key: Key, newKey: Key, options: AbsentOptions = {}): Promise<boolean> {
    checkPair(key, newKey);
    return isOnlyIfAbsent(options)
      ? this.router.write(["RENAMENX", key, newKey], shapes.truth)
      : this.router.write(["RENAME", key, newKey], shapes.stored);
  }

  /**
   * Copies a value with its lifetime. Resolves with false if the key does not exist, or if the new
   * key does and `replace` is not set.
   *
   * @example const copied = await client.copy("report", "report:old", { replace: true });
   */
  async copy(key: Key, newKey: Key, options: CopyOptions = {}): Promise<boolean> {
    checkPair(key, newKey);
    checkBag("options", options, copyNames);
    checkFlag("replace", options.replace);
    const { replace = false, database } = options;
    const words: Argument[] = ["COPY", key, newKey];
    if (database !== undefined) words.push("DB", wholeNumber("database", database));
    if (replace) words.push("REPLACE");
    return this.router.write(words, shapes.truth);
  }

  /**
   * The number of keys in the database.
   *
   * @example const count = await client.size();
   */
  size(): Promise<number> {
    return this.router.read(["DBSIZE"], shapes.count);
  }

  /**
   * Deletes every key of the client's database.
   *
   * @example await client.flushDatabase();
   */
  async flushDatabase(): Promise<void> {
    await this.router.write(["FLUSHDB"], shapes.stored);
  }

  /**
   * Deletes every key of every database.
   *
   * @example await client.flushAll();
   */
  async flushAll(): Promise<void> {
    await this.router.write(["FLUSHALL"], shapes.stored);
  }

  // ---- messages ---------------------------------------------------------------------------------

  /**
   * Sends a message to whoever listens to a channel now; see {@link subscribe}. Resolves with the
   * number of listeners at the leader; it says nothing of those at followers.
   *
   * @example await client.publish("news", "hello");
   */
  async publish(channel: string | Uint8Array, message: Value): Promise<number> {
    if (!isArgument(channel)) throw argumentFault("channel", channel);
    if (!isArgument(message)) throw argumentFault("message", message);
    return this.router.write(["PUBLISH", channel, message], shapes.count);
  }

  // ---- bits -------------------------------------------------------------------------------------

  /**
   * Sets one bit of a value, which grows as needed, and resolves with what it was. Bit 0 is the
   * highest one of the first byte. `offset` is at most 4,294,967,295.
   *
   * Rejects with ServerError if the value would be larger than the server allows.
   *
   * @example const wasSeen = await client.setBit("seen:2026-11-27", 4_711, true);
   */
  async setBit(key: Key, offset: number, bit: boolean): Promise<boolean> {
    if (!isArgument(key)) throw argumentFault("key", key);
    if (typeof bit !== "boolean") throw wrongKind("bit", "a boolean", bit);
    const words = ["SETBIT", key, bitOffset(offset), bit ? 1 : 0];
    return this.router.write(words, shapes.truth);
  }

  /**
   * One bit of a value; false beyond its end and for a missing key.
   *
   * @example const isSeen = await client.getBit("seen:2026-11-27", 4_711);
   */
  async getBit(key: Key, offset: number): Promise<boolean> {
    if (!isArgument(key)) throw argumentFault("key", key);
    return this.router.read(["GETBIT", key, bitOffset(offset)], shapes.truth);
  }

  /**
   * The number of bits of a value that are set.
   *
   * @example const visitors = await client.bitCount("seen:2026-11-27");
   */
  bitCount(key: Key): Promise<number> {
    return isArgument(key)
      ? this.router.read(["BITCOUNT", key], shapes.count)
      : badArgument("key", key);
  }

  // ---- counting distinct elements ---------------------------------------------------------------

  /**
   * Adds elements to a HyperLogLog, which counts distinct ones in at most 12 KiB with an error of
   * about 0.8 %. Resolves with whether its estimate may have changed.
   *
   * @example await client.pfAdd("visitors", ["ada", "grace"]);
   */
  async pfAdd(key: Key, elements: readonly Value[]): Promise<boolean> {
    if (!isArgument(key)) throw argumentFault("key", key);
    const fault = keysFault(elements, "elements", 2);
    if (fault !== null) throw fault;
    return this.router.write(["PFADD", key, ...elements], shapes.truth);
  }

  /**
   * About how many distinct elements were added to any of these keys.
   *
   * @example const visitors = await client.pfCount(["visitors:mon", "visitors:tue"]);
   */
  async pfCount(keys: readonly Key[]): Promise<number> {
    const fault = keysFault(keys);
    if (fault !== null) throw fault;
    return keys.length === 0 ? 0 : this.router.read(["PFCOUNT", ...keys], shapes.count);
  }

  /**
   * Adds to a HyperLogLog what was added to others.
   *
   * @example await client.pfMerge("visitors:week", ["visitors:mon", "visitors:tue"]);
   */
  async pfMerge(key: Key, sources: readonly Key[]): Promise<void> {
    if (!isArgument(key)) throw argumentFault("key", key);
    const fault = keysFault(sources, "sources", 2);
    if (fault !== null) throw fault;
    await this.router.write(["PFMERGE", key, ...sources], shapes.stored);
  }
}

// --- internal ---

function checkPair(key: unknown, newKey: unknown): void {
  if (!isArgument(key)) throw argumentFault("key", key);
  if (!isArgument(newKey)) throw argumentFault("newKey", newKey);
}

function bitOffset(offset: unknown): number {
  return wholeNumber("offset", offset, 0xffff_ffff);
}

function wholeNumber(name: string, value: unknown, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new InvalidArgumentError(`${name} must be a whole number from 0 to ${max}, not ${value}`);
}
