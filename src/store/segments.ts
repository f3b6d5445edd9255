// The pool of segments and the table that describes them: the owner of a segment, how much of it is
// filled and dead, and its place in a queue, a chain or the free list. Knows no items.
// All shards share the free segments, under the pool's lock; the rest of an entry belongs to the
// shard that owns the segment, and changes under that shard's lock.
// Invariant: SEGMENTS_IN_USE plus the free list equals FRESH_SEGMENT, and USED_UNITS counts those
// in use.

import type { Mutex } from "./lock.ts";
import {
  FREE_SEGMENT,
  FRESH_SEGMENT,
  type Geometry,
  LIMIT_UNITS,
  NEWEST,
  NONE,
  OLDEST,
  QUEUE_WORDS,
  QUEUES,
  RESERVE_UNITS,
  SEGMENTS,
  SEGMENTS_IN_USE,
  USED_UNITS,
  unitBytes,
} from "./memory.ts";

// ---- words of a segment's entry (32 bytes) ------------------------------------------------------

const TABLE_SHIFT = 3;
const STATE = 0;
const OWNER = 1;
const FILLED = 2;
const DEAD = 3;
const NEXT = 4;
const PREVIOUS = 5;
const LATEST_EXPIRY = 6;

export const SEGMENT_FREE = 0;
/** Holds items of the small or the main queue: 1 + the queue's number. */
export const SEGMENT_OF_QUEUE = 1;
export const SEGMENT_OF_CHAIN = 3;

/** Latest expiry, in whole seconds, unsigned: an item never expires, or expires after 2106. */
const neverS = 0xffffffff;

/** Releases the pages of a segment that is given back far above the limit. */
export type SegmentReleaser = (segment: number) => void;

export class Segments {
  readonly table: Int32Array;
  readonly segmentBytes: number;
  /** What one segment costs in memory units. */
  readonly units: number;
  release: SegmentReleaser | null;
  /** Whether the current write is never refused: it may go beyond the reserve, into the spare. */
  overdraws: boolean;
  private readonly global: Int32Array;
  private readonly total: number;
  private readonly lock: Mutex | null;

  constructor(geometry: Geometry, global: Int32Array, table: Int32Array, lock: Mutex | null) {
    this.table = table;
    this.segmentBytes = geometry.segmentBytes;
    this.units = geometry.segmentBytes / unitBytes;
    this.release = null;
    this.overdraws = false;
    this.global = global;
    this.total = geometry.segments;
    this.lock = lock;
  }

  // ---- the pool ---------------------------------------------------------------------------------

  /**
   * Takes a segment for `owner`, or NONE. Evictions and overdrawing writes may exceed the reserve.
   */
  take(owner: number, state: number, evicting: boolean): number {
    if (!evicting && !this.overdraws && this.unitsBeforeReserve() < this.units) return NONE;
    this.lock?.acquire();
    const segment = this.unlinkFree();
    // Under the lock: the holder of the lock recognizes a free segment by its state.
    if (segment !== NONE) this.enter(segment, owner, state);
    this.lock?.release();
    if (segment !== NONE) Atomics.add(this.global, USED_UNITS, this.units);
    return segment;
  }

  private enter(segment: number, owner: number, state: number): void {
    const entry = segment << TABLE_SHIFT;
    this.table.fill(0, entry, entry + (1 << TABLE_SHIFT));
    this.table[entry + STATE] = state;
    this.table[entry + OWNER] = owner;
  }

  /** Returns a segment to the pool, and far above the limit its pages to the system. */
  give(segment: number): void {
    if (this.release !== null && this.farAboveLimit()) this.release(segment);
    this.lock?.acquire();
    this.linkFree(segment);
    this.lock?.release();
    Atomics.sub(this.global, USED_UNITS, this.units);
  }

  private linkFree(segment: number): void {
    this.table[(segment << TABLE_SHIFT) + STATE] = SEGMENT_FREE;
    this.table[(segment << TABLE_SHIFT) + NEXT] = this.global[FREE_SEGMENT];
    this.global[FREE_SEGMENT] = segment;
    this.global[SEGMENTS_IN_USE]--;
  }

  private unlinkFree(): number {
    const global = this.global;
    let segment = global[FREE_SEGMENT];
    if (segment !== NONE) {
      global[FREE_SEGMENT] = this.table[(segment << TABLE_SHIFT) + NEXT];
    } else {
      if (global[FRESH_SEGMENT] === this.total) return NONE;
      segment = global[FRESH_SEGMENT]++;
    }
    global[SEGMENTS_IN_USE]++;
    return segment;
  }

  /** Runs `action` under the pool's lock, while no thread can take or give a segment. */
  withPool(action: () => void): void {
    this.lock?.acquire();
    action();
    this.lock?.release();
  }

  /** Evictions constantly overdraw a segment or two, whose pages would be needed again at once. */
  private farAboveLimit(): boolean {
    return this.unitsBelowLimit() < -4 * this.units;
  }

  /** Frees all segments at once, for clear(). The table needs no reset, since take() does it. */
  reset(): void {
    Atomics.sub(this.global, USED_UNITS, this.global[SEGMENTS_IN_USE] * this.units);
    this.global[FREE_SEGMENT] = NONE;
    this.global[FRESH_SEGMENT] = 0;
    this.global[SEGMENTS_IN_USE] = 0;
  }

  /**
   * Frees every segment of the shards `from` (inclusive) to `to` (exclusive); pages are released
   * later.
   */
  giveAll(from: number, to: number): void {
    const global = this.global;
    this.lock?.acquire();
    const before = global[SEGMENTS_IN_USE];
    for (let segment = 0; segment < global[FRESH_SEGMENT]; segment++) {
      const owner = this.owner(segment);
      if (!this.isFree(segment) && owner >= from && owner < to) this.linkFree(segment);
    }
    const given = before - global[SEGMENTS_IN_USE];
    this.lock?.release();
    Atomics.sub(global, USED_UNITS, given * this.units);
  }

  /** Whether the segment is free; the caller must hold the pool's lock. */
  isFree(segment: number): boolean {
    return segment >= this.global[FRESH_SEGMENT] || this.state(segment) === SEGMENT_FREE;
  }

  /** The number of segments, used or not. */
  get poolSize(): number {
    return this.total;
  }

  unitsBelowLimit(): number {
    return this.global[LIMIT_UNITS] - Atomics.load(this.global, USED_UNITS);
  }

  unitsBeforeReserve(): number {
    return this.global[RESERVE_UNITS] - Atomics.load(this.global, USED_UNITS);
  }

  // ---- one segment ------------------------------------------------------------------------------

  state(segment: number): number {
    return this.table[(segment << TABLE_SHIFT) + STATE];
  }

  owner(segment: number): number {
    return this.table[(segment << TABLE_SHIFT) + OWNER];
  }

  /** Bytes appended so far, including dead ones. */
  filled(segment: number): number {
    return this.table[(segment << TABLE_SHIFT) + FILLED];
  }

  fill(segment: number, bytes: number): void {
    this.table[(segment << TABLE_SHIFT) + FILLED] += bytes;
  }

  deadBytes(segment: number): number {
    return this.table[(segment << TABLE_SHIFT) + DEAD];
  }

  bury(segment: number, bytes: number): void {
    this.table[(segment << TABLE_SHIFT) + DEAD] += bytes;
  }

  liveBytes(segment: number): number {
    const entry = segment << TABLE_SHIFT;
    return this.table[entry + FILLED] - this.table[entry + DEAD];
  }

  /** Makes an open segment whose items are all dead start again at its first byte. */
  rewind(segment: number): void {
    const entry = segment << TABLE_SHIFT;
    this.table[entry + FILLED] = 0;
    this.table[entry + DEAD] = 0;
    this.table[entry + LATEST_EXPIRY] = 0;
  }

  /**
   * Notes the expiry of an item of the segment, ms (0 = never). The latest one only rises: a hint.
   */
  noteExpiry(segment: number, expiresAt: number): void {
    const entry = (segment << TABLE_SHIFT) + LATEST_EXPIRY;
    const latest = this.table[entry] >>> 0;
    if (latest === neverS) return;
    const seconds = expiresAt === 0 ? neverS : Math.min(Math.ceil(expiresAt / 1000), neverS);
    if (seconds > latest) this.table[entry] = seconds;
  }

  /** Whether every item of the segment has certainly expired. */
  expired(segment: number, now: number): boolean {
    const latest = this.table[(segment << TABLE_SHIFT) + LATEST_EXPIRY] >>> 0;
    return latest !== neverS && latest * 1000 <= now;
  }

  next(segment: number): number {
    return this.table[(segment << TABLE_SHIFT) + NEXT];
  }

  setNext(segment: number, next: number): void {
    this.table[(segment << TABLE_SHIFT) + NEXT] = next;
  }

  previous(segment: number): number {
    return this.table[(segment << TABLE_SHIFT) + PREVIOUS];
  }

  // ---- the queues of a shard --------------------------------------------------------------------

  /** Makes the segment the newest of its queue, which is the one open for appending. */
  enqueue(state: Int32Array, queue: number, segment: number): void {
    const words = QUEUES + queue * QUEUE_WORDS;
    const newest = state[words + NEWEST];
    const entry = segment << TABLE_SHIFT;
    this.table[entry + NEXT] = NONE;
    this.table[entry + PREVIOUS] = newest;
    if (newest === NONE) state[words + OLDEST] = segment;
    else this.table[(newest << TABLE_SHIFT) + NEXT] = segment;
    state[words + NEWEST] = segment;
    state[words + SEGMENTS]++;
  }

  detach(state: Int32Array, queue: number, segment: number): void {
    const words = QUEUES + queue * QUEUE_WORDS;
    const entry = segment << TABLE_SHIFT;
    const next = this.table[entry + NEXT];
    const previous = this.table[entry + PREVIOUS];
    if (previous === NONE) state[words + OLDEST] = next;
    else this.table[(previous << TABLE_SHIFT) + NEXT] = next;
    if (next === NONE) state[words + NEWEST] = previous;
    else this.table[(next << TABLE_SHIFT) + PREVIOUS] = previous;
    state[words + SEGMENTS]--;
  }
}
