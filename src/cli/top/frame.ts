// One frame of the view as lines: a heading, the table of nodes, the panel about one of them, and
// the keys. Pure; screen.ts puts it on the terminal.
// Invariant: never more lines than the terminal has, and none wider than it.

import type { Palette } from "../colors.ts";
import { fitted, shownText } from "../shown-text.ts";
import type { TerminalSize } from "../terminal.ts";
import { type Detail, panelLines } from "./detail-panel.ts";
import { columnsWithin, type NodeColumn, nodeColumns, paddedCell } from "./node-columns.ts";
import type { NodeRow } from "./node-row.ts";
import { keyHelp, type ViewState } from "./view-state.ts";

export interface FrameParts {
  /** In the order of the screen. */
  readonly rows: readonly NodeRow[];
  /** Of the chosen node; null while it is not up. */
  readonly detail: Detail | null;
  readonly state: ViewState;
  readonly size: TerminalSize;
  readonly palette: Palette;
  readonly nowMs: number;
  readonly intervalMs: number;
}

/** The heading, the titles and the keys. */
const fixedRows = 3;
/** What the panel needs before it is worth a line of the table. */
const panelRowsMin = 4;

export function frameLines(parts: FrameParts): string[] {
  const { rows, columns } = parts.size;
  const body = rows - fixedRows;
  const middle = parts.state.showsHelp
    ? helpLines(parts).slice(0, body + 1)
    : nodeLines(parts, tableRows(parts.rows.length, body));
  const rest = body + 1 - middle.length;
  const panel = parts.state.showsHelp ? [] : lowerLines(parts, rest);
  const blank = Array.from({ length: Math.max(0, rest - panel.length) }, () => "");
  const lines = [heading(parts), ...middle, ...panel, ...blank, footer(parts)];
  return columns < 1 ? [] : lines.slice(0, Math.max(0, rows));
}

/** "13:45:02", as a clock on the wall beside the terminal shows it. */
export function timeText(ms: number): string {
  const at = new Date(ms);
  const two = (value: number) => `${value}`.padStart(2, "0");
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
}

// --- internal ---

function heading({ rows, state, size, palette, nowMs, intervalMs }: FrameParts): string {
  const down = rows.filter((row) => row.state === "down").length;
  const nodes = `${rows.length} ${rows.length === 1 ? "node" : "nodes"}`;
  const order =
    state.sort === null ? "" : `, by ${state.sort}${state.isReversed ? " reversed" : ""}`;
  const before = `mscache top  ${timeText(nowMs)}  every ${intervalMs / 1_000}s${order}  ${nodes}`;
  const after = [...(down > 0 ? [`${down} down`] : []), ...(state.isPaused ? ["PAUSED"] : [])];
  const text = fitted([before, ...after].join(", "), size.columns);
  return down > 0 ? palette.red(text) : palette.bold(text);
}

function footer({ size, palette }: FrameParts): string {
  const keys = "up/down node  left/right sort  tab panel  p pause  ? help  q quit";
  return palette.dim(fitted(keys, size.columns));
}

/** How many rows of nodes are shown. */
function tableRows(nodes: number, body: number): number {
  const beside = body - nodes >= panelRowsMin ? nodes : Math.max(1, body - panelRowsMin * 2);
  return Math.max(1, Math.min(nodes, beside, body));
}

function nodeLines({ rows, state, size, palette }: FrameParts, shown: number): string[] {
  const names = rows.map(({ name }) => name);
  const columns = columnsWithin(size.columns - 1, names);
  const titles = columns.map((column) => {
    const title = paddedCell(column, column.title);
    return column.title === state.sort ? palette.underline(title) : title;
  });
  const at = rows.findIndex(({ name }) => name === state.chosen);
  const first = Math.min(Math.max(0, at - shown + 1), Math.max(0, rows.length - shown));
  const lines = rows.slice(first, first + shown).map((row) => {
    return nodeLine(row, columns, { isChosen: row.name === state.chosen, size, palette });
  });
  return [palette.bold(` ${titles.join(" ")}`.slice(0, lengthOf(titles, size))), ...lines];
}

/** Titles that do not fit at all are cut; their escapes are not, as they are never beyond. */
function lengthOf(titles: readonly string[], { columns }: TerminalSize): number {
  const line = ` ${titles.join(" ")}`;
  return Bun.stringWidth(line) <= columns ? line.length : columns;
}

interface LineOptions extends Pick<FrameParts, "size" | "palette"> {
  readonly isChosen: boolean;
}

function nodeLine(row: NodeRow, columns: readonly NodeColumn[], options: LineOptions): string {
  const { isChosen, palette, size } = options;
  const mark = isChosen ? ">" : " ";
  const cells = columns.map((column) => ({ column, text: paddedCell(column, column.cell(row)) }));
  if (row.state !== "up") {
    const [name, role] = cells.map(({ text }) => text);
    const line = fitted([`${mark}${name ?? ""}`, role, stateText(row)].join(" "), size.columns);
    const color = row.state === "down" ? palette.red : palette.dim;
    return isChosen ? palette.inverse(color(line)) : color(line);
  }
  const plain = fitted(`${mark}${cells.map(({ text }) => text).join(" ")}`, size.columns);
  if (isChosen) return palette.inverse(plain);
  if (plain.endsWith("…")) return plain;
  const painted = cells.map(({ column, text }) => {
    const style = column.style?.(row) ?? null;
    return style === null ? text : palette[style](text);
  });
  return `${mark}${painted.join(" ")}`;
}

function stateText({ state, sinceMs, reason }: NodeRow): string {
  if (state === "connecting") return "connecting";
  return `down since ${timeText(sinceMs)}: ${shownText(reason)}`;
}

function lowerLines(parts: FrameParts, rest: number): string[] {
  const { detail, state, size, palette } = parts;
  if (rest < panelRowsMin) return [];
  const title = palette.underline(fitted(panelTitle(state), size.columns));
  if (detail === null) return ["", title, fitted("no answer from this node", size.columns)];
  const space = { rows: rest - 2, columns: size.columns };
  return ["", title, ...panelLines(detail, state.panel, space, palette)];
}

function panelTitle({ chosen, panel }: ViewState): string {
  const what = { all: "", commands: " commands", slow: " slow commands", clients: " clients" };
  return `${shownText(chosen ?? "")}${what[panel]}`;
}

function helpLines({ size, palette }: FrameParts): string[] {
  const keys = keyHelp.map(([names, effect]) => `  ${names.padEnd(18)} ${effect}`);
  const columns = nodeColumns.map(({ title, doc }) => `  ${title.padEnd(18)} ${doc}`);
  return [
    palette.bold(fitted("Keys", size.columns)),
    ...keys.map((line) => fitted(line, size.columns)),
    "",
    palette.bold(fitted("Columns; a dash is what a server does not tell", size.columns)),
    ...columns.map((line) => fitted(line, size.columns)),
  ];
}
