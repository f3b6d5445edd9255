// The store: what everything outside src/store/ uses. It picks the shard of a key among those that
// serve (halves.ts), takes locks, and keeps the registers that describe the item last found; all
// else happens in the shards. Who locks: find, read, set, delete, setExpiry, setRange, version and
// randomItem run under the lock that their caller took; makeRoom, scan, sweep and clear take theirs
// themselves and want none held (or all, in a transaction). Without other threads locks are no-ops.
// Invariant: the registers are valid until the next call on this store, by this thread.

import { assert } from "../base/errors.ts";
import { Attachment, type RemovalListener } from "./attachment.ts";
import { clearHalf, keepPagesReleased, releaseStalePages } from "./clearing.ts";
import { Halves } from "./halves.ts";
import { checkStore } from "./invariants.ts";
import { Mutex, type ThreadTable } from "./lock.ts";
import { LookAhead } from "./look-ahead.ts";
import {
  CLEARS,
  EVICTION,
  type EvictionPolicy,
  EXPIRES,
  ITEMS,
  LIMIT_UNITS,
  RESERVE_UNITS,
  type StoreMemory,
  shardLockWord,
  toUnits,
  USED_UNITS,
  unitBytes,
  VALUE_BYTES_MAX,
  valueBytesCeiling,
} from "./memory.ts";
import { Replacement } from "./replacement.ts";
import { Rewriter } from "./rewrite.ts";
import { RoomMaker } from "./room.ts";
import type { Shard } from "./shard.ts";
import {
  collectStatistics,
  crowdedWrites,
  resetStatistics,
  type StoreStatistics,
} from "./statistics.ts";
import { Walker } from "./walker.ts";

export type { RemovalListener, RemovalReason } from "./attachment.ts";
export type { Replacement } from "./replacement.ts";
export { FULL, STORED, TOO_LARGE } from "./shard.ts";
export type { StoreStatistics } from "./statistics.ts";

export interface ItemVisitor {
  /** The store's registers hold the item. The visitor calls nothing of the store but copyTo(). */
  visit(store: Store): void;
}

export class Store {
  readonly #attachment: Attachment;
  readonly #halves: Halves;
  /** By the number of their shard. */
  readonly #rewriters: readonly Rewriter[];
  /** For each half. */
  readonly #rooms: readonly RoomMaker[];
  readonly #walker: Walker;
  readonly #ahead: LookAhead;
  /** Null when only one thread uses the store. */
  readonly #locks: readonly Mutex[] | null;
  /** Shards that lockShards() holds: a bit each. */
  #held: number;
  /**
   * What lock() locked, or recall() named, with its hash: the calls that follow hash the key once.
   */
  #knownKey: Uint8Array | null;
  #knownStart: number;
  #knownEnd: number;
  #knownHash: number;
  /** The shard that lock() locked, -1 for none. */
  #lockedNumber: number;

  constructor(memory: StoreMemory, threadId: number) {
    const attachment = new Attachment(memory, threadId);
    const halves = new Halves(attachment);
    this.#attachment = attachment;
    this.#halves = halves;
    this.#rewriters = halves.shards.map((shard) => new Rewriter(shard));
    this.#locks = memory.concurrent ? this.#makeLocks(threadId) : null;
    const locks = this.#locks && [...this.#locks, ...this.#locks];
    this.#rooms = [halves.first, halves.second].map((it) => new RoomMaker(attachment, it, locks));
    this.#walker = new Walker(attachment, halves, this.#locks);
    this.#ahead = new LookAhead(attachment.arenas, halves.shards[0]);
    this.#held = 0;
    this.#knownKey = null;
    this.#knownStart = 0;
    this.#knownEnd = 0;
    this.#knownHash = 0;
    this.#lockedNumber = -1;
    keepPagesReleased(attachment, halves.shards);
  }

  #makeLocks(threadId: number): Mutex[] {
    const { global, threads } = this.#attachment;
    return this.#halves.first.map(
      (_, number) => new Mutex(global, shardLockWord(number), threadId, threads),
    );
  }

  // ---- registers: the current item --------------------------------------------------------------

  get valueLength(): number {
    return this.#attachment.current.valueLength;
  }

  /** Milliseconds, 0 = never. */
  get expiresAt(): number {
    return this.#attachment.current.expiresAt;
  }

  get clientFlags(): number {
    return this.#attachment.current.clientFlags;
  }

  /** The key, where a scan or randomItem() found the item: a view of an arena, to be copied. */
  get keyBytes(): Uint8Array {
    return this.#attachment.current.keyBytes;
  }

  get keyStart(): number {
    return this.#attachment.current.keyStart;
  }

  get keyEnd(): number {
    return this.#attachment.current.keyEnd;
  }

  /** Copies bytes of the current item's value. */
  copyTo(target: Uint8Array, at: number, from: number, length: number): void {
    this.#attachment.current.copyTo(target, at, from, length);
  }

  // ---- looking ahead ----------------------------------------------------------------------------

  /**
   * Says that this key will be looked up soon, and its hash; for several keys, before lookAhead().
   */
  willNeed(key: Uint8Array, start: number, end: number): number {
    const hash = this.#attachment.hasher.hash(key, start, end);
    this.#ahead.add(this.#shardOf(hash), hash);
    return hash;
  }

  /** Fetches into the processor's cache what the announced lookups will read, all at once. */
  lookAhead(): void {
    this.#ahead.finish();
  }

  // ---- items ------------------------------------------------------------------------------------

  hash(key: Uint8Array, start: number, end: number): number {
    const known = key === this.#knownKey && start === this.#knownStart;
    if (known && end === this.#knownEnd) return this.#knownHash;
    return this.#attachment.hasher.hash(key, start, end);
  }

  /** Spares the next calls for this key its hash, until forget(): before the bytes may change. */
  recall(key: Uint8Array, start: number, end: number, hash: number): void {
    this.#knownKey = key;
    this.#knownStart = start;
    this.#knownEnd = end;
    this.#knownHash = hash;
  }

  forget(): void {
    this.#knownKey = null;
  }

  /** Whether the key has an item that lives at `now`; it becomes current. Counts no use. */
  find(key: Uint8Array, start: number, end: number, now: number): boolean {
    const hash = this.hash(key, start, end);
    return this.#shardOf(hash).find(hash, key, start, end, now);
  }

  /** As find(), and counts: a use of the item, a hit or a miss. */
  read(key: Uint8Array, start: number, end: number, now: number): boolean {
    const hash = this.hash(key, start, end);
    return this.#shardOf(hash).read(hash, key, start, end, now);
  }

  /**
   * Stores an item: STORED, TOO_LARGE or FULL. Room was made before by makeRoom(); within a command
   * it may go beyond the limit up to the reserve. The bytes must not be the store's own.
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
    const shard = this.#shardOf(hash);
    return shard.set(
      hash,
      key,
      keyStart,
      keyEnd,
      value,
      valueStart,
      valueEnd,
      expiresAt,
      clientFlags,
    );
  }

  /** True if an item that lives at `now` went. */
  delete(key: Uint8Array, start: number, end: number, now: number): boolean {
    const hash = this.hash(key, start, end);
    return this.#shardOf(hash).delete(hash, key, start, end, now);
  }

  /**
   * Another expiry for an item that is known to live, 0 for none; false if it has no room to move.
   */
  setExpiry(key: Uint8Array, start: number, end: number, expiresAt: number): boolean {
    const hash = this.hash(key, start, end);
    return this.#rewriters[this.#shardOf(hash).number].setExpiry(hash, key, start, end, expiresAt);
  }

  /**
   * Writes bytes at an offset of the value, with zeros up to it where the value is shorter, and
   * creates the item if there is none. Keeps expiry and flags. Answers as set(); the item is then
   * current.
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
    const rewriter = this.#rewriters[this.#shardOf(hash).number];
    return rewriter.setRange(hash, key, keyStart, keyEnd, offset, bytes, start, end, now);
  }

  /** Changes whenever the key's item is written or goes; other keys may change it too, rarely. */
  version(key: Uint8Array, start: number, end: number): number {
    const hash = this.hash(key, start, end);
    const { memory, global } = this.#attachment;
    return memory.versionEpoch + global[CLEARS] + this.#shardOf(hash).version(hash);
  }

  #shardOf(hash: number): Shard {
    return this.#halves.shardOf(hash);
  }

  // ---- room -------------------------------------------------------------------------------------

  /**
   * Makes room for `bytes` more in the key's shard, before any lock is taken. False: they do not
   * fit, because nothing may be evicted or the reserve is used up.
   */
  makeRoom(key: Uint8Array, start: number, end: number, bytes: number, now: number): boolean {
    const room = this.#rooms[this.#halves.half];
    if (room.hasPlenty(bytes)) return true;
    return room.makeRoom(this.#shardOf(this.hash(key, start, end)), bytes, now);
  }

  /** What segments, index and ghosts use now, bytes. */
  memoryUsed(): number {
    return this.#attachment.global[USED_UNITS] * unitBytes;
  }

  get limitBytes(): number {
    return this.#attachment.global[LIMIT_UNITS] * unitBytes;
  }

  /**
   * A new limit, which later calls of makeRoom() and sweep() bring about; false above the reserve.
   */
  setLimit(bytes: number): boolean {
    if (toUnits(bytes) > this.#attachment.global[RESERVE_UNITS]) return false;
    this.#attachment.global[LIMIT_UNITS] = toUnits(bytes);
    return true;
  }

  /** The longest value that set() takes: what was configured, or a quarter of the limit. */
  get valueBytesMax(): number {
    return Math.min(this.#attachment.global[VALUE_BYTES_MAX], this.limitBytes / 4);
  }

  setValueLimit(bytes: number): void {
    this.#attachment.global[VALUE_BYTES_MAX] = Math.min(bytes, valueBytesCeiling);
  }

  setEviction(policy: EvictionPolicy): void {
    this.#attachment.global[EVICTION] = policy === "s3fifo" ? 1 : 0;
  }

  /**
   * Lets the next writes go beyond the reserve: for a command that a full memory does not refuse.
   */
  set overdraws(value: boolean) {
    this.#attachment.segments.overdraws = value;
  }

  /** Whether this node expires and evicts by itself, as a leader does; a follower only hides. */
  get expires(): boolean {
    return this.#attachment.expires;
  }

  set expires(value: boolean) {
    this.#attachment.global[EXPIRES] = value ? 1 : 0;
  }

  /**
   * Told, in this thread, of items that expire or are evicted, while their shard's lock is held.
   */
  get listener(): RemovalListener | null {
    return this.#attachment.listener;
  }

  set listener(listener: RemovalListener | null) {
    this.#attachment.listener = listener;
  }

  /**
   * Whether reads by this thread count as uses, which keep an item from being evicted; at first
   * they do.
   */
  set countsUses(value: boolean) {
    this.#attachment.countsUses = value;
  }

  // ---- the whole store --------------------------------------------------------------------------

  /** Visits the live items of one bucket; the cursor to go on with, 0 at the end. */
  scan(cursor: number, now: number, visitor: ItemVisitor): number {
    return this.#walker.scan(cursor, now, () => visitor.visit(this));
  }

  /**
   * Whether a walk that goes on at `cursor`, which is not 0, is beyond this key's place and visits
   * it no more.
   */
  passed(cursor: number, key: Uint8Array, start: number, end: number): boolean {
    return this.#walker.passed(cursor, this.hash(key, start, end));
  }

  /** A slice of background work: removes expired items from some buckets; how many it removed. */
  sweep(budgetBuckets: number, now: number): number {
    releaseStalePages(this.#attachment);
    this.#rooms[this.#halves.half].repay(now);
    return this.#walker.sweep(budgetBuckets, now);
  }

  /** Makes some live item current, chosen by 32 random bits. The caller holds all shards. */
  randomItem(random: number, now: number): boolean {
    return this.#walker.randomItem(random, now);
  }

  /** FLUSHALL. Scans that are under way end; the memory goes back in later slices, by sweep(). */
  clear(): void {
    const taken = this.lockShards(this.allShards);
    clearHalf(this.#attachment, this.#halves.serving, this.#halves.spare);
    this.#attachment.global[CLEARS]++;
    this.unlockShards(taken);
  }

  /** Begins to gather what is to take the place of all items, which stay readable meanwhile. */
  beginReplacement(): Replacement {
    return new Replacement(this, this.#attachment, this.#halves, this.#rooms[0]);
  }

  /** Items, expired ones included that nobody has met yet. */
  count(): number {
    let items = 0;
    for (const shard of this.#halves.serving) items += shard.state[ITEMS];
    return items;
  }

  /**
   * A number that every write, expiry and eviction moves on by one (a clear(), a take-over, and
   * each item that a replacement gathers, too), modulo 2^32: what two calls differ by is how much
   * happened in between. May be slow: it adds up the version counters.
   */
  changes(): number {
    let sum = this.#attachment.global[CLEARS];
    for (const shard of this.#halves.serving) sum = (sum + shard.changes()) | 0;
    return sum;
  }

  statistics(): StoreStatistics {
    return collectStatistics(this.#attachment, this.#halves);
  }

  /** Writes that met a chain of the index at its bound: somebody chooses keys that collide. */
  crowdedWrites(): number {
    return crowdedWrites(this.#halves.shards);
  }

  resetStatistics(): void {
    resetStatistics(this.#halves.shards);
  }

  /** Throws on any inconsistency. For tests: it walks everything. */
  invariants(): void {
    checkStore(this.#attachment, this.#halves);
  }

  // ---- locks ------------------------------------------------------------------------------------

  /** Which threads live: a lock whose owner died is thrown at whoever waits for it. */
  get threads(): ThreadTable {
    return this.#attachment.threads;
  }

  /**
   * Whether several threads use this store, so that commands take the locks of their keys' shards.
   */
  get isShared(): boolean {
    return this.#locks !== null;
  }

  /** Locks the key's shard, unless lockShards() holds it already. One key at a time. */
  lock(key: Uint8Array, start: number, end: number): void {
    if (this.#locks === null) return;
    assert(this.#lockedNumber < 0, "several keys are locked by lockShards()");
    const hash = this.hash(key, start, end);
    const number = this.#halves.numberOf(hash);
    if ((this.#held & (1 << number)) === 0) this.#locks[number].acquire();
    this.recall(key, start, end, hash);
    this.#lockedNumber = number;
  }

  unlock(key: Uint8Array, start: number, end: number): void {
    if (this.#locks === null) return;
    const number = this.#lockedNumber;
    assert(number >= 0 && key === this.#knownKey, "unlocked as it was locked");
    assert(start === this.#knownStart && end === this.#knownEnd, "unlocked as it was locked");
    this.#knownKey = null;
    this.#lockedNumber = -1;
    if ((this.#held & (1 << number)) === 0) this.#locks[number].release();
  }

  /** The key's bit among the shards, to be gathered for lockShards(). */
  shardBit(key: Uint8Array, start: number, end: number): number {
    return 1 << this.#halves.numberOf(this.hash(key, start, end));
  }

  get allShards(): number {
    const { count } = this.#halves;
    return count === 32 ? -1 : (1 << count) - 1;
  }

  /**
   * Locks those shards of the mask that this thread does not hold yet, ascending, and returns them
   * for unlockShards(): inside a transaction that holds all, the commands' own calls do nothing.
   */
  lockShards(mask: number): number {
    if (this.#locks === null) return 0;
    const wanted = mask & ~this.#held;
    for (let left = wanted; left !== 0; left &= left - 1) {
      this.#locks[31 - Math.clz32(left & -left)].acquire();
    }
    this.#held |= wanted;
    return wanted;
  }

  unlockShards(taken: number): void {
    if (this.#locks === null) return;
    this.#held &= ~taken;
    for (let left = taken; left !== 0; ) {
      const number = 31 - Math.clz32(left);
      this.#locks[number].release();
      left &= ~(1 << number);
    }
  }

  /**
   * Gives back whatever lock() and lockShards() took, for a command that was broken off before it
   * changed anything.
   */
  unlockAll(): void {
    const key = this.#knownKey;
    if (this.#lockedNumber >= 0 && key !== null) this.unlock(key, this.#knownStart, this.#knownEnd);
    this.unlockShards(this.#held);
  }
}
