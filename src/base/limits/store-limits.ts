// The bounds of the store and of the snapshots of it: arenas, databases, chains of the index, and
// what a snapshot may bring.

import { GiB, KiB, MiB } from "./units.ts";

// ---- the store ----------------------------------------------------------------------------------

/**
 * Size of an arena, bytes: a location splits by an int32 shift, and no typed array is indexed above
 * 2 GiB.
 */
export const arenaBytes = 1 * GiB;
/** Smallest memory limit with which the store still works, bytes. Less: a configuration error. */
export const memoryBytesMin = 1 * MiB;
/** Largest store, bytes: 32-bit locations in units of 8 bytes. More: a configuration error. */
export const memoryBytesMax = 32 * GiB;
/**
 * What an EXEC or an MSET may draw beyond the memory limit, as a share of it, before its own writes
 * evict; repaid at once. Single values of a sixteenth of the limit and more may take it further, up
 * to the reserve. A plan of memory counts it, and a copy in a program reserves it.
 */
export const overdraftShare = 1 / 4;
/**
 * Bytes that a Store or a copy in a program hands out before it asks for a garbage collection,
 * which costs about 1 ms for each 100 MB of heap. Without it, 2 GiB of values read from a store of
 * 1 GiB stood at 2.8 GB, with it at 0.2 (measured).
 */
export const handedOutBytesPerCollection = 16 * MiB;
/**
 * Databases without --databases, as in Redis, and with it at most: an identity is a byte, and a
 * flushed database keeps one until its items are removed. More: a configuration error.
 */
export const databasesDefault = 16;
export const databasesMax = 64;

/**
 * Buckets of seven entries in one chain of the index. A chain of random keys reaches ten with a
 * probability below 10^-20, so only an attacker who knows colliding keys reaches 32; a lookup then
 * costs 2 us. At the bound, each new entry evicts one of the chain; with `--eviction none` the
 * write is refused. A follower keeps what its leader keeps, and exceeds it. INFO counts such
 * writes; a log line warns.
 */
export const chainBucketsMax = 32;
/** Shortest interval between log lines about such writes, ms. */
export const crowdedWarningMs = 60_000;

/**
 * Bytes above which a sparse HyperLogLog becomes a dense one (hll-sparse-max-bytes): Redis's
 * default, as a shorter one costs time for each element. 0: it does with its first element.
 */
export const sparseSketchBytesDefault = 3000;

// ---- snapshots ----------------------------------------------------------------------------------

/** Longest auxiliary field of a snapshot, bytes. Longer, as old scripts may be: it is skipped. */
export const snapshotFieldBytesMax = 64 * KiB;
/**
 * Most hash templates in a snapshot (Redis 8.8); each costs a map entry. More: the snapshot is
 * broken.
 */
export const snapshotTemplatesMax = 1024 * 1024;
