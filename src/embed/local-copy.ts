// A copy of a leader's keys in this process, as its owner sees it: synchronous reads, its place in
// the leader's history, waits and events. What fills it is follow-link.ts.
// Invariant: a read answers undefined unless it can vouch for a value or for its absence.
// Hot path: get() makes no object but the string, and none of what recent-texts.ts has.

import { monotonicMs, wallClockMs } from "../base/clock.ts";
import { inspected, shownAs } from "../base/inspected.ts";
import { followRecentBytesMax, handedOutBytesPerCollection, keyBytesMax } from "../base/limits.ts";
import { RecentTime } from "../base/recent-time.ts";
import { checkBag, wrongKind } from "../client/arguments.ts";
import {
  ClosedError,
  ConnectError,
  InvalidArgumentError,
  type MSCacheError,
} from "../client/client-errors.ts";
import type { Store } from "../store/store.ts";
import {
  type CopyKey,
  type CopyLag,
  type CopyState,
  type LocalCopy,
  type WaitOptions,
  waitNames,
} from "./copy-types.ts";
import { type ChangeListener, Changes } from "./follow-changes.ts";
import { BehindError, FollowFaultError } from "./follow-errors.ts";
import { FollowLink } from "./follow-link.ts";
import { type FollowSettings, milliseconds } from "./follow-options.ts";
import { RecentTexts } from "./recent-texts.ts";
import { TextBytes } from "./text-bytes.ts";

/** What an array or a string takes beside its bytes. */
const objectBytes = 64;
/** Memory for strings that were read lately, as a share of `maxMemory` and beside it. */
const recentShare = 1 / 4;

interface Waiter {
  readonly offset: number;
  readonly done: () => void;
  readonly failed: (error: MSCacheError) => void;
}

export class FollowedCopy implements LocalCopy {
  private readonly settings: FollowSettings;
  private readonly changes: Changes;
  private link: FollowLink | null;
  /** Why it has ended; null while it lives. */
  private end: MSCacheError | null = null;
  private lastReason = "it has not answered";
  private waiters: Waiter[] = [];
  private readonly ready = Promise.withResolvers<void>();
  private isReady = false;
  /** Bytes of values since the last collection. */
  private handedOut = 0;
  /** The key that is looked for. */
  private readonly keyText = new TextBytes();
  private readonly recent: RecentTexts;
  private readonly time = new RecentTime();

  constructor(settings: FollowSettings) {
    this.settings = settings;
    this.changes = new Changes((error) => this.report(error));
    this.link = new FollowLink(settings, this.changes, {
      progressed: () => this.progressed(),
      failed: (reason, isRefusal) => this.linkFailed(reason, isRefusal),
      fault: (error) => this.fault(error),
    });
    const bytesMax = Math.min(settings.maxMemory * recentShare, followRecentBytesMax);
    this.recent = new RecentTexts(this.link.store, bytesMax);
  }

  /** @internal What console.log() shows: no password, and nothing of what is inside. */
  [inspected](): string {
    return shownAs("LocalCopy", { leader: this.settings.name });
  }

  /** Resolves once the first snapshot is complete; otherwise closes the copy and rejects. */
  async opened(): Promise<this> {
    const { timeout, signal, name } = this.settings;
    const { reject, promise } = this.ready;
    const late = () => {
      const what = `no snapshot within ${timeout} ms: ${this.lastReason}`;
      reject(new ConnectError(name, what));
    };
    const timer = timeout === Number.POSITIVE_INFINITY ? null : setTimeout(late, timeout);
    const aborted = () => reject(signal?.reason);
    if (signal?.aborted) aborted();
    signal?.addEventListener("abort", aborted);
    try {
      await promise;
      return this;
    } catch (error) {
      this.finish(this.end ?? closed());
      throw error;
    } finally {
      if (timer !== null) clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    }
  }

  // ---- reads ------------------------------------------------------------------------------------

  get(key: CopyKey): string | null | undefined {
    if (typeof key === "string") {
      const text = this.recall(key);
      if (text !== undefined) return text;
    }
    const store = this.find(key);
    if (store === null) return this.missing();
    this.handOut(store.valueLength);
    const text = store.text();
    const { bytes, length } = this.keyText;
    if (typeof key === "string") this.recent.note(key, bytes, length, text);
    return text;
  }

  getBytes(key: CopyKey): Uint8Array | null | undefined {
    const store = this.find(key);
    if (store === null) return this.missing();
    this.handOut(store.valueLength);
    const bytes = new Uint8Array(store.valueLength);
    store.copyTo(bytes, 0, 0, bytes.length);
    return bytes;
  }

  has(key: CopyKey): boolean | undefined {
    if (this.find(key) !== null) return true;
    return this.missing() === null ? false : undefined;
  }

  ttl(key: CopyKey): number | null | undefined {
    const store = this.find(key);
    if (store === null) return this.missing();
    const { expiresAt } = store;
    return expiresAt === 0 ? Number.POSITIVE_INFINITY : expiresAt - wallClockMs();
  }

  *keys(): Generator<string, void, undefined> {
    let cursor = 0;
    do {
      const found: string[] = [];
      cursor = this.scan(cursor, (store) => {
        const key = Buffer.from(store.keyBytes.slice(store.keyStart, store.keyEnd));
        found.push(key.toString());
      });
      yield* found;
    } while (cursor !== 0);
  }

  *entries(): Generator<[key: string, value: string], void, undefined> {
    let cursor = 0;
    do {
      const found: [string, string][] = [];
      cursor = this.scan(cursor, (store) => {
        const key = Buffer.from(store.keyBytes.slice(store.keyStart, store.keyEnd));
        this.handOut(store.valueLength);
        found.push([key.toString(), store.text()]);
      });
      yield* found;
    } while (cursor !== 0);
  }

  [Symbol.iterator](): Generator<[key: string, value: string], void, undefined> {
    return this.entries();
  }

  // ---- where it is ------------------------------------------------------------------------------

  get size(): number {
    const link = this.living();
    if (!this.mayAnswer(link)) return 0;
    link.keyspace.select(this.settings.database);
    return link.store.count();
  }

  get complete(): boolean {
    const { link } = this;
    return link !== null && this.mayAnswer(link) && link.gaps.isEmpty;
  }

  get state(): CopyState {
    const { link } = this;
    if (link === null) return "closed";
    const { state } = link.follower;
    if (state === "connected") return "connected";
    return state === "sync" ? "syncing" : "connecting";
  }

  get offset(): number {
    const link = this.living();
    return link.isWhole ? link.journal.offset : -1;
  }

  get lag(): CopyLag {
    const link = this.living();
    return { ms: monotonicMs() - link.freshMs, bytes: link.follower.readAheadBytes };
  }

  waitFor(offset: number, options: WaitOptions = {}): Promise<void> {
    if (typeof offset !== "number") throw wrongKind("offset", "a number", offset);
    checkBag("options", options, waitNames);
    if (Number.isNaN(offset)) throw new InvalidArgumentError("offset must be a number, not NaN");
    const timeout = milliseconds("timeout", options.timeout, Number.POSITIVE_INFINITY);
    if (this.end !== null) return Promise.reject(this.end);
    if (this.offset >= offset) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = () => {
        if (timer !== null) clearTimeout(timer);
        resolve();
      };
      const failed = (error: MSCacheError) => {
        if (timer !== null) clearTimeout(timer);
        reject(error);
      };
      const waiter: Waiter = { offset, done, failed };
      this.waiters.push(waiter);
      const late = () => {
        this.waiters = this.waiters.filter((other) => other !== waiter);
        reject(new BehindError(offset, this.offset, timeout));
      };
      const timer = timeout === Number.POSITIVE_INFINITY ? null : setTimeout(late, timeout);
    });
  }

  onChange(listener: ChangeListener): () => void {
    this.living();
    if (typeof listener !== "function") throw wrongKind("listener", "a function", listener);
    return this.changes.listen(listener);
  }

  close(): void {
    this.finish(closed());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // ---- internal: reads --------------------------------------------------------------------------

  private living(): FollowLink {
    const { link } = this;
    if (link === null) throw this.end ?? closed();
    return link;
  }

  /** What is handed out is garbage soon, and the collector hardly runs beside shared memory. */
  private handOut(length: number): void {
    this.handedOut += length + objectBytes;
    if (this.handedOut < handedOutBytesPerCollection) return;
    this.handedOut = 0;
    Bun.gc(false);
  }

  private mayAnswer(link: FollowLink): boolean {
    if (!link.isWhole) return false;
    const { maxStaleness } = this.settings;
    if (maxStaleness === Number.POSITIVE_INFINITY) return true;
    return this.time.isBefore(link.freshMs + maxStaleness);
  }

  /** What get() has read before, if that is what it would read now. */
  private recall(key: string): string | undefined {
    const { link } = this;
    if (link === null || !this.mayAnswer(link)) return undefined;
    link.keyspace.select(this.settings.database);
    return this.recent.find(key);
  }

  /** The store, whose registers have the item of the key; null if there is none to vouch for. */
  private find(key: CopyKey): Store | null {
    if (typeof key !== "string" && !(key instanceof Uint8Array)) {
      throw wrongKind("key", "a string or a Uint8Array", key);
    }
    const bytes = this.keyText.of(key);
    const { length } = this.keyText;
    const link = this.living();
    if (!this.mayAnswer(link) || length > keyBytesMax) return null;
    const { store, keyspace } = link;
    keyspace.select(this.settings.database);
    if (!store.read(bytes, 0, length, 0)) return null;
    const { expiresAt } = store;
    return expiresAt !== 0 && expiresAt <= wallClockMs() ? null : store;
  }

  /**
   * What to say of the key that find() did not find: null if the leader has none, as far as the
   * copy may say; undefined if it may not.
   */
  private missing(): null | undefined {
    const link = this.living();
    const { bytes, length } = this.keyText;
    if (!this.mayAnswer(link) || !link.covers(bytes, length)) return undefined;
    if (link.gaps.isEmpty) return null;
    return link.gaps.has(bytes, 0, length) ? undefined : null;
  }

  /** Visits some items; returns the next cursor. Visits none while the copy may not answer. */
  private scan(cursor: number, visit: (store: Store) => void): number {
    const link = this.living();
    if (!this.mayAnswer(link)) return 0;
    link.keyspace.select(this.settings.database);
    return link.store.scan(cursor, wallClockMs(), { visit });
  }

  // ---- internal: what happens -------------------------------------------------------------------

  private progressed(): void {
    const { link } = this;
    if (link === null || !link.isWhole) return;
    if (!this.isReady && this.mayAnswer(link)) {
      this.isReady = true;
      this.ready.resolve();
    }
    if (this.waiters.length === 0) return;
    const { offset } = link.journal;
    const reached = this.waiters.filter((waiter) => waiter.offset <= offset);
    this.waiters = this.waiters.filter((waiter) => waiter.offset > offset);
    for (const { done } of reached) done();
  }

  private linkFailed(reason: string, isRefusal: boolean): void {
    this.lastReason = reason;
    if (this.isReady || !isRefusal) return;
    const { name } = this.settings;
    const opening = `cannot connect to ${name}: `; // the client says so, too
    const why = reason.startsWith(opening) ? reason.slice(opening.length) : reason;
    this.ready.reject(new ConnectError(name, why));
  }

  private fault(error: unknown): void {
    const fault = new FollowFaultError(error);
    if (this.isReady) this.report(fault);
    else this.ready.reject(fault);
    this.finish(fault);
  }

  private report(error: unknown): void {
    try {
      this.settings.onError(error);
    } catch {
      // Whoever is to hear of errors has thrown one itself: there is nobody left to tell.
    }
  }

  private finish(reason: MSCacheError): void {
    const { link, waiters } = this;
    if (link === null) return;
    this.end = reason;
    this.link = null;
    this.waiters = [];
    this.changes.close();
    this.recent.clear();
    link.close();
    for (const { failed } of waiters) failed(reason);
  }
}

function closed(): ClosedError {
  return new ClosedError("the copy");
}
