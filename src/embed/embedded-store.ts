// The engine alone: a synchronous map of strings and bytes, bounded in bytes, that evicts by
// S3-FIFO and knows lifetimes. No sockets, no timers, no replication, no commands: the class checks
// its arguments, reads the clock and copies bytes; store/ decides what it stores where.
// Invariant: nothing that it returns, and nothing that it was given, shares memory with the store.

import { wallClockMs } from "../base/clock.ts";
import { inspected, shownAs } from "../base/inspected.ts";
import {
  handedOutBytesPerCollection,
  keyBytesMax,
  memoryBytesMax,
  memoryBytesMin,
} from "../base/limits.ts";
import { checkBag, checkFunction, isArgument, type Names, wrongKind } from "../client/arguments.ts";
import { ClosedError, InvalidArgumentError } from "../client/client-errors.ts";
import type { Store as Engine } from "../store/store.ts";
import { StoreFullError, ValueTooLargeError } from "./embed-errors.ts";
import { checkLifespan, type Lifespan, momentOf } from "./lifespan.ts";
import { TextBytes } from "./text-bytes.ts";

export interface StoreOptions {
  /**
   * The limit for items and their index together, in bytes, from 1 MiB to 32 GiB. An item takes its
   * bytes and about 30 more. Memory is taken from the system as it is needed.
   */
  maxMemory: number;
  /** Largest value in bytes; never more than a quarter of `maxMemory`, which is the default. */
  maxValueSize?: number | undefined;
  /**
   * What makes room in a full store: "s3fifo" (the default) drops what is used least, "none" has
   * set() throw StoreFullError.
   */
  eviction?: "s3fifo" | "none" | undefined;
  /** The time in milliseconds since 1970, for tests of lifetimes. Default Date.now. */
  now?: (() => number) | undefined;
}

const storeNames: Names<StoreOptions> = {
  ...{ maxMemory: true, maxValueSize: true, eviction: true, now: true },
};

/** Counts since the store was made, and what it holds now. */
export interface StoreStats {
  /** As `size`. */
  readonly items: number;
  /** Calls of get() and getBytes() that found the key, and those that did not. */
  readonly hits: number;
  readonly misses: number;
  /** Items that were dropped to make room. */
  readonly evictions: number;
  /** Items that were dropped because their time was over. */
  readonly expirations: number;
  /** Bytes of memory in use, index and gaps included; at most about `maxMemory`. */
  readonly bytes: number;
  readonly maxMemory: number;
}

/** Writes with a lifetime are as many to a slice of removing what has expired. */
const writesPerSweep = 16;
const bucketsPerSweep = 32;
/** What an array or a string takes beside its bytes. */
const objectBytes = 64;
/** A generous estimate of header, alignment and index entry of an item. */
const itemOverheadBytes = 128;

/**
 * A map of strings and bytes in this process that never takes more memory than it may: when it is
 * full, what is used least makes room. Keys and values are strings (stored as UTF-8) or
 * Uint8Arrays; both are copied in, and values are copied out. Times are in milliseconds, sizes in
 * bytes.
 *
 * A wrong argument throws InvalidArgumentError, and any call after dispose() ClosedError.
 *
 * The runtime counts its memory as heap, and therefore collects garbage later. The store asks for a
 * collection in the background after every 16 MiB of values that it has handed out.
 *
 * @example
 * using store = new Store({ maxMemory: 64 * 1024 * 1024 });
 * store.set("session:1", "alice", { ttl: 60_000 });
 * store.get("session:1"); // "alice"
 * store.set("image:1", new Uint8Array([1, 2, 3]));
 * store.getBytes("image:1"); // Uint8Array(3) [ 1, 2, 3 ]
 * store.get("absent"); // null
 */
export class Store implements Disposable {
  private engine: Engine | null;
  private readonly parts: typeof import("./store-engine.ts");
  private readonly limitBytes: number;
  private readonly clock: () => number;
  private readonly keyText = new TextBytes();
  private readonly valueText = new TextBytes();
  /** Whether anything was ever given a lifetime: otherwise nothing needs to be looked for. */
  private mayExpire = false;
  private writes = 0;
  /** Bytes of values since the last collection, most of which are garbage by now. */
  private handedOut = 0;

  constructor(options: StoreOptions) {
    checkBag("options", options, storeNames);
    const { maxMemory, eviction = "s3fifo", now = wallClockMs } = options;
    checkSize("maxMemory", maxMemory, memoryBytesMin, memoryBytesMax);
    const { maxValueSize = Math.floor(maxMemory / 4) } = options;
    checkSize("maxValueSize", maxValueSize, 1, memoryBytesMax);
    if (eviction !== "s3fifo" && eviction !== "none") {
      throw new InvalidArgumentError('eviction must be "s3fifo" or "none"');
    }
    checkFunction("now", now);
    this.limitBytes = maxMemory;
    this.clock = now;
    // Loaded here and not with this file, for the sake of programs that import something else.
    this.parts = require("./store-engine.ts");
    this.engine = this.parts.makeEngine(maxMemory, maxValueSize, eviction);
  }

  /** @internal What console.log() shows: no password, and nothing of what is inside. */
  [inspected](): string {
    return shownAs("Store", { maxMemory: this.limitBytes });
  }

  // ---- reads ------------------------------------------------------------------------------------

  /**
   * The value as a string, or null if the key is not there. Bytes that are not UTF-8 become U+FFFD;
   * use {@link getBytes} for binary data. A read counts as a use, which protects from eviction.
   *
   * @example const name = store.get("user:1:name");
   */
  get(key: string | Uint8Array): string | null {
    const engine = this.find(key);
    return engine === null ? null : engine.text();
  }

  /**
   * The value as bytes, or null if the key is not there. The array is the caller's own copy.
   *
   * @example const image = store.getBytes("image:1");
   */
  getBytes(key: string | Uint8Array): Uint8Array | null {
    const engine = this.find(key);
    return engine === null ? null : valueBytesOf(engine);
  }

  /**
   * Whether the key is there. This is no use of it, and neither a hit nor a miss.
   *
   * @example if (store.has("lock")) return;
   */
  has(key: string | Uint8Array): boolean {
    return this.peek(key) !== null;
  }

  /**
   * The remaining time to live in milliseconds, Infinity if the key does not expire, or null if it
   * is not there.
   *
   * @example const left = store.ttl("session"); // 59_871
   */
  ttl(key: string | Uint8Array): number | null {
    const engine = this.peek(key);
    if (engine === null) return null;
    const { expiresAt } = engine;
    return expiresAt === 0 ? Number.POSITIVE_INFINITY : expiresAt - this.now();
  }

  // ---- writes -----------------------------------------------------------------------------------

  /**
   * Stores a value. `ttl` is in milliseconds from now, `expiresAt` a Date or milliseconds since
   * 1970; a time in the past removes the key. Without either it stays until it is deleted or
   * evicted, and an earlier lifetime of the key is removed. Other items may be evicted for it.
   *
   * Throws ValueTooLargeError beyond `maxValueSize`, or for a key of 16 MiB or more, or of more
   * than a quarter of `maxMemory`; StoreFullError only with `eviction: "none"`. The key then has
   * its earlier value.
   *
   * @example store.set("session", token, { ttl: 3_600_000 });
   */
  set(key: string | Uint8Array, value: string | Uint8Array, options?: Lifespan): void {
    const engine = this.use();
    const keyBytes = this.keyOf(key);
    if (!isArgument(value)) throw wrongKind("value", "a string or a Uint8Array", value);
    const now = this.now();
    const expiresAt = options === undefined ? 0 : momentOf(options, now);
    const bytes = this.valueText.of(value);
    const { length: keyEnd } = this.keyText;
    const { length: valueEnd } = this.valueText;
    this.checkSizes(engine, keyEnd, valueEnd);
    if (expiresAt !== 0 && expiresAt <= now) {
      engine.delete(keyBytes, 0, keyEnd, now);
      return;
    }
    const needed = keyEnd + valueEnd + itemOverheadBytes;
    if (!engine.makeRoom(keyBytes, 0, keyEnd, needed, now)) throw this.full();
    const result = engine.set(keyBytes, 0, keyEnd, bytes, 0, valueEnd, expiresAt, 0);
    if (result === this.parts.TOO_LARGE) throw this.tooLarge(engine, "value", valueEnd);
    if (result !== this.parts.STORED) throw this.full();
    if (expiresAt !== 0) this.mayExpire = true;
    if (this.mayExpire) this.sweepNowAndThen(engine, now);
  }

  /**
   * Gives a key that is there a new lifetime, or with null none. Returns whether it was there; a
   * time in the past removes it.
   *
   * @example store.expire("session", { ttl: 60_000 });
   */
  expire(key: string | Uint8Array, lifespan: Lifespan | null): boolean {
    if (lifespan !== null) checkLifespan(lifespan);
    const engine = this.peek(key);
    if (engine === null) return false;
    const now = this.now();
    const expiresAt = lifespan === null ? 0 : momentOf(lifespan, now);
    const { bytes, length } = this.keyText;
    if (expiresAt !== 0 && expiresAt <= now) return engine.delete(bytes, 0, length, now);
    if (!engine.makeRoom(bytes, 0, length, length + engine.valueLength + itemOverheadBytes, now)) {
      throw this.full();
    }
    // Making room may have evicted the very item.
    if (!engine.find(bytes, 0, length, now)) return false;
    if (!engine.setExpiry(bytes, 0, length, expiresAt)) throw this.full();
    if (expiresAt !== 0) this.mayExpire = true;
    return true;
  }

  /**
   * Deletes a key. Returns whether it was there.
   *
   * @example store.delete("session");
   */
  delete(key: string | Uint8Array): boolean {
    const engine = this.use();
    const bytes = this.keyOf(key);
    return engine.delete(bytes, 0, this.keyText.length, this.now());
  }

  /**
   * Deletes everything, and gives the memory back to the system.
   *
   * @example store.clear();
   */
  clear(): void {
    const engine = this.use();
    engine.clear();
    // Twice the limit is more than was ever reserved for items.
    for (let left = 2 * this.limitBytes; left > 0; left -= this.parts.releaseSliceBytes) {
      engine.sweep(0, this.now(), false);
    }
  }

  // ---- all of them ------------------------------------------------------------------------------

  /**
   * The number of items. It includes some whose time is over: no read returns them, and they are
   * removed little by little, by later writes.
   *
   * @example console.log(store.size); // 0
   */
  get size(): number {
    return this.use().count();
  }

  /**
   * The keys as strings, in no order. A key that is there all the time comes exactly once, whatever
   * is changed meanwhile. To iterate is no use of an item.
   *
   * @example for (const key of store.keys()) console.log(key);
   */
  keys(): IterableIterator<string> {
    return this.walk((engine) => keyTextOf(engine));
  }

  /**
   * As {@link keys}, as bytes: the caller's own copies.
   *
   * @example for (const key of store.keysBytes()) console.log(key.length);
   */
  keysBytes(): IterableIterator<Uint8Array> {
    return this.walk((engine) => keyBytesOf(engine));
  }

  /**
   * Keys and values as strings; otherwise as {@link keys}. To iterate over the store itself is the
   * same.
   *
   * @example for (const [key, value] of store) console.log(key, value);
   */
  entries(): IterableIterator<[key: string, value: string]> {
    return this.walk((engine) => [keyTextOf(engine), engine.text()]);
  }

  /**
   * As {@link entries}, as bytes: the caller's own copies.
   *
   * @example
   * for (const [key, value] of store.entriesBytes()) console.log(key.length, value.length);
   */
  entriesBytes(): IterableIterator<[key: Uint8Array, value: Uint8Array]> {
    return this.walk((engine) => [keyBytesOf(engine), valueBytesOf(engine)]);
  }

  [Symbol.iterator](): IterableIterator<[key: string, value: string]> {
    return this.entries();
  }

  /**
   * Hits, misses, evictions and memory.
   *
   * @example const { hits, misses } = store.stats();
   */
  stats(): StoreStats {
    const { items, hits, misses, evictions, expirations, memoryUsedBytes } =
      this.use().statistics();
    const counts = { items, hits, misses, evictions, expirations };
    return { ...counts, bytes: memoryUsedBytes, maxMemory: this.limitBytes };
  }

  /**
   * Deletes everything and gives the memory back, for which it collects the garbage of the process
   * once; any call after that throws ClosedError, but dispose() itself. `using` does the same.
   *
   * @example store.dispose();
   */
  dispose(): void {
    if (this.engine === null) return;
    this.clear();
    this.engine = null;
    // What is large is collected late: a hundred stores of 64 MiB would stand at 700 MB (measured).
    Bun.gc(true);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  // ---- internal ---------------------------------------------------------------------------------

  private use(): Engine {
    if (this.engine === null) throw new ClosedError("the store");
    return this.engine;
  }

  private now(): number {
    return this.clock();
  }

  /** The item of the key is then the engine's current one; null if there is none. */
  private find(key: string | Uint8Array): Engine | null {
    const engine = this.use();
    const bytes = this.keyOf(key);
    if (!engine.read(bytes, 0, this.keyText.length, this.now())) return null;
    this.handedOut += engine.valueLength + objectBytes;
    if (this.handedOut > handedOutBytesPerCollection) this.collect();
    return engine;
  }

  private collect(): void {
    this.handedOut = 0;
    Bun.gc(false);
  }

  /** As find(), but it counts nothing. */
  private peek(key: string | Uint8Array): Engine | null {
    const engine = this.use();
    const bytes = this.keyOf(key);
    return engine.find(bytes, 0, this.keyText.length, this.now()) ? engine : null;
  }

  private keyOf(key: string | Uint8Array): Uint8Array {
    if (typeof key !== "string" && !(key instanceof Uint8Array)) {
      throw wrongKind("key", "a string or a Uint8Array", key);
    }
    return this.keyText.of(key);
  }

  private checkSizes(engine: Engine, keyBytes: number, valueBytes: number): void {
    if (valueBytes > engine.valueBytesMax) throw this.tooLarge(engine, "value", valueBytes);
    if (keyBytes > Math.min(keyBytesMax, this.limitBytes / 4)) {
      throw this.tooLarge(engine, "key", keyBytes);
    }
  }

  private tooLarge(engine: Engine, what: "key" | "value", bytes: number): ValueTooLargeError {
    const most =
      what === "value" ? engine.valueBytesMax : Math.min(keyBytesMax, this.limitBytes / 4);
    return new ValueTooLargeError(
      `a ${what} of ${bytes} bytes: this store accepts up to ${Math.floor(most)}`,
    );
  }

  private full(): StoreFullError {
    return new StoreFullError(`the store has its ${this.limitBytes} bytes, and may not evict`);
  }

  private sweepNowAndThen(engine: Engine, now: number): void {
    if (++this.writes % writesPerSweep === 0) engine.sweep(bucketsPerSweep, now);
  }

  /** The store may change between two steps; a bucket's items are read at once. */
  private *walk<Item>(read: (engine: Engine) => Item): IterableIterator<Item> {
    const items: Item[] = [];
    const visitor = { visit: (engine: Engine) => void items.push(read(engine)) };
    let cursor = 0;
    do {
      cursor = this.use().scan(cursor, this.now(), visitor);
      yield* items.splice(0);
    } while (cursor !== 0);
  }
}

function checkSize(name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = `whole bytes from ${least} to ${most}`;
  throw new InvalidArgumentError(`${name} must be ${range}, not ${value}`);
}

function valueBytesOf(engine: Engine): Uint8Array {
  const { valueLength } = engine;
  const bytes = new Uint8Array(valueLength);
  engine.copyTo(bytes, 0, 0, valueLength);
  return bytes;
}

function keyBytesOf({ keyBytes, keyStart, keyEnd }: Engine): Uint8Array {
  return keyBytes.slice(keyStart, keyEnd);
}

/** A copy first: no text is decoded from memory that is shared. */
function keyTextOf(engine: Engine): string {
  return Buffer.from(keyBytesOf(engine)).toString();
}
