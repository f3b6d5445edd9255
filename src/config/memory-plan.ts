// What a node needs memory for, and how much of it each part gets by default, so that all of it
// fits into what the process may use (base/system-memory.ts): a container's limit ends a process
// that goes beyond. Sizes only; nothing is reserved or measured here.
//
//   runtime and code + working memory of each data thread                    what the program itself takes
//   items (max-memory) + journal + stream kept for followers + clients       the rest: 4 + 1 + 1 + 2 eighths
//
// Measured with 1 KB SETs of three times the limit from 50 clients, in a memory cgroup of that
// size: the leader held 93 MB at most where 128 were allowed, 194 of 256, 383 of 512, its follower
// 93, 173 and 197, pages of the program itself included. With half of the limit for items and a
// journal of 128 MB, as before, the leader was killed in each.
//
// Invariant: the parts of a plan add up to no more than the memory that it is for, from 128 MB on.

import {
  clientMemoryDefaultMax,
  clientMemoryDefaultMin,
  followerBufferBytesMax,
  memoryBytesMax,
  memoryBytesMin,
} from "../base/limits.ts";

const MiB = 1024 * 1024;

/** Bun, our code, and what the control thread works with: 56 MB at rest. */
const RUNTIME_BYTES = 64 * MiB;
/**
 * What a data thread may hold between two collections (16 MiB), and in its pool of buffers (16
 * MiB).
 */
const THREAD_BYTES = 32 * MiB;
/** Below this little would be left; a node that is too small for its memory warns at start. */
const SHARE_LEFT_MIN = 1 / 4;

const ITEMS_SHARE = 1 / 2;
const JOURNAL_SHARE = 1 / 8;
const FOLLOWERS_SHARE = 1 / 8;
const CLIENTS_SHARE = 1 / 4;

/** As many bytes of journal as a second of heavy writing makes: more serves only longer outages. */
const JOURNAL_BYTES_MAX = 128 * MiB;
/** Of all memory: a machine with much of it has no more clients. */
const CLIENTS_SHARE_MAX = 1 / 8;

/** What the parts of a node that are options take. */
export interface MemoryParts {
  readonly maxMemory: number;
  readonly journalSize: number;
  readonly followerBuffer: number;
  readonly maxClientMemory: number;
  readonly threads: number;
}

/** What the default of max-memory is, where the process may use that much. */
export function defaultMaxMemory(memoryBytes: number, threads: number): number {
  const items = leftFor(memoryBytes, threads) * ITEMS_SHARE;
  return wholeWithin(items, memoryBytesMin, memoryBytesMax);
}

/** What the journal gets by default: its share of what the items, however many, leave. */
export function defaultJournalSize(
  memoryBytes: number,
  threads: number,
  maxMemory: number,
): number {
  const bytes = shareBeside(maxMemory, leftFor(memoryBytes, threads), JOURNAL_SHARE);
  return wholeWithin(bytes, MiB, JOURNAL_BYTES_MAX);
}

/** And what is kept of the stream beyond the journal for followers that are behind. */
export function defaultFollowerBuffer(
  memoryBytes: number,
  threads: number,
  maxMemory: number,
): number {
  const bytes = shareBeside(maxMemory, leftFor(memoryBytes, threads), FOLLOWERS_SHARE);
  return wholeWithin(bytes, MiB, followerBufferBytesMax);
}

/** What all clients together may have of unread replies and unfinished requests by default. */
export function defaultClientMemory(memoryBytes: number, threads: number): number {
  const share = leftFor(memoryBytes, threads) * CLIENTS_SHARE;
  const bytes = Math.min(share, memoryBytes * CLIENTS_SHARE_MAX);
  return wholeWithin(bytes, clientMemoryDefaultMin, clientMemoryDefaultMax);
}

/** A quarter of the share remains where somebody gave the items everything. */
function shareBeside(maxMemory: number, left: number, share: number): number {
  return Math.max(((left - maxMemory) * share) / (1 - ITEMS_SHARE), (left * share) / 4);
}

/** Null where the settings fit into what the process may use; else a sentence. */
export function memoryWarning(parts: MemoryParts, memoryBytes: number): string | null {
  const needed = memoryNeeded(parts);
  if (needed <= memoryBytes) return null;
  return (
    `these settings and the program may take ${inMegabytes(needed)}, and the process may use ` +
    `${inMegabytes(memoryBytes)}: lower --max-memory, --journal-size, --follower-buffer or --max-client-memory`
  );
}

function inMegabytes(bytes: number): string {
  return `${Math.ceil(bytes / MiB)}mb`;
}

/** What the program itself leaves of the memory. */
function leftFor(memoryBytes: number, threads: number): number {
  return Math.max(memoryBytes - programBytes(threads), memoryBytes * SHARE_LEFT_MIN);
}

/** What a node with these settings may come to hold. */
export function memoryNeeded(parts: MemoryParts): number {
  const { maxMemory, journalSize, followerBuffer, maxClientMemory, threads } = parts;
  return programBytes(threads) + maxMemory + journalSize + followerBuffer + maxClientMemory;
}

function programBytes(threads: number): number {
  return RUNTIME_BYTES + threads * THREAD_BYTES;
}

/** Whole megabytes, as people read sizes. */
function wholeWithin(bytes: number, least: number, most: number): number {
  return Math.min(Math.max(Math.floor(bytes / MiB) * MiB, least), most);
}
