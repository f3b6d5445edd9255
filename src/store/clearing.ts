// Empties one half of the shards, for FLUSHALL and for replacements, and returns committed pages to
// the system: after such a clear, when segments are freed far above the limit, and when an index
// shrinks. It does not visit items: it resets the words that lead to them, and memory is cleared
// when it is taken again. The caller holds the locks of all shards.
// Invariant: only pages that are not in use are released.

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

/**
 * Bytes of pages returned at a time: 1 GiB takes a quarter of a second, too long for clients to
 * wait.
 */
export const releaseSliceBytes = 16 * 1024 * 1024;

/**
 * Empties the shards of one half. If the other half is empty, as usual, all segments go at once.
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

function clearShard({ memory, global }: Attachment, shard: Shard): void {
  const { number, state, index, counts } = shard;
  const buckets = state[BUCKETS];
  const total = memory.geometry.bucketsPerShard;
  releasePages(memory.index[number], bucketsFirst * unitBytes, buckets * unitBytes);
  releasePages(memory.index[number], state[OVERFLOW_LOW] * unitBytes, total * unitBytes);
  releasePages(memory.ghosts[number], 0, state[GHOST_BUCKETS] * unitBytes);
  const used = buckets + state[OVERFLOW_IN_USE] + state[GHOST_BUCKETS];
  Atomics.sub(global, USED_UNITS, used - bucketsFirst);
  emptyShard(state, total);
  counts.fill(0);
  index.words.fill(0, 0, bucketsFirst * bucketWords);
}

/** Releases a slice of the pages that a clear left behind: free segments, from the highest down. */
export function releaseStalePages({ global, segments }: Attachment): void {
  if (global[STALE_SEGMENT] === 0) return;
  segments.withPool(() => {
    const end = global[STALE_SEGMENT];
    const slice = releaseSliceBytes / segments.segmentBytes;
    const start = Math.max(0, end - slice);
    for (let segment = start; segment < end; segment++) {
      if (segments.isFree(segment)) segments.release?.(segment);
    }
    global[STALE_SEGMENT] = start;
  });
}

/** Makes the pool and the indexes release the pages that they will not need soon. */
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
