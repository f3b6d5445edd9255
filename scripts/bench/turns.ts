// How long single turns held the server's event loop, as our server's INFO reports it: every other
// connection of that thread waits for the length of a turn. Other servers do not report it, so
// their cells stay empty.
// Invariant: figures count from the last CONFIG RESETSTAT, and no round's stall is averaged away.

import type { Statistics } from "./admin.ts";
import { type Cell, fixed, median } from "./suite.ts";

export interface Turns {
  readonly count: number;
  readonly p999Ms: number;
  readonly p9999Ms: number;
  readonly maxMs: number;
  readonly over10Ms: number;
  readonly over50Ms: number;
}

export const turnColumns = [
  ...["turns", "turn p99.9", "turn p99.99", "turn max"],
  ...["% under 10 ms", "over 10 ms", "over 50 ms"],
] as const;

export const turnNote =
  "Turns are counted over all rounds together: their share under 10 ms, those above, the longest.";

export const queuedColumn = "queued s";
export const queuedNote =
  "Queued: how long the server was ready to run while the processor ran something else.";

export function turnsOf(statistics: Statistics): Turns {
  const read = (name: string) => Number(statistics.get(name) ?? Number.NaN);
  return {
    count: read("turn_count"),
    p999Ms: read("turn_ms_p999"),
    p9999Ms: read("turn_ms_p9999"),
    maxMs: read("turn_ms_max"),
    over10Ms: read("turns_over_10ms"),
    over50Ms: read("turns_over_50ms"),
  };
}

/**
 * In the order of the columns. Percentiles are medians of the rounds; the rest covers all rounds.
 */
export function turnCells(rounds: readonly Turns[]): Cell[] {
  const total = (pick: (turns: Turns) => number) =>
    rounds.reduce((sum, turns) => sum + pick(turns), 0);
  const [count, over10] = [total((turns) => turns.count), total((turns) => turns.over10Ms)];
  return [
    fixed(count, 0),
    fixed(median(rounds.map((turns) => turns.p999Ms)), 2),
    fixed(median(rounds.map((turns) => turns.p9999Ms)), 2),
    fixed(Math.max(...rounds.map((turns) => turns.maxMs)), 2),
    percent(1 - over10 / count),
    fixed(over10, 0),
    fixed(
      total((turns) => turns.over50Ms),
      0,
    ),
  ];
}

/** Truncated, not rounded: 100 means all of them. */
function percent(part: number): string {
  return fixed(Math.floor(part * 1e6) / 1e4, 4);
}
