// What all benchmarks of the suite share: their context, the tables that they return, and the
// arithmetic of rounds. It neither starts servers nor prints results.
// Invariant: a table keeps its raw values beside its medians.

import type { OtherTree, ServerSpec } from "./servers.ts";

export interface Context {
  /** Seconds instead of minutes: shows that a benchmark works, not how fast anything is. */
  readonly smoke: boolean;
  readonly rounds: number;
  /** The servers that are installed and selected, ours first. */
  readonly servers: readonly ServerSpec[];
  /** Other trees of MSCache. Their servers are among `servers`. */
  readonly trees: readonly OtherTree[];
  readonly traces: readonly string[];
  /** Memory limits in MiB for the hit ratio; empty for the default ones. */
  readonly limitsMib: readonly number[];
  /** Selects the cases whose name contains this; empty for all. */
  readonly only: string;
  /** Every combination in the cpu benchmark instead of one dimension at a time. */
  readonly matrix: boolean;
  /** In the cpu benchmark only SET and GET of plain 100-byte values, and shorter measurements. */
  readonly quick: boolean;
  /** The server of `--against`, with which cpu compares ours; empty for none. */
  readonly against: string;
  /** Reports progress to the user. */
  say(line: string): void;
}

export type Cell = string | number;

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly notes?: readonly string[];
  /** Every single measurement behind the rows. */
  readonly raw?: unknown;
}

export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  run(context: Context): Promise<Table[]>;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The order of a round, rotated every time so that none always comes first. */
export function alternate<T>(items: readonly T[], round: number): T[] {
  return round % 2 === 0 ? [...items] : [...items].reverse();
}

export function fixed(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "-";
}

export function printTable(table: Table): string {
  const lines = [table.columns, ...table.rows].map((row) => row.map(String));
  const widths = table.columns.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  const [head, ...rows] = lines.map((line) => formatLine(line, widths));
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  const notes = (table.notes ?? []).map((note) => `  ${note}`);
  return [`## ${table.title}`, "", head, rule, ...rows, ...notes, ""].join("\n");
}

/** Aligns words left and figures right. */
function formatLine(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, i) =>
    i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]),
  );
  return padded.join("  ").trimEnd();
}
