// Reserves everything that the store shares between threads, once, and defines where each word is:
// arenas of segments, one index and one ghost region per shard, segment table, counters and locks.
// Every shard exists twice: one half serves, the other gathers a replacement (halves.ts).
// It touches almost none of it: the operating system commits a page at the first write.
// Invariant: nothing is reserved later. A buffer made at run time would reach another thread only
// at its next turn, while a location that points into it would be visible at once.

import { assert } from "../base/errors.ts";
import { arenaBytes, databasesDefault, memoryBytesMax, memoryBytesMin } from "../base/limits.ts";
import { residentBytes } from "../base/resident-memory.ts";
import { identities, reserveDatabases } from "./database-table.ts";
import type { HashKey } from "./hash.ts";
import { ThreadTable } from "./lock.ts";
import { releasePages } from "./release-pages.ts";

export type EvictionPolicy = "s3fifo" | "none";

export interface StoreOptions {
  /** The limit for items, index and ghosts together. */
  memoryLimitBytes: number;
  /** The largest value for setLimit(), and the bound of an overdraft. */
  reserveBytes: number;
  valueBytesMax: number;
  eviction: EvictionPolicy;
  /** How many databases there are. Default databasesDefault. */
  databases?: number;
  /** Random, so that a remote client cannot choose collisions. It never leaves the process. */
  hashKey: HashKey;
  /**
   * Where versions start. Random, so that a version of another process does not match. Default 0.
   */
  versionEpoch?: number;
  /** Whether several threads use the store, so that locks are taken. */
  concurrent: boolean;
}

/** The shape of a store, fixed when it is reserved. */
export interface Geometry {
  /**
   * Shards of one half. There are as many locks and version regions, and twice as many of all else.
   */
  readonly shards: number;
  readonly segmentBytes: number;
  readonly segments: number;
  /** Buckets in one shard's index region. */
  readonly bucketsPerShard: number;
  /** Ghost buckets in one shard's region. */
  readonly ghostsPerShard: number;
  readonly databases: number;
}

/**
 * Everything that a thread needs to attach. Structured-cloneable, so it can be posted to a Worker.
 */
export interface StoreMemory {
  readonly geometry: Geometry;
  readonly hashKey: HashKey;
  readonly versionEpoch: number;
  readonly concurrent: boolean;
  readonly control: SharedArrayBuffer;
  readonly table: SharedArrayBuffer;
  readonly databases: SharedArrayBuffer;
  readonly counts: SharedArrayBuffer;
  readonly versions: SharedArrayBuffer;
  readonly threads: SharedArrayBuffer;
  readonly index: readonly SharedArrayBuffer[];
  readonly ghosts: readonly SharedArrayBuffer[];
  readonly arenas: readonly SharedArrayBuffer[];
}

// ---- units --------------------------------------------------------------------------------------

/** Memory is counted in units of one cache line, so that 32 GiB fits an int32 for Atomics. */
export const unitBytes = 64;
/** An index bucket is a cache line and so is a ghost bucket: one unit each. */
export const bucketWords = 16;
export const versionsPerShard = 4096;
/** Primary buckets of an empty shard. */
export const bucketsFirst = 16;
/** Longest value that an item may hold, bytes: the range of an int32. No request carries more. */
export const valueBytesCeiling = 2 ** 31 - 1;

// ---- global words of `control` ------------------------------------------------------------------

export const LIMIT_UNITS = 0;
export const RESERVE_UNITS = 1;
/** Segments, index buckets and ghost buckets in use; compared with the limit. */
export const USED_UNITS = 2;
/** The first free segment that was used before, or NONE. */
export const FREE_SEGMENT = 3;
/** The first segment not used since the start or the last clear(). */
export const FRESH_SEGMENT = 4;
export const SEGMENTS_IN_USE = 5;
/** 1: s3fifo, 0: none. */
export const EVICTION = 6;
/** 1: this node expires and evicts on its own. 0: it follows a leader that does. */
export const EXPIRES = 7;
export const SWEEP_SHARD = 8;
export const SWEEP_POSITION = 9;
/** How often clear() ran or a replacement took over: part of every version. */
export const CLEARS = 10;
/** The shard that repays the next slice of an overdraft. */
export const REPAY_SHARD = 11;
/** The longest value that setValueLimit() allows. */
export const VALUE_BYTES_MAX = 12;
/** Free segments below this one may have committed pages left by a clear() or a replacement. */
export const STALE_SEGMENT = 13;
/** 1 while a replacement is gathered in the spare half. */
export const REPLACING = 14;
/** On its own cache line. */
export const POOL_LOCK = 16;
/**
 * The number of the first serving shard: 0 or `geometry.shards`. It changes under the locks of all
 * shards, and every lookup reads it, so nothing else is written to its cache line.
 */
export const SERVING = 32;
const GLOBAL_WORDS = 48;

export const NONE = -1;

// ---- words of one shard, relative to its own part of `control` ----------------------------------

export const ITEMS = 0;
export const EXPIRING_ITEMS = 1;
export const CHAIN_SEGMENTS = 2;
/**
 * Primary buckets, and the address mask: the next power of two at or above their number, less one.
 */
export const BUCKETS = 3;
export const BUCKET_MASK = 4;
/** The lowest overflow bucket ever taken; they grow downward from the region's end. */
export const OVERFLOW_LOW = 5;
export const OVERFLOW_FREE = 6;
export const OVERFLOW_IN_USE = 7;
/**
 * For each queue: its oldest and newest segment, and the count of its segments, chains included.
 */
export const QUEUES = 8;
export const OLDEST = 0;
export const NEWEST = 1;
export const SEGMENTS = 2;
export const QUEUE_WORDS = 3;
export const SMALL_QUEUE = 0;
export const MAIN_QUEUE = 1;
export const GHOST_BUCKETS = 14;
export const GHOST_MASK = 15;
/** Statistics: doubles, so that they never wrap. */
const STATISTICS = 16;
export const HITS = 0;
export const MISSES = 1;
export const EVICTIONS = 2;
export const EXPIRATIONS = 3;
export const GHOST_HITS = 4;
export const PROMOTIONS = 5;
/** Writes that found a chain of the index at its bound. */
export const CROWDED = 6;
/** Of the evictions, those of the main queue, and those of a crowded chain. */
export const EVICTIONS_MAIN = 7;
export const EVICTIONS_CROWDED = 8;
const statisticsPerShard = 9;
/** On its own cache line: threads spin on it. */
const LOCK = 48;
const SHARD_WORDS = 64;

/** The words of one shard. */
export function shardState(memory: StoreMemory, shard: number): Int32Array {
  return new Int32Array(memory.control, (GLOBAL_WORDS + shard * SHARD_WORDS) * 4, LOCK);
}

export function shardStatistics(memory: StoreMemory, shard: number): Float64Array {
  const word = GLOBAL_WORDS + shard * SHARD_WORDS + STATISTICS;
  return new Float64Array(memory.control, word * 4, statisticsPerShard);
}

/** The items of one shard by identity: their number, and how many of them expire. */
export function shardCounts(memory: StoreMemory, shard: number): Int32Array {
  return new Int32Array(memory.counts, shard * identities * 8, identities * 2);
}

/** The word of `control` with the lock of a shard and of its counterpart in the other half. */
export function shardLockWord(shard: number): number {
  return GLOBAL_WORDS + shard * SHARD_WORDS + LOCK;
}

// ---- reservation --------------------------------------------------------------------------------

const KiB = 1024;
const MiB = 1024 * KiB;

export function toUnits(bytes: number): number {
  return Math.floor(bytes / unitBytes);
}

function powerOfTwoUpTo(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/**
 * Segments are small enough that an unused tail costs little and an eviction is short, and large
 * enough that few values become chains. Shards have at least 2 MiB, so that each has a hundred
 * segments to queue.
 */
function planGeometry(options: StoreOptions): Geometry {
  const limit = options.memoryLimitBytes;
  const reserve = Math.max(options.reserveBytes, limit);
  const shards = powerOfTwoUpTo(clamp(limit / (2 * MiB), 1, limit > 4096 * MiB ? 32 : 16));
  const segmentBytes = powerOfTwoUpTo(clamp(limit / 2048, 16 * KiB, 128 * KiB));
  // Beyond the reserve: segments for the survivors of an eviction, before its victim is free, and
  // for writes that are never refused. An expiry makes the smallest item with its index entry half
  // as large again, so half of the reserve is room for one in each item. Unused, it commits
  // nothing.
  const spare = 2 * shards + 2 + Math.ceil(reserve / 2 / segmentBytes);
  // An index of half the memory is more than the smallest items need (16 bytes and 10 to 14 of
  // index).
  const indexBytes = clamp(reserve / 2 / shards, 64 * KiB, arenaBytes);
  return {
    shards,
    segmentBytes,
    // The last location is never used: it reads -1, which means none.
    segments: Math.min(
      Math.ceil(reserve / segmentBytes) + spare,
      memoryBytesMax / segmentBytes - 1,
    ),
    bucketsPerShard: toUnits(indexBytes),
    // At most one fingerprint of two bytes for each 64 bytes of memory.
    ghostsPerShard: toUnits(clamp(reserve / 32 / shards, 4 * KiB, arenaBytes)),
    databases: options.databases ?? databasesDefault,
  };
}

function reserveArenas(geometry: Geometry): SharedArrayBuffer[] {
  const arenas: SharedArrayBuffer[] = [];
  let left = geometry.segments * geometry.segmentBytes;
  for (; left > 0; left -= arenaBytes) {
    arenas.push(new SharedArrayBuffer(Math.min(left, arenaBytes)));
  }
  return arenas;
}

function reserveEach(count: number, bytes: number): SharedArrayBuffer[] {
  return Array.from({ length: count }, () => new SharedArrayBuffer(bytes));
}

/** Reserves a store. Takes milliseconds whatever its size; commits a few pages. */
export function reserveStore(options: StoreOptions): StoreMemory {
  const { memoryLimitBytes: limit, reserveBytes } = options;
  assert(limit >= memoryBytesMin, `a store needs at least ${memoryBytesMin} bytes`);
  assert(Math.max(limit, reserveBytes) <= memoryBytesMax, `at most ${memoryBytesMax} bytes`);
  const geometry = planGeometry(options);
  const { shards } = geometry;
  const both = 2 * shards;
  const residentBefore = residentBytes();
  const memory: StoreMemory = {
    // The largest come first, and every thread receives them in this order: Bun counts them as its
    // own, and looks for garbage each time that the sum has doubled.
    arenas: reserveArenas(geometry),
    geometry,
    hashKey: options.hashKey,
    versionEpoch: options.versionEpoch ?? 0,
    concurrent: options.concurrent,
    control: new SharedArrayBuffer((GLOBAL_WORDS + both * SHARD_WORDS) * 4),
    table: new SharedArrayBuffer(geometry.segments * 32),
    databases: reserveDatabases(geometry.databases),
    counts: new SharedArrayBuffer(both * identities * 8),
    versions: new SharedArrayBuffer(shards * versionsPerShard * 4),
    threads: ThreadTable.reserve(),
    index: reserveEach(both, geometry.bucketsPerShard * unitBytes),
    ghosts: reserveEach(both, geometry.ghostsPerShard * unitBytes),
  };
  if (residentBytes() - residentBefore > committedBytesMax) decommit(memory);
  initialise(memory, options);
  return memory;
}

/** More than the reservation of untouched memory commits: the tables of the buffers. */
const committedBytesMax = MiB;

/**
 * Where the program has freed memory before, the allocator clears a reservation by hand, and so
 * commits it: 52 MB of a node with a limit of 16, in one start of a hundred. To give it back always
 * would make each start 5 % longer.
 */
function decommit({ arenas, index, ghosts }: StoreMemory): void {
  for (const buffer of [...arenas, ...index, ...ghosts]) {
    releasePages(buffer, 0, buffer.byteLength);
  }
}

function initialise(memory: StoreMemory, options: StoreOptions): void {
  const { memoryLimitBytes: limit, reserveBytes } = options;
  const { bucketsPerShard } = memory.geometry;
  const both = memory.index.length;
  const global = new Int32Array(memory.control);
  global[LIMIT_UNITS] = toUnits(limit);
  global[RESERVE_UNITS] = toUnits(Math.max(reserveBytes, limit));
  global[USED_UNITS] = both * bucketsFirst;
  global[FREE_SEGMENT] = NONE;
  global[EVICTION] = options.eviction === "s3fifo" ? 1 : 0;
  global[EXPIRES] = 1;
  global[VALUE_BYTES_MAX] = Math.min(options.valueBytesMax, valueBytesCeiling);
  for (let shard = 0; shard < both; shard++) {
    emptyShard(shardState(memory, shard), bucketsPerShard);
  }
}

/** Sets the words of an empty shard. Its first buckets must be clear. */
export function emptyShard(state: Int32Array, bucketsPerShard: number): void {
  state.fill(0, 0, STATISTICS);
  state.fill(NONE, QUEUES, QUEUES + 2 * QUEUE_WORDS);
  state[QUEUES + SEGMENTS] = 0;
  state[QUEUES + QUEUE_WORDS + SEGMENTS] = 0;
  state[BUCKETS] = bucketsFirst;
  state[BUCKET_MASK] = bucketsFirst - 1;
  state[OVERFLOW_LOW] = bucketsPerShard;
}
