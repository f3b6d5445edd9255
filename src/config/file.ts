// The configuration file: lines of `name value`, `#` comments and blank lines. It is kept as lines,
// so that a file can be written back with its comments and order; what the names mean is not known
// here. Every line is kept with its exact text, and names come out in the order of the file.

import { ConfigError } from "../base/errors.ts";

export interface ConfigLine {
  /** Counted from 1, as editors do. */
  readonly number: number;
  /** The line as it stands in the file. */
  readonly text: string;
  /** Null for a comment or a blank line. */
  readonly setting: { readonly name: string; readonly value: string } | null;
  /** Whether the mark of a rewritten setting stands before it: it beats flags and environment. */
  readonly isPinned: boolean;
}

const pinMark = "# Written by CONFIG REWRITE after REPLICAOF: beats the flag and the environment.";

/** Parses the whole text. The path is only named in messages. */
export function parseConfigFile(text: string, path: string): ConfigLine[] {
  return text.split(/\r?\n/).map((line, index, lines) => {
    const number = index + 1;
    const setting = parseSetting(line, `${path} line ${number}`);
    return { number, text: line, setting, isPinned: lines[index - 1]?.trim() === pinMark };
  });
}

function parseSetting(line: string, where: string): ConfigLine["setting"] {
  const trimmed = line.trim();
  if (trimmed === "" || trimmed.startsWith("#")) return null;
  const [, name, value] = /^(\S+)\s+(.+)$/.exec(trimmed) ?? [];
  if (name === undefined || value === undefined) {
    throw new ConfigError(`${where}: "${trimmed}" has no value; write: name value`);
  }
  return { name, value: unquote(value, where) };
}

/** Quotes are needed only for an empty value or for blanks at its ends; inside, JSON's escapes. */
function unquote(value: string, where: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    // JSON's own message would speak of tokens and positions instead of the line.
    throw new ConfigError(`${where}: ${value} has an opening quote but is no quoted text`);
  }
}

// ---- writing ------------------------------------------------------------------------------------

/** A value that the file shall have. */
export interface Written {
  readonly value: string;
  readonly isPinned?: boolean;
}

/** The text with these settings, in their places where they have one; all other lines as they were. */
export function rewriteConfigText(
  text: string,
  path: string,
  written: ReadonlyMap<string, Written>,
): string {
  const lines = parseConfigFile(text, path);
  if (lines.at(-1)?.text === "") lines.pop();
  // Of a name that stands there twice the last line counts.
  const places = new Map(lines.map((line) => [line.setting?.name, line.number]));
  const result = lines.flatMap((line) => {
    const name = line.setting?.name;
    const change = name === undefined ? undefined : written.get(name);
    if (name === undefined || change === undefined) return [line.text];
    return places.get(name) === line.number ? settingLines(name, change, line.isPinned) : [];
  });
  for (const [name, change] of written) {
    if (!places.has(name)) result.push(...settingLines(name, change, false));
  }
  return `${result.join("\n")}\n`;
}

function settingLines(name: string, { value, isPinned }: Written, isMarked: boolean): string[] {
  const line = `${name} ${quote(value)}`;
  return isPinned === true && !isMarked ? [pinMark, line] : [line];
}

/** Quotes what unquote() would not give back as it is. */
function quote(value: string): string {
  const isPlain = value !== "" && value === value.trim() && !/^"|[\r\n]/.test(value);
  return isPlain ? value : JSON.stringify(value);
}
