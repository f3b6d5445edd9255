// Counts over the whole store, for INFO and for tools. They are read without locks: while other
// threads write, each number is right, but the numbers are not of the same moment.
// Items are those of databases, without what a flushed one has left; memory and events are those
// of both halves of the shards.
// Invariant: nothing is stored here; every number comes from shared words that the shards
// maintain.

import type { Attachment } from "./attachment.ts";
import type { Halves } from "./halves.ts";
import {
  BUCKETS,
  CHAIN_SEGMENTS,
  CROWDED,
  EVICTIONS,
  EVICTIONS_CROWDED,
  EVICTIONS_MAIN,
  EXPIRATIONS,
  GHOST_BUCKETS,
  GHOST_HITS,
  HITS,
  LIMIT_UNITS,
  MAIN_QUEUE,
  MISSES,
  NONE,
  OLDEST,
  OVERFLOW_IN_USE,
  PROMOTIONS,
  QUEUE_WORDS,
  QUEUES,
  RESERVE_UNITS,
  SEGMENTS,
  SEGMENTS_IN_USE,
  SMALL_QUEUE,
  USED_UNITS,
  unitBytes,
} from "./memory.ts";
import type { Shard } from "./shard.ts";
import type { DatabaseReport } from "./store-databases.ts";

export interface StoreStatistics {
  readonly items: number;
  readonly expiringItems: number;
  /** The databases with items, in order. */
  readonly databases: readonly DatabaseReport[];
  readonly memoryUsedBytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly evictionsByReason: EvictionReasons;
  readonly expirations: number;
  readonly ghostHits: number;
  /** Fields for INFO's memory section by name, in bytes if the name says so. */
  readonly memory: Readonly<Record<string, number>>;
}

/** Why items were evicted; together, these are all evictions. */
export interface EvictionReasons {
  /** Not used since they came: from the small queue. */
  readonly unused: number;
  /** Not used lately: from the main queue. */
  readonly cold: number;
  /** Their chain of the index was at its bound. */
  readonly crowded: number;
}

function reasonsOf(total: (index: number) => number): EvictionReasons {
  const cold = total(EVICTIONS_MAIN);
  const crowded = total(EVICTIONS_CROWDED);
  // While another thread evicts, the three may be of different moments.
  return { unused: Math.max(0, total(EVICTIONS) - cold - crowded), cold, crowded };
}

export function collectStatistics(
  { global, segments }: Attachment,
  { shards, count }: Halves,
  databases: readonly DatabaseReport[],
): StoreStatistics {
  const word = (index: number) => shards.reduce((sum, shard) => sum + shard.state[index], 0);
  const total = (index: number) => shards.reduce((sum, shard) => sum + shard.statistics[index], 0);
  const queue = (number: number) => word(QUEUES + number * QUEUE_WORDS + SEGMENTS);
  const items = databases.reduce((sum, it) => sum + it.items, 0);
  const used = global[USED_UNITS] * unitBytes;
  const limit = global[LIMIT_UNITS] * unitBytes;
  const { deadBytes, unusedBytes } = wasteOf(shards);
  return {
    items,
    expiringItems: databases.reduce((sum, it) => sum + it.expiringItems, 0),
    databases,
    memoryUsedBytes: used,
    hits: total(HITS),
    misses: total(MISSES),
    evictions: total(EVICTIONS),
    evictionsByReason: reasonsOf(total),
    expirations: total(EXPIRATIONS),
    ghostHits: total(GHOST_HITS),
    memory: {
      store_limit_bytes: limit,
      store_reserve_bytes: global[RESERVE_UNITS] * unitBytes,
      store_overdraft_bytes: Math.max(0, used - limit),
      store_shards: count,
      index_bytes: (word(BUCKETS) + word(OVERFLOW_IN_USE)) * unitBytes,
      ghost_bytes: word(GHOST_BUCKETS) * unitBytes,
      segment_bytes: segments.segmentBytes,
      segments_used: global[SEGMENTS_IN_USE],
      segments_small: queue(SMALL_QUEUE),
      segments_main: queue(MAIN_QUEUE),
      segments_chained: word(CHAIN_SEGMENTS),
      dead_bytes: deadBytes,
      unused_bytes: unusedBytes,
      promotions: total(PROMOTIONS),
      index_crowded_writes: total(CROWDED),
      bytes_per_item: items === 0 ? 0 : Math.round(used / items),
    },
  };
}

/** What segments hold besides live items: dead items and unused tails. */
function wasteOf(shards: readonly Shard[]): { deadBytes: number; unusedBytes: number } {
  let deadBytes = 0;
  let unusedBytes = 0;
  for (const { state, attachment } of shards) {
    const { segments } = attachment;
    for (const words of [QUEUES, QUEUES + QUEUE_WORDS]) {
      let left = segments.poolSize;
      for (let s = state[words + OLDEST]; s !== NONE && left > 0; s = segments.next(s)) {
        deadBytes += segments.deadBytes(s);
        unusedBytes += segments.segmentBytes - segments.filled(s);
        // Another thread may relink the queue during this walk; the count makes it end.
        left--;
      }
    }
  }
  return { deadBytes, unusedBytes };
}

/** Writes that found a chain of the index at its bound. */
export function crowdedWrites(shards: readonly Shard[]): number {
  return shards.reduce((sum, shard) => sum + shard.statistics[CROWDED], 0);
}

export function resetStatistics(shards: readonly Shard[]): void {
  for (const shard of shards) shard.statistics.fill(0);
}
