// What GET /v1/events tells each second, and the last minutes of it in columns, as charts want
// them. A hole in the stream is a hole in the chart: a row of nulls. Pure; it fetches nothing.
// Invariant: at most `samplesMax` rows are kept.

/** As src/node/admin/event-stream.ts sends it. */
export interface Sample {
  readonly atMs: number;
  /** Null in the first sample of a stream. */
  readonly perSecond: Rates | null;
  readonly items: number;
  readonly memory: {
    readonly usedBytes: number;
    readonly limitBytes: number;
    readonly deadBytes: number;
    readonly unusedBytes: number;
    readonly indexBytes: number;
    readonly ghostBytes: number;
  };
  readonly clients: number;
  readonly clientMemoryBytes: number;
  readonly followers: number;
  readonly latencyUsec: {
    readonly last1s: Percentiles | null;
    readonly last10s: Percentiles | null;
  };
}

/** Microseconds; null if no command ran. */
export interface Percentiles {
  readonly commands: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
}

export interface Rates {
  readonly commands: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly expirations: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

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
