// The lines of MONITOR: which of them are wanted, and how they are shown. A line is
// `1700000000.123456 [0 127.0.0.1:40000] "GET" "key"`; what does not look like that is shown as it
// is, by any filter. Texts have one character a byte.

import { ConfigError } from "../../base/errors.ts";
import { compileGlob, type Glob } from "../../base/glob.ts";
import type { Palette } from "../colors.ts";
import { bytesOf, bytesText, splitLine } from "../prompt/redis-line.ts";

export interface MonitorFilter {
  /** Names of commands, in lower case; null for all. */
  readonly commands: ReadonlySet<string> | null;
  /** What one of the arguments must match. */
  readonly argument: Glob | null;
  /** What the client must match: its address, or "lua" for a command of a script. */
  readonly client: Glob | null;
  readonly database: number | null;
}

export interface MonitorLine {
  readonly time: string;
  readonly database: number;
  readonly client: string;
  /** As the server quotes them. */
  readonly rest: string;
}

const form = /^(\d+\.\d+) \[(\d+) ([^\]]*)\] (".*)$/s;

export function monitorLineOf(text: string): MonitorLine | null {
  const [, time, database, client, rest] = form.exec(text) ?? [];
  if (time === undefined || client === undefined || rest === undefined) return null;
  return { time, database: Number(database), client, rest };
}

export function wordsOf({ rest }: MonitorLine): string[] {
  return splitLine(rest) ?? [rest];
}

export function isWanted(line: MonitorLine, filter: MonitorFilter): boolean {
  const { commands, argument, client, database } = filter;
  if (database !== null && line.database !== database) return false;
  if (client !== null && !matches(client, line.client)) return false;
  if (commands === null && argument === null) return true;
  const [name = "", ...words] = wordsOf(line);
  if (commands !== null && !commands.has(name.toLowerCase())) return false;
  return argument === null || words.some((word) => matches(argument, word));
}

/** A pattern of an option. Throws a ConfigError. */
export function globOf(option: string, pattern: string): Glob {
  const bytes = bytesOf(bytesText(pattern));
  const glob = compileGlob(bytes, 0, bytes.length);
  if (glob === null) throw new ConfigError(`--${option}: the pattern is too long`);
  return glob;
}

/** As the server writes it; the name of the command stands out if there are colours. */
export function coloredLine(
  { time, database, client, rest }: MonitorLine,
  colors: Palette,
): string {
  const end = /^"(?:\\.|[^\\"])*"/s.exec(rest)?.[0].length ?? 0;
  const place = colors.dim(`${time} [${database} ${client}]`);
  return `${place} ${colors.bold(rest.slice(0, end))}${rest.slice(end)}`;
}

/** One object a line; words that are no UTF-8 are `{ "base64": "..." }`. */
export function jsonLine(line: MonitorLine, node: string): string {
  const { time, database: db, client } = line;
  const words = wordsOf(line).map((word) => jsonWord(bytesOf(word)));
  return bytesText(JSON.stringify({ time: Number(time), node, db, client, command: words }));
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function jsonWord(bytes: Uint8Array): string | { readonly base64: string } {
  try {
    return utf8.decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") }; // it is no text
  }
}

function matches(glob: Glob, text: string): boolean {
  const bytes = bytesOf(text);
  return glob.matches(bytes, 0, bytes.length);
}
