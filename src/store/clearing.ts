// Empties one half of the shards, for FLUSHALL and for replacements, and gives committed pages back
// to the system: after that, when segments are given up far above the limit, and when an index
// shrinks. Items are not visited: the words that lead to them are reset, and whatever is taken
// later is cleared when it is taken. All shards' locks are held by the caller.
// Invariant: pages are released only where nothing is in use.

import { arenaBytes } from "../base/limits.ts";
import type { Attachment } from "./attachment.ts";
import {
  BUCKETS,
  bucketsFirst,
  bucketWords,
  emptyShard,
  FRESH_SEGMENT,
  GHOST_BUCKETS,
  OVERFLOW_IN_USE,
  OVERFLOW_LOW,
  STALE_SEGMENT,
  USED_UNITS,
  unitBytes,
} from "./memory.ts";
import { releasePages } from "./release-pages.ts";
import type { Shard } from "./shard.ts";

/** Pages given back at once: 1 GiB takes a quarter of a second, which no client should feel. */
const SLICE_BYTES = 16 * 1024 * 1024;

/**
 * Empties the shards of one half. Mostly the other half holds nothing, and all segments go at once.
 */
export function clearHalf(
  attachment: Attachment,
  half: readonly Shard[],
  other: readonly Shard[],
): void {
  const { global, segments } = attachment;
  global[STALE_SEGMENT] = Math.max(global[STALE_SEGMENT], global[FRESH_SEGMENT]);
  const [{ number }] = half;
  if (other.every((shard) => shard.segmentCount === 0)) segments.reset();
  else segments.giveAll(number, number + half.length);
  for (const shard of half) clearShard(attachment, shard);
}

function clearShard({ memory, global }: Attachment, { number, state, index }: Shard): void {
  const buckets = state[BUCKETS];
  const total = memory.geometry.bucketsPerShard;
  releasePages(memory.index[number], bucketsFirst * unitBytes, buckets * unitBytes);
  releasePages(memory.index[number], state[OVERFLOW_LOW] * unitBytes, total * unitBytes);
  releasePages(memory.ghosts[number], 0, state[GHOST_BUCKETS] * unitBytes);
  const used = buckets + state[OVERFLOW_IN_USE] + state[GHOST_BUCKETS];
  Atomics.sub(global, USED_UNITS, used - bucketsFirst);
  emptyShard(state, total);
  index.words.fill(0, 0, bucketsFirst * bucketWords);
}

/**
 * A slice of what was left behind: segments that are free and were used once, from the highest
 * down.
 */
export function releaseStalePages({ global, segments }: Attachment): void {
  if (global[STALE_SEGMENT] === 0) return;
  segments.withPool(() => {
    const end = global[STALE_SEGMENT];
    const slice = SLICE_BYTES / segments.segmentBytes;
    const start = Math.max(0, end - slice);
    for (let segment = start; segment < end; segment++) {
      if (segments.isFree(segment)) segments.release?.(segment);
    }
    global[STALE_SEGMENT] = start;
  });
}

/** Has the pool and the indexes release what they give up for longer. */
export function keepPagesReleased(attachment: Attachment, shards: readonly Shard[]): void {
  const { memory, segments } = attachment;
  const perArena = arenaBytes / segments.segmentBytes;
  segments.release = (segment) => {
    const from = (segment % perArena) * segments.segmentBytes;
    releasePages(memory.arenas[Math.floor(segment / perArena)], from, from + segments.segmentBytes);
  };
  for (const { number, index } of shards) {
    index.release = (from, to) => {
      releasePages(memory.index[number], from * unitBytes, to * unitBytes);
    };
  }
}
