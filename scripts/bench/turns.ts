// How long the server's event loop was held by single turns, as our server's INFO tells it:
// the length of a turn is what every other connection of that thread waits. Other servers do
// not say, and their cells stay empty.
// Invariant: figures count from the last CONFIG RESETSTAT.

import type { Statistics } from "./admin.ts";
import { type Cell, fixed, median } from "./suite.ts";

export interface Turns {
  readonly count: number;
  readonly p9999Ms: number;
  readonly maxMs: number;
  readonly over10Ms: number;
  readonly over50Ms: number;
}

export const TURN_COLUMNS = ["turn p99.99", "turn max", "turns >10 ms", ">50 ms"] as const;

export function turnsOf(statistics: Statistics): Turns {
  const read = (name: string) => Number(statistics.get(name) ?? Number.NaN);
  return {
    count: read("turn_count"),
    p9999Ms: read("turn_ms_p9999"),
    maxMs: read("turn_ms_max"),
    over10Ms: read("turns_over_10ms"),
    over50Ms: read("turns_over_50ms"),
  };
}

/** Medians over rounds, in the order of the columns. */
export function turnCells(rounds: readonly Turns[]): Cell[] {
  const cell = (pick: (turns: Turns) => number, digits: number) =>
    fixed(median(rounds.map(pick)), digits);
  return [
    cell((turns) => turns.p9999Ms, 2),
    cell((turns) => turns.maxMs, 2),
    cell((turns) => turns.over10Ms, 0),
    cell((turns) => turns.over50Ms, 0),
  ];
}
