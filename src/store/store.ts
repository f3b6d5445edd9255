// The store: the interface for everything outside src/store/. It picks the serving shard of a key
// (halves.ts), takes locks, and has the registers that describe the item found last; the shards do
// the rest.
// Locks: find, read, set, delete, setExpiry, setRange, version and randomItem run under locks that
// their caller has taken; makeRoom, scan, sweep and clear take their own and must be called with
// none held (or all, in a transaction). With one thread, locks are no-ops.
// Invariant: the registers are valid until this thread's next call of this store.

import { assert } from "../base/errors.ts";
import { Attachment, type RemovalListener } from "./attachment.ts";
import { clearHalf, keepPagesReleased, releaseStalePages } from "./clearing.ts";
import { Halves } from "./halves.ts";
import { checkStore } from "./invariants.ts";
import { type ItemFacts, itemFacts } from "./item-facts.ts";
import type { ThreadTable } from "./lock.ts";
import { LookAhead } from "./look-ahead.ts";
import {
  CLEARS,
  EVICTION,
  type EvictionPolicy,
  EXPIRES,
  LIMIT_UNITS,
  RESERVE_UNITS,
  type StoreMemory,
  toUnits,
  USED_UNITS,
  unitBytes,
  VALUE_BYTES_MAX,
  valueBytesCeiling,
} from "./memory.ts";
import { Replacement } from "./replacement.ts";
import { Rewriter } from "./rewrite.ts";
import { RoomMaker } from "./room.ts";
import { ShardLocks } from "./shard-locks.ts";
import {
  collectStatistics,
  crowdedWrites,
  resetStatistics,
  type StoreStatistics,
} from "./statistics.ts";
import { StoreDatabases } from "./store-databases.ts";
import { Walker } from "./walker.ts";

export type { RemovalListener, RemovalReason } from "./attachment.ts";
export type { Replacement } from "./replacement.ts";
export { FULL, STORED, TOO_LARGE } from "./shard.ts";
export type { StoreStatistics } from "./statistics.ts";
export type { DatabaseReport, StoreDatabases } from "./store-databases.ts";

/** What a write that needs room looks at for items of flushed databases, before others must go. */
const buriedBucketsPerWrite = 256;

export interface ItemVisitor {
  /**
   * The store's registers hold the item. The visitor may read them and call copyTo(), nothing else.
   */
  visit(store: Store): void;
}

export class Store {
  /** Whether the last sweep() repaid a part of an overdraft: another may repay more. */
  repays = false;
  /** Items are found, written, walked and counted in the selected one. */
  readonly databases: StoreDatabases;
  protected readonly attachment: Attachment;
  protected readonly halves: Halves;
  /** One per shard, by its number. */
  private readonly rewriters: readonly Rewriter[];
  /** One per half. */
  private readonly rooms: readonly RoomMaker[];
  private readonly walker: Walker;
  private readonly ahead: LookAhead;
  /** Null if only one thread uses the store. */
  private readonly locks: ShardLocks | null;
  /** The key of lock() or recall(), with its hash: the calls that follow need not hash it again. */
  private knownKey: Uint8Array | null;
  private knownStart: number;
  private knownEnd: number;
  private knownHash: number;
  /** The shard that lock() locked, or -1. */
  private lockedNumber: number;

  constructor(memory: StoreMemory, threadId: number) {
    const attachment = new Attachment(memory, threadId);
    const halves = new Halves(attachment);
    this.attachment = attachment;
    this.halves = halves;
    this.rewriters = halves.shards.map((shard) => new Rewriter(shard));
    this.locks = memory.concurrent ? new ShardLocks(attachment, halves.count, threadId) : null;
    const mutexes = this.locks?.mutexes ?? null;
    const locks = mutexes && [...mutexes, ...mutexes];
    this.rooms = [halves.first, halves.second].map((it) => new RoomMaker(attachment, it, locks));
    this.walker = new Walker(attachment, halves, mutexes);
    this.databases = new StoreDatabases(this, attachment, halves, this.walker);
    this.ahead = new LookAhead(attachment, halves.shards[0]);
    this.knownKey = null;
    this.knownStart = 0;
    this.knownEnd = 0;
    this.knownHash = 0;
    this.lockedNumber = -1;
    keepPagesReleased(attachment, halves.shards);
  }

  // ---- registers: the current item --------------------------------------------------------------

  get valueLength(): number {
    return this.attachment.current.valueLength;
  }

  /** Milliseconds, 0 = never. */
  get expiresAt(): number {
    return this.attachment.current.expiresAt;
  }

  get clientFlags(): number {
    return this.attachment.current.clientFlags;
  }

  /** The key, after a scan or randomItem(): a view of an arena, which the caller must copy. */
  get keyBytes(): Uint8Array {
    return this.attachment.current.keyBytes;
  }

  get keyStart(): number {
    return this.attachment.current.keyStart;
  }

  get keyEnd(): number {
    return this.attachment.current.keyEnd;
  }

  /** Copies bytes of the current item's value. */
  copyTo(target: Uint8Array, at: number, from: number, length: number): void {
    this.attachment.current.copyTo(target, at, from, length);
  }

  /** The current item's value as text. Only for a store that one thread has, or under its lock. */
  text(): string {
    return this.attachment.current.text();
  }

  // ---- looking ahead ----------------------------------------------------------------------------

  /** Announces a key for lookAhead(), and returns its hash. */
  willNeed(key: Uint8Array, start: number, end: number): number {
    const hash = this.attachment.hasher.hash(key, start, end);
    this.ahead.add(this.halves.shardOf(hash), hash);
    return hash;
  }

  /**
   * Fetches the memory that the announced lookups will read into the processor's cache, all at
   * once.
   */
  lookAhead(): void {
    this.ahead.finish();
  }

  // ---- items ------------------------------------------------------------------------------------

  hash(key: Uint8Array, start: number, end: number): number {
    const known = key === this.knownKey && start === this.knownStart;
    if (known && end === this.knownEnd) return this.knownHash;
    return this.attachment.hasher.hash(key, start, end);
  }

  /** Sets the hash of a key for the next calls. Call forget() before the bytes may change. */
  recall(key: Uint8Array, start: number, end: number, hash: number): void {
    this.knownKey = key;
    this.knownStart = start;
    this.knownEnd = end;
    this.knownHash = hash;
  }

  forget(): void {
    this.knownKey = null;
  }

  /** Whether the key has an item that is live at `now`; it becomes current. Counts nothing. */
  find(key: Uint8Array, start: number, end: number, now: number): boolean {
    const hash = this.hash(key, start, end);
    return this.halves.shardOf(hash).find(hash, key, start, end, now);
  }

  /** As find(), but counts a use of the item, and a hit or a miss. */
  read(key: Uint8Array, start: number, end: number, now: number): boolean {
    const hash = this.hash(key, start, end);
    return this.halves.shardOf(hash).read(hash, key, start, end, now);
  }

  /** What the key's item costs, if one is live at `now`. Counts nothing. */
  facts(key: Uint8Array, start: number, end: number, now: number): ItemFacts | null {
    const hash = this.hash(key, start, end);
    return itemFacts(this.halves.shardOf(hash), hash, key, start, end, now);
  }

  /**
   * Stores an item; returns STORED, TOO_LARGE or FULL. Call makeRoom() first; within a command,
   * set() may exceed the limit up to the reserve. The bytes must not be in the store's own memory.
   */
  set(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
    clientFlags: number,
  ): number {
    const hash = this.hash(key, keyStart, keyEnd);
    return this.halves
      .shardOf(hash)
      .set(hash, key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt, clientFlags);
  }

  /** Deletes the key; true if it had an item that was live at `now`. */
  delete(key: Uint8Array, start: number, end: number, now: number): boolean {
    const hash = this.hash(key, start, end);
    return this.halves.shardOf(hash).delete(hash, key, start, end, now);
  }

  /** Sets the expiry of a live item, ms, 0 for none; false if it has no room to move. */
  setExpiry(key: Uint8Array, start: number, end: number, expiresAt: number): boolean {
    const hash = this.hash(key, start, end);
    const rewriter = this.rewriters[this.halves.shardOf(hash).number];
    return rewriter.setExpiry(hash, key, start, end, expiresAt);
  }

  /**
   * Writes bytes at an offset of the value, fills a gap before it with zeros, and creates the item
   * if there is none. Keeps expiry and flags. Returns as set(); the item is then current.
   */
  setRange(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    offset: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    now: number,
  ): number {
    const hash = this.hash(key, keyStart, keyEnd);
    const rewriter = this.rewriters[this.halves.shardOf(hash).number];
    return rewriter.setRange(hash, key, keyStart, keyEnd, offset, bytes, start, end, now);
  }

  /** It changes when the key's item is written or removed, and rarely because of other keys. */
  version(key: Uint8Array, start: number, end: number): number {
    return this.attachment.memory.versionEpoch + this.versionOf(this.hash(key, start, end));
  }

  /** The version of the keys with this hash within this process, but for changes of databases. */
  versionOf(hash: number): number {
    return this.attachment.global[CLEARS] + this.halves.shardOf(hash).version(hash);
  }

  /** Changes the version of a key that is not there: it was written, and has expired by now. */
  touchVersion(key: Uint8Array, start: number, end: number): void {
    const hash = this.hash(key, start, end);
    this.halves.shardOf(hash).touchVersion(hash);
  }

  // ---- room -------------------------------------------------------------------------------------

  /**
   * Makes room for `bytes` more in the key's shard, before any lock is taken. False if they do not
   * fit, because nothing may be evicted or the reserve is used up.
   */
  makeRoom(key: Uint8Array, start: number, end: number, bytes: number, now: number): boolean {
    const room = this.rooms[this.halves.half];
    if (room.hasPlenty(bytes)) return true;
    this.databases.bury(buriedBucketsPerWrite);
    return room.makeRoom(this.halves.shardOf(this.hash(key, start, end)), bytes, now);
  }

  /** Bytes that segments, index and ghosts use now. */
  memoryUsed(): number {
    return this.attachment.global[USED_UNITS] * unitBytes;
  }

  get limitBytes(): number {
    return this.attachment.global[LIMIT_UNITS] * unitBytes;
  }

  /** Sets the limit, which makeRoom() and sweep() enforce later; false if above the reserve. */
  setLimit(bytes: number): boolean {
    if (toUnits(bytes) > this.attachment.global[RESERVE_UNITS]) return false;
    this.attachment.global[LIMIT_UNITS] = toUnits(bytes);
    return true;
  }

  /**
   * The longest value that set() accepts: the configured one, but at most a quarter of the limit.
   */
  get valueBytesMax(): number {
    return Math.min(this.attachment.global[VALUE_BYTES_MAX], this.limitBytes / 4);
  }

  setValueLimit(bytes: number): void {
    this.attachment.global[VALUE_BYTES_MAX] = Math.min(bytes, valueBytesCeiling);
  }

  setEviction(policy: EvictionPolicy): void {
    this.attachment.global[EVICTION] = policy === "s3fifo" ? 1 : 0;
  }

  /**
   * Lets the next writes exceed the reserve: for a command that is accepted even if memory is full.
   */
  set overdraws(value: boolean) {
    this.attachment.segments.overdraws = value;
  }

  /**
   * Whether this node expires and evicts on its own, as a leader does; a follower only hides
   * expired items.
   */
  get expires(): boolean {
    return this.attachment.expires;
  }

  set expires(value: boolean) {
    this.attachment.global[EXPIRES] = value ? 1 : 0;
  }

  /**
   * Called in this thread for items that expire or are evicted, while their shard's lock is held.
   */
  get listener(): RemovalListener | null {
    return this.attachment.listener;
  }

  set listener(listener: RemovalListener | null) {
    this.attachment.listener = listener;
  }

  /** Whether this thread's reads count as uses, which protect items from eviction. Default true. */
  set countsUses(value: boolean) {
    this.attachment.countsUses = value;
  }

  // ---- the whole store --------------------------------------------------------------------------

  /** Visits the live items of one bucket and database; returns the next cursor, 0 at the end. */
  scan(cursor: number, now: number, visitor: ItemVisitor): number {
    return this.scanIdentity(this.databases.identity, cursor, now, visitor);
  }

  /** As scan(), for the items of a report of `databases`, whatever becomes of its number. */
  scanIdentity(identity: number, cursor: number, now: number, visitor: ItemVisitor): number {
    return this.walker.scan(cursor, identity, now, () => visitor.visit(this));
  }

  /** Whether a walk at `cursor`, which is not 0, has passed this key and will not visit it. */
  passed(cursor: number, key: Uint8Array, start: number, end: number): boolean {
    return this.walker.passed(cursor, this.hash(key, start, end));
  }

  /** A slice of background work: removes items from some buckets, and returns their number. */
  sweep(buckets: number, now: number, reclaimsExpired = true): number {
    releaseStalePages(this.attachment);
    this.repays = this.rooms[this.halves.half].repay(now);
    return this.databases.bury(buckets) + (reclaimsExpired ? this.walker.sweep(buckets, now) : 0);
  }

  /** Makes a live item current, chosen by 32 random bits. The caller holds all shards. */
  randomItem(random: number, now: number): boolean {
    return this.walker.randomItem(random, this.attachment.identity, now);
  }

  /** FLUSHALL. Scans in progress end; sweep() later returns the memory to the system in slices. */
  clear(): void {
    const taken = this.lockShards(this.allShards);
    clearHalf(this.attachment, this.halves.serving, this.halves.spare);
    this.attachment.global[CLEARS]++;
    this.databases.reset();
    this.unlockShards(taken);
  }

  /** Begins a replacement of all items; the current ones stay readable until it takes over. */
  beginReplacement(): Replacement {
    return new Replacement(this, this.attachment, this.halves, this.rooms[0]);
  }

  /** Items of the selected database, including expired ones that were not removed yet. */
  count(): number {
    return this.databases.size(this.databases.selected);
  }

  /**
   * A number that grows by one, modulo 2^32, with every write, expiry, eviction and swap of
   * databases (and with a clear(), a takeover, and each item that a replacement gathers): the
   * difference of two calls is the number of changes in between. May be slow: it adds up the
   * version counters.
   */
  changes(): number {
    let sum = (this.attachment.global[CLEARS] + this.databases.swaps) | 0;
    for (const shard of this.halves.serving) sum = (sum + shard.changes()) | 0;
    return sum;
  }

  statistics(): StoreStatistics {
    return collectStatistics(this.attachment, this.halves, this.databases.reports());
  }

  /** Writes that found a chain of the index at its bound: a client chooses keys that collide. */
  crowdedWrites(): number {
    return crowdedWrites(this.halves.shards);
  }

  resetStatistics(): void {
    resetStatistics(this.halves.shards);
  }

  /** Throws on any inconsistency. For tests: it walks everything. */
  invariants(): void {
    checkStore(this.attachment, this.halves);
  }

  // ---- locks ------------------------------------------------------------------------------------

  /** Which threads are alive: waiting for a lock whose owner has died throws. */
  get threads(): ThreadTable {
    return this.attachment.threads;
  }

  /**
   * Whether several threads use this store, so that commands must lock the shards of their keys.
   */
  get isShared(): boolean {
    return this.locks !== null;
  }

  /** Locks the key's shard, unless lockShards() holds it already. One key at a time. */
  lock(key: Uint8Array, start: number, end: number): void {
    const { locks } = this;
    if (locks === null) return;
    assert(this.lockedNumber < 0, "several keys are locked by lockShards()");
    let hash = this.hash(key, start, end);
    let number = this.halves.numberOf(hash);
    if (!locks.holds(number)) locks.mutexes[number].acquire();
    while (this.databases.isStale) {
      if (!locks.holds(number)) locks.mutexes[number].release();
      this.databases.refresh();
      hash = this.hash(key, start, end);
      number = this.halves.numberOf(hash);
      if (!locks.holds(number)) locks.mutexes[number].acquire();
    }
    this.recall(key, start, end, hash);
    this.lockedNumber = number;
  }

  unlock(key: Uint8Array, start: number, end: number): void {
    if (this.locks === null) return;
    const number = this.lockedNumber;
    assert(number >= 0 && key === this.knownKey, "unlock() gets the key of lock()");
    assert(start === this.knownStart && end === this.knownEnd, "unlock() gets the key of lock()");
    this.knownKey = null;
    this.lockedNumber = -1;
    if (!this.locks.holds(number)) this.locks.mutexes[number].release();
  }

  /** The bit of the key's shard in the mask for lockShards(). */
  shardBit(key: Uint8Array, start: number, end: number): number {
    return 1 << this.halves.numberOf(this.hash(key, start, end));
  }

  get allShards(): number {
    const { count } = this.halves;
    return count === 32 ? -1 : (1 << count) - 1;
  }

  /**
   * Locks the shards of the mask that this thread does not hold yet, in ascending order, and
   * returns them for unlockShards(). In a transaction, which holds all its shards, the calls of its
   * commands do nothing. If `databases.selections` has grown, the keys may have other shards.
   */
  lockShards(mask: number): number {
    if (this.locks === null) return 0;
    const taken = this.locks.take(mask);
    if (taken !== 0 && this.databases.isStale) this.databases.refresh();
    return taken;
  }

  unlockShards(taken: number): void {
    this.locks?.release(taken);
  }

  /** Releases all locks, for a command that was broken off before it changed anything. */
  unlockAll(): void {
    const key = this.knownKey;
    if (this.lockedNumber >= 0 && key !== null) this.unlock(key, this.knownStart, this.knownEnd);
    this.unlockShards(this.locks?.held ?? 0);
  }
}
