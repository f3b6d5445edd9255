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
  USED_UNITS,
  unitBytes,
} from "./memory.ts";
import { releasePages } from "./release-pages.ts";
import type { Shard } from "./shard.ts";

export function clearStore(attachment: Attachment, shards: readonly Shard[]): void {
  const { global, segments } = attachment;
  releaseArenas(attachment, global[FRESH_SEGMENT] * segments.segmentBytes);
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

function releaseArenas({ memory }: Attachment, bytes: number): void {
  memory.arenas.forEach((arena, number) => {
    const used = Math.min(arena.byteLength, bytes - number * arenaBytes);
    if (used > 0) releasePages(arena, 0, used);
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
