// What one item costs and how much it is used, for people who ask (MEMORY USAGE, OBJECT FREQ). Cold
// path: it reads the entry of a key and the header of its item, and changes nothing but an expired
// item, which it removes as any read does.

import { LOCATION, USES_MASK } from "./bucket-index.ts";
import { chainSegmentsFor, flagsOf, itemBytesAt, keyLengthOf, valueLengthAt } from "./item.ts";
import { ABSENT } from "./lookup.ts";
import { EVICTION } from "./memory.ts";
import type { Shard } from "./shard.ts";

export interface ItemFacts {
  /** Of the item with header and padding, of its chain, and of its entry in the index. */
  readonly bytes: number;
  /** S3-FIFO's counter: uses since the item entered its queue, saturating. */
  readonly uses: number;
  /** Whether uses decide what is evicted; false with `--eviction none`. */
  readonly usesMatter: boolean;
}

const entryBytes = 8;

export function itemFacts(
  shard: Shard,
  hash: number,
  key: Uint8Array,
  start: number,
  end: number,
  now: number,
): ItemFacts | null {
  const slot = shard.locateLive(hash, key, start, end, now);
  if (slot === ABSENT) return null;
  const { arenas, global } = shard.attachment;
  const { segmentShift } = arenas;
  const location = shard.index.words[slot + LOCATION];
  const words = arenas.wordsOf(location);
  const at = arenas.wordAt(location);
  const head = words[at];
  const keyLength = keyLengthOf(head);
  const chained = chainSegmentsFor(
    flagsOf(head),
    keyLength,
    valueLengthAt(words, at),
    segmentShift,
  );
  return {
    bytes: itemBytesAt(words, at, segmentShift) + chained * 2 ** segmentShift + entryBytes,
    uses: shard.index.words[slot] & USES_MASK,
    usesMatter: global[EVICTION] === 1,
  };
}
