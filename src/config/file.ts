// The configuration file: lines of `name value`, `#` comments and blank lines. What the names mean
// is not known here, nor where the file lies (replace-file.ts).
// Invariant: a file that is written back keeps, byte for byte, whatever is not changed: comments,
// order, text that is no UTF-8, line ends.

import { ConfigError } from "../base/errors.ts";

export interface ConfigLine {
  /** Counted from 1, as editors do. */
  readonly number: number;
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
    return { number, setting, isPinned: lines[index - 1]?.trim() === pinMark };
  });
}

function parseSetting(line: string, where: string): ConfigLine["setting"] {
  const trimmed = line.trim();
  if (trimmed === "" || trimmed.startsWith("#")) return null;
  const [, name, value] = /^(\S+)\s+(.+)$/s.exec(trimmed) ?? [];
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

/**
 * The file with these settings, in their places where they have one; all other bytes as they were.
 */
export function rewriteConfigFile(
  bytes: Uint8Array,
  path: string,
  written: ReadonlyMap<string, Written>,
): Uint8Array {
  const lines = parseConfigFile(Buffer.from(bytes).toString("utf8"), path);
  // The same lines, with one character for each byte, and with the CR of a Windows editor.
  const raw = Buffer.from(bytes).toString("latin1").split("\n");
  const ending = raw.length > 1 && raw[0]?.endsWith("\r") ? "\r" : "";
  const places = placesOf(lines);
  const result = lines.flatMap(({ number, setting, isPinned }) => {
    const text = raw[number - 1] ?? "";
    const change = setting === null ? undefined : written.get(setting.name);
    if (setting === null || change === undefined) return [text];
    if (places.get(setting.name) !== number) return [];
    const ownEnding = text.endsWith("\r") ? "\r" : "";
    return settingLines(setting.name, change, isPinned).map((line) => line + ownEnding);
  });
  const added = [...written].flatMap(([name, change]) => {
    return places.has(name) ? [] : settingLines(name, change, false);
  });
  return Buffer.from(append(result, added, ending).join("\n"), "latin1");
}

/** Of a name that stands there twice the last line counts. */
function placesOf(lines: readonly ConfigLine[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const { number, setting } of lines) if (setting !== null) places.set(setting.name, number);
  return places;
}

/** Adds lines behind the last one, which may have no end yet. */
function append(lines: readonly string[], added: readonly string[], ending: string): string[] {
  if (added.length === 0) return [...lines];
  const all = [...lines];
  const last = all.pop() ?? "";
  if (last !== "") all.push(last + ending);
  return [...all, ...added.map((line) => line + ending), ""];
}

/** With one character for each byte. */
function settingLines(name: string, { value, isPinned }: Written, isMarked: boolean): string[] {
  const line = Buffer.from(`${name} ${quote(value)}`, "utf8").toString("latin1");
  return isPinned === true && !isMarked ? [pinMark, line] : [line];
}

/** Quotes what unquote() would not give back as it is. */
function quote(value: string): string {
  const isPlain = value !== "" && value === value.trim() && !/^"|[\r\n]/.test(value);
  return isPlain ? value : JSON.stringify(value);
}
