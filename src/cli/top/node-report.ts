// Nodes without a live view: a table as text, or JSON for programs, of what they did between two
// samples.

import { wallClockMs } from "../../base/clock.ts";
import { shownJson, shownText } from "../shown-text.ts";
import { timeText } from "./frame.ts";
import { columnsWithin, paddedCell } from "./node-columns.ts";
import { type NodeRow, rowOf } from "./node-row.ts";
import { commandsBetween } from "./rates.ts";
import type { WatchGroup } from "./watch-group.ts";

/** Wide enough for every column. */
const reportColumns = 200;

export function reportText(rows: readonly NodeRow[]): string {
  const columns = columnsWithin(
    reportColumns,
    rows.map(({ name }) => name),
  );
  const titles = columns.map((column) => paddedCell(column, column.title));
  const lines = rows.map((row) => {
    if (row.state === "up") return columns.map((column) => paddedCell(column, column.cell(row)));
    const [name = "", role = ""] = columns.map((column) => paddedCell(column, column.cell(row)));
    return [name, role, `${row.state} since ${timeText(row.sinceMs)}: ${shownText(row.reason)}`];
  });
  return [titles, ...lines].map((cells) => `${cells.join(" ").trimEnd()}\n`).join("");
}

/** Rates are a second, times microseconds, sizes bytes; null is what a server does not tell. */
export function reportJson(group: WatchGroup): string {
  const nodes = group.nodes.map((node) => {
    const { name, state, reason, role, numbers, lag } = rowOf(node, group);
    if (state !== "up" || node.now === null) {
      return { node: name, up: false, since: new Date(node.sinceMs).toISOString(), reason };
    }
    const commands = commandsBetween(node.before, node.now);
    return { node: name, up: true, role, ...numbers, lag, commands };
  });
  return `${shownJson({ at: new Date(wallClockMs()).toISOString(), nodes })}\n`;
}
