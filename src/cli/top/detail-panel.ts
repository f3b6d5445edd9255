// The panel about the chosen node: a line of facts, the busiest commands, slow commands and
// clients. It never takes more lines than it is given. Names, arguments and addresses are escaped:
// they are whatever a client sent.

import type { Palette } from "../colors.ts";
import type { InfoFields } from "../info-fields.ts";
import { fitted, shownText } from "../shown-text.ts";
import { listedClientsMax } from "./node-watch.ts";
import {
  ageCell,
  bytesCell,
  countCell,
  dash,
  microsecondsCell,
  shareCell,
} from "./number-cells.ts";
import { type CommandNumbers, commandsBetween } from "./rates.ts";
import type { ClientLine, Sample, SlowCommand } from "./sample.ts";
import type { Panel } from "./view-state.ts";

export interface Detail {
  readonly before: Sample | null;
  readonly now: Sample;
}

export interface Space {
  readonly rows: number;
  readonly columns: number;
}

/** A table of the panel: a title, and rows that are drawn only as far as there is space. */
interface Section {
  readonly title: string;
  readonly rows: readonly string[];
  /** Said in the place of rows. */
  readonly empty: string;
}

/** Lines of a section that say something: its title and two rows. */
const sectionRowsMin = 3;

export function panelLines(
  detail: Detail,
  panel: Panel,
  { rows, columns }: Space,
  palette: Palette,
): string[] {
  const facts = palette.dim(fitted(factsLine(detail.now.info), columns));
  const sections: Record<Exclude<Panel, "all">, () => Section> = {
    commands: () => commandSection(detail),
    slow: () => slowSection(detail),
    clients: () => clientSection(detail),
  };
  const all = Object.values(sections);
  const fitting = rows - 1 >= all.length * sectionRowsMin ? all : [sections.commands];
  const chosen = panel === "all" ? fitting : [sections[panel]];
  const heights = shares(rows - 1, chosen.length);
  const drawn = chosen.flatMap((section, i) => {
    return sectionLines(section(), { rows: heights[i] ?? 0, columns }, palette);
  });
  return [facts, ...drawn].slice(0, Math.max(0, rows));
}

// --- internal ---

function factsLine(info: InfoFields): string {
  const own = info.text("mscache_version");
  const redis = info.text("redis_version");
  const version = own === null ? `Redis ${redis ?? dash}` : `MSCache ${own} (as Redis ${redis})`;
  const threads = info.number("data_threads");
  const turnMs = (name: string) => {
    const ms = info.number(name);
    return microsecondsCell(ms === null ? null : ms * 1_000);
  };
  const facts = [
    version,
    `up ${ageCell(info.number("uptime_in_seconds"))}`,
    ...(threads === null ? [] : [`${threads} data ${threads === 1 ? "thread" : "threads"}`]),
    ...(info.number("turn_ms_max") === null
      ? []
      : [`turns p99 ${turnMs("turn_ms_p99")}, longest ${turnMs("turn_ms_max")}`]),
    ...treeFact(info),
    `policy ${info.text("maxmemory_policy") ?? dash}`,
    `${countCell(info.number("rejected_connections"))} connections rejected`,
    `${countCell(info.number("total_error_replies"))} errors`,
  ];
  return shownText(facts.join(", "));
}

/** Of a chain: what is below this node. */
function treeFact(info: InfoFields): string[] {
  const levels = info.number("mscache_tree_levels") ?? 0;
  if (info.number("mscache_tree_circle") === 1) return ["follows itself in a circle"];
  return levels < 2 ? [] : [`${info.number("mscache_tree_nodes")} nodes below on ${levels} levels`];
}

function sectionLines(section: Section, { rows, columns }: Space, palette: Palette): string[] {
  if (rows < 1) return [];
  const texts = section.rows.length === 0 ? [section.empty] : section.rows;
  const lines = texts.slice(0, rows - 1).map((text) => fitted(text, columns));
  const missing = Array.from({ length: Math.max(0, rows - 1 - lines.length) }, () => "");
  return [palette.bold(fitted(section.title, columns)), ...lines, ...missing];
}

function commandSection({ before, now }: Detail): Section {
  const title = `${"COMMAND".padEnd(18)}${right(["CALLS/S", "TIME", "USEC", "FAIL/S"])}`;
  const line = ({ name, calls, share, usPerCall, failed }: CommandNumbers) => {
    const cells = [countCell(calls), shareCell(share), usPerCall.toFixed(2), countCell(failed)];
    return `${fitted(shownText(name), 17).padEnd(18)}${right(cells)}`;
  };
  const empty = before === null ? "measuring" : "no command was called";
  return { title, rows: commandsBetween(before, now).map(line), empty };
}

function slowSection({ now }: Detail): Section {
  const title = `${"SLOW COMMAND".padEnd(18)}${right(["AGO", "TOOK"])}  CLIENT, COMMAND`;
  const empty = now.slow === null ? "SLOWLOG is refused here" : "no slow command";
  const nowSeconds = (now.info.number("server_time_usec") ?? 0) / 1e6;
  const line = ({ atSeconds, tookUs, words, address }: SlowCommand) => {
    const age = nowSeconds === 0 ? null : Math.max(0, nowSeconds - atSeconds);
    const [name = ""] = words;
    const cells = right([ageCell(age), microsecondsCell(tookUs)]);
    const rest = `${shownText(address)} ${words.map(shownText).join(" ")}`;
    return `${fitted(shownText(name.toLowerCase()), 17).padEnd(18)}${cells}  ${rest}`;
  };
  return { title, rows: (now.slow ?? []).map(line), empty };
}

function clientSection({ now }: Detail): Section {
  const title = `${"CLIENT".padEnd(22)}${right(["AGE", "IDLE", "MEMORY"])}  LAST, USER, NAME`;
  const connected = now.info.number("connected_clients") ?? 0;
  const empty =
    connected > listedClientsMax
      ? `${connected} clients: more than ${listedClientsMax} are not listed`
      : now.clients === null
        ? "CLIENT LIST is refused here"
        : "no other client";
  const line = (client: ClientLine) => {
    const text = (name: string) => shownText(client.get(name) ?? "");
    const number = (name: string) => (client.has(name) ? Number(client.get(name)) : null);
    const cells = [ageCell(number("age")), ageCell(number("idle")), bytesCell(number("tot-mem"))];
    const rest = [text("cmd"), text("user"), text("name")].filter((word) => word !== "");
    return `${fitted(text("addr"), 21).padEnd(22)}${right(cells)}  ${rest.join(" ")}`;
  };
  const memory = (client: ClientLine) => Number(client.get("tot-mem") ?? 0);
  const clients = (now.clients ?? []).toSorted((one, other) => memory(other) - memory(one));
  return { title, rows: clients.map(line), empty };
}

function right(cells: readonly string[]): string {
  return cells.map((cell) => cell.padStart(8)).join("");
}

/** `rows` in equal parts; the first has the rest. */
function shares(rows: number, parts: number): number[] {
  const each = Math.floor(rows / parts);
  return Array.from({ length: parts }, (_, i) => (i === 0 ? rows - each * (parts - 1) : each));
}
