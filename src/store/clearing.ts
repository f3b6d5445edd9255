// Empties the whole store for FLUSHALL, and gives committed pages back to the system: after clear(),
// when segments are given up far above the limit, and when an index shrinks.
// Items are not visited: the words that lead to them are reset, and whatever is taken later is cleared
// when it is taken. All shards' locks are held by the caller.
// Invariant: pages are released only where nothing is in use.

import { arenaBytes } from "../limits.ts";
import type { Attachment } from "./attachment.ts";
import {
  BUCKETS,
  bucketsFirst,
  bucketWords,
  CLEARS,
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

export function clearStore(attachment: Attachment, shards: readonly Shard[]): void {
  const { global, segments } = attachment;
  global[STALE_SEGMENT] = Math.max(global[STALE_SEGMENT], global[FRESH_SEGMENT]);
  segments.reset();
  for (const shard of shards) clearShard(attachment, shard);
  global[CLEARS]++;
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

/** A slice of what clear() left behind: segments that were used once and are fresh again. */
export function releaseStalePages({ global, segments }: Attachment): void {
  if (global[STALE_SEGMENT] === 0) return;
  segments.withPool(() => {
    const end = global[STALE_SEGMENT];
    const slice = SLICE_BYTES / segments.segmentBytes;
    const start = Math.max(global[FRESH_SEGMENT], end - slice);
    for (let segment = start; segment < end; segment++) segments.release?.(segment);
    global[STALE_SEGMENT] = start < end && start > global[FRESH_SEGMENT] ? start : 0;
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
