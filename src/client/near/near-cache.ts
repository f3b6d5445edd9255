// The near cache: values of the server, decoded, in this process. This file has its surface, its
// reads and its counters. near-tracking.ts keeps it right, s3-fifo.ts bounds it.
// Invariants: what is held was read after the last invalidation of its key that has arrived, and
// no own write of its key has been acknowledged since. A read that such news overtakes is
// answered to who asked before it, but not held, and nobody who asks later gets its reply.
// Hot path: a hit of peek() takes one look into a Map and one at the coarse clock.

import { monotonicMs } from "../../base/clock.ts";
import { inspected, shownAs } from "../../base/inspected.ts";
import { RecentTime } from "../../base/recent-time.ts";
import { argumentFault, isArgument, wrongKind } from "../arguments.ts";
import { ConnectError, ConnectionLostError, type MSCacheError } from "../client-errors.ts";
import type { Ledger, WriteWatcher } from "../link/ledger.ts";
import { PushLink, type PushListener, type Send } from "../link/push-link.ts";
import type { Requester } from "../routing/request-scope.ts";
import type { Command } from "../wire/command-writer.ts";
import { bytesOrNull, timeLeft } from "../wire/shapes.ts";
import { type NearOptions, type NearSettings, resolveNearOptions } from "./near-options.ts";
import { type Holdings, NearTracking } from "./near-tracking.ts";
import { absent, type Decoded, decodeValue, keyBytes } from "./near-values.ts";
import { type Entry, S3Fifo } from "./s3-fifo.ts";

/** What a near cache has done since it was opened. */
export interface NearCounters {
  /** Calls that were answered without the server. */
  readonly hits: number;
  /** Calls of get() that were not. */
  readonly misses: number;
  /** Entries, or reads under way, that the server has told to drop. */
  readonly invalidations: number;
  /** How often everything was dropped: FLUSHALL, or a connection that could not go on. */
  readonly drops: number;
  /** How often a new connection went on where the one before it ended, and nothing was dropped. */
  readonly resumed: number;
  /** Entries that left for want of room. */
  readonly evictions: number;
  /** Bytes of the entries, as estimated. */
  readonly bytes: number;
  readonly entries: number;
}

/** A read under way. */
interface Read {
  /** By monotonicMs(). From then on its reply may be too old for whoever asks. */
  readonly sharedUntil: number;
  readonly promise: Promise<unknown>;
}

/**
 * Values of the server in this process, kept right by what the server pushes. Open it with
 * {@link Client.near}. It has one connection of its own to the node from which the client reads.
 *
 * What it serves is never older than the last invalidation that has arrived, and while its
 * connection stands still never older than `maxSilence`, after it was lost `maxStaleness`. An entry
 * is not served after its time to live, which is counted from before its read was sent. What this
 * client writes is dropped before the write's promise resolves; what another client writes may be
 * served until the push arrives, which is mostly after that client has its reply.
 *
 * All callers get the same value: strings, and objects that are frozen all the way down. With
 * `decode: "bytes"` all get the same Uint8Array, which nobody must write to.
 */
export type NearCache<T = string> = Pick<NodeNearCache<T>, keyof NodeNearCache<T>>;

/** The near cache of one group of nodes; to callers it is a {@link NearCache}. */
export class NodeNearCache<T = string> implements AsyncDisposable {
  private readonly settings: NearSettings;
  private readonly router: Requester;
  private readonly ledger: Ledger;
  private readonly store: S3Fifo<T | null>;
  private readonly reads = new Map<string, Read>();
  private readonly tracking: NearTracking;
  private readonly link: PushLink;
  private readonly watcher: WriteWatcher;
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly time = new RecentTime();
  private isBeating = false;
  /** Set when it is closed, or the link is given up. */
  private endedBy: MSCacheError | null = null;
  /** No key that is held or under way is longer, in UTF-16 units. */
  private longestKey = 0;
  private hits = 0;
  private misses = 0;

  private constructor(router: Requester, ledger: Ledger, settings: NearSettings) {
    this.settings = settings;
    this.router = router;
    this.ledger = ledger;
    this.store = new S3Fifo(settings.maxBytes);
    this.tracking = new NearTracking(settings, this.holdings());
    this.link = new PushLink(ledger, () => router.readPlace, this.listener());
    this.watcher = (command) => this.wrote(command);
    ledger.writeWatchers.add(this.watcher);
    this.timer = setInterval(() => this.beat(), settings.maxSilenceMs / beatsPerSilence);
    this.timer.unref();
  }

  /** @internal What console.log() shows: no password, and nothing of what is inside. */
  [inspected](): string {
    return shownAs("NearCache", { maxBytes: this.settings.maxBytes });
  }

  /**
   * Use {@link Client.near}. With `isPatient`, a node that cannot be reached is tried again.
   *
   * @internal
   */
  static async open<T>(
    router: Requester,
    ledger: Ledger,
    options: NearOptions<T> | undefined,
    isPatient = false,
  ): Promise<NearCache<T>> {
    const near = new NodeNearCache<T>(router, ledger, resolveNearOptions(options));
    try {
      await (isPatient ? near.link.begin() : near.link.connect());
    } catch (cause) {
      near.finish(cause as MSCacheError);
      throw cause;
    }
    return near;
  }

  /**
   * The value if it is held and may be served: the decoded value, null if it is known that the key
   * does not exist, undefined if the server must be asked. It never asks, and never throws. A hit
   * takes half of the time of an awaited get().
   *
   * @example
   * const held = near.peek("user:1");
   * const user = held === undefined ? await near.get("user:1") : held;
   */
  peek(key: string): T | null | undefined {
    return this.hit(key)?.value;
  }

  /**
   * The value, or null if the key does not exist: from this process if it is held, else from the
   * server. Calls for a key whose read is under way share it, for up to `maxSilence`. While the
   * connection of the near cache is lost, it is read as {@link Client.get} reads, and not held.
   *
   * Rejects like {@link Client.get}, and with what `decode` throws.
   *
   * @example const name = await near.get("user:1:name");
   */
  get(key: string): Promise<T | null> {
    const entry = this.hit(key);
    return entry === undefined ? this.read(key) : entry.promised;
  }

  /**
   * Drops what is held of a key; the next get() asks the server.
   *
   * @example near.forget("user:1");
   */
  forget(key: string): void {
    this.outdate(key);
  }

  /**
   * Drops everything.
   *
   * @example near.clear();
   */
  clear(): void {
    this.outdateAll();
  }

  /**
   * The counters, as they are now.
   *
   * @example const { hits, misses } = near.counters;
   */
  get counters(): NearCounters {
    const { invalidations, drops, resumed } = this.tracking;
    const { evictions, bytes, size } = this.store;
    const { hits, misses } = this;
    return { hits, misses, invalidations, drops, resumed, evictions, bytes, entries: size };
  }

  /**
   * Whether it may serve what it holds.
   *
   * @example if (!near.isVouchedFor) console.log("reads ask the server");
   */
  get isVouchedFor(): boolean {
    return monotonicMs() < this.tracking.vouchedUntil;
  }

  /**
   * Closes its connection and drops everything. get() rejects with ClosedError from then on. When
   * the client is closed, so is this. (Once `reconnect.maxAttempts` have failed it is closed, too,
   * and get() rejects with ConnectError.)
   *
   * @example await near.close();
   */
  close(): Promise<void> {
    this.link.close();
    return Promise.resolve();
  }

  /** close(), for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- reading ----------------------------------------------------------------------------------

  /** The entry, if it may be served. */
  private hit(key: string): Entry<T | null> | undefined {
    const entry = this.store.use(key);
    if (entry === undefined) return undefined;
    const { vouchedUntil } = this.tracking;
    if (!this.time.isBefore(Math.min(vouchedUntil, entry.expiresAt))) {
      if (!this.time.isBefore(entry.expiresAt)) this.store.delete(key);
      return undefined;
    }
    this.hits++;
    return entry;
  }

  private read(key: string): Promise<T | null> {
    if (this.endedBy !== null) return Promise.reject(this.endedBy);
    if (typeof key !== "string") return Promise.reject(wrongKind("key", "a string", key));
    if (!isArgument(key)) return Promise.reject(argumentFault("key", key));
    this.misses++;
    if (!this.isVouchedFor) this.beat(); // this thread may have stood still, not the server
    const underWay = this.reads.get(key);
    const now = monotonicMs();
    if (underWay !== undefined && now < underWay.sharedUntil) {
      return underWay.promise as Promise<T | null>;
    }
    // A node that reads have left may not have what was written since.
    if (!this.link.isInPlace || !this.covers(key)) return this.readElsewhere(key);
    this.longestKey = Math.max(this.longestKey, key.length);
    const promise = this.readAndHold(key, () => this.reads.get(key) === read);
    const read: Read = { sharedUntil: now + this.settings.maxSilenceMs, promise };
    this.reads.set(key, read);
    return promise;
  }

  /** Whether the server tells of changes of this key, in a form that is recognized. */
  private covers(key: string): boolean {
    const { prefixes } = this.settings;
    if (!key.isWellFormed()) return false; // what is no Unicode text comes back as another key
    return prefixes.length === 0 || prefixes.some((prefix) => key.startsWith(prefix));
  }

  /** `isCurrent`: whether nothing has been heard of the key since the read was sent. */
  private async readAndHold(key: string, isCurrent: () => boolean): Promise<T | null> {
    try {
      if (this.ledger.settings.readYourWrites && !(await this.router.hasOwnWrites())) {
        return await this.readElsewhere(key);
      }
      const askedAt = monotonicMs();
      const value = this.link.send(["GET", key], bytesOrNull);
      const life = this.link.send(["PTTL", key], timeLeft);
      const [bytes, left] = await Promise.all([value, life]);
      const decoded = this.decode(key, bytes);
      // It may have expired between the two commands; then it is not held.
      if (isCurrent() && (bytes === null || left !== null)) {
        this.hold(key, decoded, bytes === null ? Number.POSITIVE_INFINITY : askedAt + (left ?? 0));
      }
      return decoded.value as T | null;
    } catch (cause) {
      if (isLinkTrouble(cause) && this.endedBy === null) return await this.readElsewhere(key);
      throw cause;
    } finally {
      if (isCurrent()) this.reads.delete(key);
    }
  }

  private hold(key: string, { value, bytes }: Decoded, expiresAt: number): void {
    this.store.set(key, value as T | null, keyBytes(key) + bytes, expiresAt);
  }

  /** By the client's own connections; nobody tells of later changes, so it is not held. */
  private async readElsewhere(key: string): Promise<T | null> {
    const bytes = await this.router.read(["GET", key], bytesOrNull);
    return this.decode(key, bytes).value as T | null;
  }

  private decode(key: string, bytes: Uint8Array | null): Decoded {
    return bytes === null ? absent : decodeValue(this.settings.decode, bytes, key);
  }

  // ---- dropping ---------------------------------------------------------------------------------

  private outdate(key: string): boolean {
    const wasRead = this.reads.delete(key);
    return this.store.delete(key) || wasRead;
  }

  private outdateAll(): void {
    this.reads.clear();
    this.store.clear();
  }

  /**
   * A write of this client was answered: whatever it names may have changed. Keys are arguments;
   * that others of them are dropped as well does no harm.
   */
  private wrote(command: Command): void {
    if (wholeDatabase.has(String(command[0]).toUpperCase())) {
      this.outdateAll();
      return;
    }
    for (let i = 1; i < command.length; i++) {
      const argument = command[i];
      if (!(argument instanceof Uint8Array)) this.outdateShort(String(argument));
      else if (argument.length <= this.longestKey * utf8BytesMax) {
        this.outdate(Buffer.from(argument).toString("utf8"));
      }
    }
  }

  private outdateShort(argument: string): void {
    if (argument.length <= this.longestKey) this.outdate(argument.toWellFormed());
  }

  private holdings(): Holdings {
    return {
      forget: (key) => this.outdate(key),
      forgetAll: () => this.outdateAll(),
      outdateReads: () => this.reads.clear(),
    };
  }

  // ---- the link ---------------------------------------------------------------------------------

  private listener(): PushListener {
    const { tracking } = this;
    return {
      up: (send) => tracking.up(send),
      down: () => tracking.down(),
      push: (items) => tracking.push(items),
      ended: (cause) => {
        tracking.ended(cause);
        this.finish(cause);
      },
    };
  }

  /** One question at a time: a server that stands still is not asked more and more. */
  private beat(): void {
    this.link.follow();
    if (this.isBeating || !this.link.isUp) return;
    this.isBeating = true;
    const send: Send = (command, shape) => this.link.send(command, shape);
    this.tracking
      .beat(send)
      .catch(() => undefined) // without a reply nothing is proved, and down() tells of a lost link
      .finally(() => {
        this.isBeating = false;
      });
  }

  private finish(cause: MSCacheError): void {
    this.endedBy ??= cause;
    clearInterval(this.timer);
    this.ledger.writeWatchers.delete(this.watcher);
    this.outdateAll();
  }
}

// --- internal ---

/** How often the server is asked within the time for which it may be silent. */
const beatsPerSilence = 4;
/** Of a UTF-16 unit. */
const utf8BytesMax = 3;
const wholeDatabase: ReadonlySet<string> = new Set(["FLUSHALL", "FLUSHDB", "SWAPDB"]);

/** The reply will not come, but another connection may have one. */
function isLinkTrouble(cause: unknown): boolean {
  return cause instanceof ConnectionLostError || cause instanceof ConnectError;
}
