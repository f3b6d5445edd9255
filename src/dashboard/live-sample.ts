// The last minutes of what GET /v1/events tells each second, in columns, as charts want them, and
// what follows from one sample. A hole in the stream is a hole in the chart: a row of nulls. Pure;
// it fetches nothing.
// Invariant: at most `samplesMax` rows are kept.

import type { Rates, Sample } from "../node/admin/observations.ts";

/** Ten minutes. */
const samplesMax = 600;
/** More than this between two samples is a hole. */
const holeSeconds = 3.5;

export type Column = (number | null)[];

/** Rows of numbers with their time, oldest first. */
export class Rows {
  readonly seconds: number[] = [];
  readonly columns: readonly Column[];

  constructor(width: number) {
    this.columns = Array.from({ length: width }, () => []);
  }

  add(seconds: number, values: readonly (number | null)[]): void {
    const last = this.seconds.at(-1);
    if (last !== undefined && seconds <= last) return; // the node's clock was set back
    if (last !== undefined && seconds - last > holeSeconds) {
      this.append(last + holeSeconds / 2, []);
    }
    this.append(seconds, values);
  }

  private append(seconds: number, values: readonly (number | null)[]): void {
    this.seconds.push(seconds);
    for (const [index, column] of this.columns.entries()) column.push(values[index] ?? null);
    if (this.seconds.length <= samplesMax) return;
    this.seconds.shift();
    for (const column of this.columns) column.shift();
  }
}

/** Of the lookups of this second; null if there were none. */
export function hitRatio({ hits, misses }: Rates): number | null {
  return hits + misses === 0 ? null : hits / (hits + misses);
}

export interface MemoryShares {
  readonly live: number;
  readonly dead: number;
  readonly index: number;
  readonly free: number;
}

/** In bytes; they add up to the limit, or to what is used if that is more. */
export function memoryShares({ memory }: Sample): MemoryShares {
  const index = memory.indexBytes + memory.ghostBytes;
  const dead = memory.deadBytes;
  const room = memory.unusedBytes;
  const live = Math.max(0, memory.usedBytes - index - dead - room);
  const free = Math.max(0, memory.limitBytes - memory.usedBytes) + room;
  return { live, dead, index, free };
}
