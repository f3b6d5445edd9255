// The memory plan of a node: the default share of each part, chosen so that everything fits into
// what the process may use (base/system-memory.ts). A container kills a process that exceeds its
// limit. It only computes sizes; nothing is reserved or measured here.
//
//   runtime and code + working memory of each data thread         what the program itself takes
//   items (max-memory) + what a transaction may draw beyond them  4 + 1 eighths of the rest
//   journal + stream kept for followers + clients                 1 + 1 + 1 eighths
//
// Measured in a memory cgroup, with 1 KB SETs from 50 clients that write three times its limit:
// with limits of 128, 256 and 512 MB the leader used at most 93, 194 and 383 MB and its follower
// 93, 173 and 197, including the pages of the program. With half of the limit for items and a
// journal of 128 MB, as before, the leader was killed in each case.
//
// Invariant: from 128 MB on, the parts of a plan add up to no more than the memory it is for.

import {
  clientMemoryDefaultMax,
  clientMemoryDefaultMin,
  followerBufferBytesMax,
  memoryBytesMax,
  memoryBytesMin,
  overdraftShare,
} from "../base/limits.ts";

const MiB = 1024 * 1024;

/** Bun, our code and the working memory of the control thread: 56 MB at rest. */
const runtimeBytes = 64 * MiB;
/** Garbage of a data thread between two collections (16 MiB), and its buffer pool (16 MiB). */
const threadBytes = 32 * MiB;
/**
 * At least this share is left for data. A node whose settings then exceed its memory warns at
 * start.
 */
const shareLeftMin = 1 / 4;

const itemsShare = 1 / 2;
const journalShare = 1 / 8;
const followersShare = 1 / 8;
const clientsShare = 1 / 8;

/** About one second of heavy writing. More only helps to bridge longer outages. */
const journalBytesMax = 128 * MiB;

/**
 * What all clients together may hold, bytes; 0 if there is no limit. The option may be a share of
 * max-memory: a percentage as a negative number, as in Redis.
 */
export function clientMemoryBytes({ maxClientMemory, maxMemory }: ClientMemoryParts): number {
  if (maxClientMemory >= 0) return maxClientMemory;
  return Math.max(memoryBytesMin, Math.floor((-maxClientMemory / 100) * maxMemory));
}

type ClientMemoryParts = Pick<MemoryParts, "maxClientMemory" | "maxMemory">;

/** The sizes of the parts of a node that are options. */
export interface MemoryParts {
  readonly maxMemory: number;
  readonly reserve: number;
  readonly journalSize: number;
  readonly followerBuffer: number;
  readonly maxClientMemory: number;
  readonly threads: number;
}

/** The default of max-memory if the process may use `memoryBytes`. */
export function defaultMaxMemory(memoryBytes: number, threads: number): number {
  const items = leftFor(memoryBytes, threads) * itemsShare;
  return wholeWithin(items, memoryBytesMin, memoryBytesMax);
}

/** The memory of which so much is for items: what defaultMaxMemory() is given to answer it. */
export function memoryForItems(maxMemory: number, threads = 1): number {
  return programBytes(threads) + Math.ceil(maxMemory / itemsShare);
}

/** The default of journal-size: its share of the memory that max-memory leaves. */
export function defaultJournalSize(
  memoryBytes: number,
  threads: number,
  maxMemory: number,
): number {
  const bytes = shareBeside(maxMemory, leftFor(memoryBytes, threads), journalShare);
  return wholeWithin(bytes, MiB, journalBytesMax);
}

/** The default of follower-buffer, the part of the stream beyond the journal for slow followers. */
export function defaultFollowerBuffer(
  memoryBytes: number,
  threads: number,
  maxMemory: number,
): number {
  const bytes = shareBeside(maxMemory, leftFor(memoryBytes, threads), followersShare);
  return wholeWithin(bytes, MiB, followerBufferBytesMax);
}

/** The default of max-client-memory, for unread replies and unfinished requests of all clients. */
export function defaultClientMemory(memoryBytes: number, threads: number): number {
  const bytes = leftFor(memoryBytes, threads) * clientsShare;
  return wholeWithin(bytes, clientMemoryDefaultMin, clientMemoryDefaultMax);
}

/** At least a quarter of the share, even if max-memory takes everything. */
function shareBeside(maxMemory: number, left: number, share: number): number {
  return Math.max(((left - maxMemory) * share) / (1 - itemsShare), (left * share) / 4);
}

const unbounded =
  "max-client-memory is 0: many clients together may hold more than the process may use";

/** A warning if the settings do not fit into what the process may use, otherwise null. */
export function memoryWarning(parts: MemoryParts, memoryBytes: number): string | null {
  if (parts.maxClientMemory === 0) return unbounded;
  const needed = memoryNeeded(parts);
  if (needed <= memoryBytes) return null;
  return (
    `these settings may need ${inMegabytes(needed)}, but the process may use only ` +
    `${inMegabytes(memoryBytes)}: lower --max-memory, --journal-size, --follower-buffer or --max-client-memory`
  );
}

function inMegabytes(bytes: number): string {
  return `${Math.ceil(bytes / MiB)}mb`;
}

/** The memory that remains after the program itself. */
function leftFor(memoryBytes: number, threads: number): number {
  return Math.max(memoryBytes - programBytes(threads), memoryBytes * shareLeftMin);
}

/** The memory that a node with these settings may need at most, without what has no limit. */
export function memoryNeeded(parts: MemoryParts): number {
  const { journalSize, followerBuffer, threads } = parts;
  const clients = clientMemoryBytes(parts);
  return programBytes(threads) + storeBytes(parts) + journalSize + followerBuffer + clients;
}

function storeBytes({ maxMemory, reserve }: MemoryParts): number {
  return Math.min(Math.ceil(maxMemory * (1 + overdraftShare)), reserve);
}

function programBytes(threads: number): number {
  return runtimeBytes + threads * threadBytes;
}

/** Rounded down to whole megabytes, for readability. */
function wholeWithin(bytes: number, least: number, most: number): number {
  return Math.min(Math.max(Math.floor(bytes / MiB) * MiB, least), most);
}
