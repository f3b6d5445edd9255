// The columns of the table of nodes: what each shows, how wide it is, how nodes are sorted by it
// and when its value deserves a colour. Where the terminal is narrow, those that matter less are
// left out. It draws nothing.
// Invariant: a cell is never wider than its column.

import type { Style } from "../colors.ts";
import { fitted, shownText } from "../shown-text.ts";
import type { NodeRow } from "./node-row.ts";
import { bytesCell, countCell, dash, microsecondsCell, shareCell } from "./number-cells.ts";
import type { NodeNumbers } from "./rates.ts";

export interface NodeColumn {
  readonly title: string;
  /** What it means, for the help. */
  readonly doc: string;
  readonly width: number;
  /** Columns with a larger number are left out first. */
  readonly rank: number;
  readonly cell: (row: NodeRow) => string;
  /** Larger ones first; null is last. Texts the other way round. */
  readonly order: (row: NodeRow) => number | string | null;
  readonly style?: (row: NodeRow) => Style | null;
}

const nameWidth = { min: 15, max: 30 } as const;
const gap = 1;
/** Of the memory limit: evictions are near, or writes are refused soon. */
const nearLimit = 0.9;
/** A follower that is so far behind does not only wait for the next packet. */
const farBehindBytes = 1024 * 1024;

type Numbers = keyof NodeNumbers;

function numbers(
  name: Numbers,
  format: (value: number | null) => string,
  column: Pick<NodeColumn, "title" | "doc" | "width" | "rank" | "style">,
): NodeColumn {
  const value = (row: NodeRow) => row.numbers?.[name] ?? null;
  return { ...column, cell: (row) => format(value(row)), order: value };
}

const name: NodeColumn = {
  title: "NODE",
  doc: "address of the node",
  width: nameWidth.min,
  rank: 0,
  cell: (row) => shownText(row.name),
  order: (row) => row.name,
};

/** In the order of the screen, after the name. */
const others: readonly NodeColumn[] = [
  {
    title: "ROLE",
    doc: "leader or follower",
    width: 8,
    rank: 1,
    cell: (row) => row.role ?? dash,
    order: (row) => row.role,
  },
  numbers("requests", countCell, { title: "REQ/S", doc: "commands a second", width: 6, rank: 2 }),
  numbers("hits", shareCell, {
    title: "HITS",
    doc: "lookups of this interval that found a key",
    width: 6,
    rank: 3,
  }),
  numbers("memory", bytesCell, {
    title: "MEMORY",
    doc: "bytes that the data take",
    width: 6,
    rank: 6,
  }),
  {
    title: "FULL",
    doc: "memory of its limit",
    width: 6,
    rank: 4,
    cell: (row) => shareCell(fullness(row)),
    order: fullness,
    style: (row) => ((fullness(row) ?? 0) >= nearLimit ? "yellow" : null),
  },
  numbers("evictions", countCell, {
    title: "EVIC/S",
    doc: "keys evicted a second",
    width: 6,
    rank: 10,
  }),
  numbers("expirations", countCell, {
    title: "EXPI/S",
    doc: "keys expired a second",
    width: 6,
    rank: 11,
  }),
  numbers("clients", countCell, { title: "CLIENT", doc: "connections", width: 6, rank: 8 }),
  numbers("p50Us", microsecondsCell, {
    title: "P50",
    doc: "half of the commands of this interval took less, within the node",
    width: 6,
    rank: 9,
  }),
  numbers("p99Us", microsecondsCell, {
    title: "P99",
    doc: "99 of 100 commands took less, estimated from LATENCY HISTOGRAM",
    width: 6,
    rank: 5,
  }),
  numbers("bytesIn", bytesCell, { title: "IN/S", doc: "bytes received", width: 6, rank: 12 }),
  numbers("bytesOut", bytesCell, { title: "OUT/S", doc: "bytes sent", width: 6, rank: 13 }),
  {
    title: "LAG",
    doc: "bytes behind the leader, or seconds; of a leader, its last follower",
    width: 6,
    rank: 7,
    cell: lagCell,
    order: (row) => lagOrder(row),
    style: (row) => ((lagOrder(row) ?? 0) >= farBehindBytes ? "red" : null),
  },
  numbers("turns", countCell, {
    title: "TURN/S",
    doc: "turns of the event loops, MSCache only",
    width: 6,
    rank: 14,
  }),
];

/** All of them, the name first. */
export const nodeColumns: readonly NodeColumn[] = [name, ...others];

/** Those that fit into so many columns of the terminal; the name takes what is left. */
export function columnsWithin(columns: number, names: readonly string[]): readonly NodeColumn[] {
  const longest = Math.max(...names.map((text) => Bun.stringWidth(shownText(text))), 0);
  const wanted = Math.min(nameWidth.max, Math.max(nameWidth.min, longest));
  const kept = new Set<NodeColumn>();
  let used = nameWidth.min;
  for (const column of others.toSorted((one, other) => one.rank - other.rank)) {
    if (used + gap + column.width > columns) break;
    used += gap + column.width;
    kept.add(column);
  }
  const width = Math.max(1, Math.min(wanted, nameWidth.min + columns - used));
  return [{ ...name, width }, ...others.filter((column) => kept.has(column))];
}

/** A cell with its padding: the name to the left, as is the role; numbers to the right. */
export function paddedCell(column: NodeColumn, text: string): string {
  const cell = fitted(text, column.width);
  const padding = " ".repeat(Math.max(0, column.width - Bun.stringWidth(cell)));
  return column.rank <= 1 ? `${cell}${padding}` : `${padding}${cell}`;
}

/** The rows by a column; without one, in the order in which they were named. */
export function sortedRows(
  rows: readonly NodeRow[],
  column: NodeColumn | null,
  isReversed: boolean,
): readonly NodeRow[] {
  const sign = isReversed ? -1 : 1;
  if (column === null) return isReversed ? rows.toReversed() : rows;
  return rows.toSorted((one, other) => {
    const left = column.order(one);
    const right = column.order(other);
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    if (typeof left === "string") return sign * left.localeCompare(`${right}`);
    return sign * (Number(right) - left);
  });
}

/** Memory of its limit, 0 to 1 or more. */
function fullness({ numbers: values }: NodeRow): number | null {
  const limit = values?.memoryLimit ?? null;
  const memory = values?.memory ?? null;
  return limit === null || memory === null ? null : memory / limit;
}

function lagCell({ lag }: NodeRow): string {
  if (lag === null) return dash;
  if ("bytes" in lag) return bytesCell(lag.bytes);
  return "seconds" in lag ? `${countCell(lag.seconds)}s` : "LOST";
}

function lagOrder({ lag }: NodeRow): number | null {
  if (lag === null) return null;
  if ("bytes" in lag) return lag.bytes;
  return "seconds" in lag ? lag.seconds : Number.POSITIVE_INFINITY;
}
