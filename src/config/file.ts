// The format of the configuration file: lines of `name value`, `#` comments and blank lines. It
// does not know the meaning of the names or where the file is (replace-file.ts).
// Invariant: rewriting a file keeps everything that is not changed byte for byte: comments, order,
// text that is not UTF-8, line endings.

import { latin1, latin1Bytes } from "../base/bytes.ts";
import { ConfigError } from "../base/errors.ts";

export interface ConfigLine {
  /** Line number, counted from 1. */
  readonly number: number;
  /** Null for a comment or a blank line. */
  readonly setting: { readonly name: string; readonly value: string } | null;
  /** Whether the mark of CONFIG REWRITE precedes it. It then overrides flags and environment. */
  readonly isPinned: boolean;
}

/** The name of the lines that define users, of which there may be several. */
export const userWord = "user";

const pinMark = "# Written by CONFIG REWRITE after REPLICAOF: beats the flag and the environment.";

/** Parses the whole text. The path is used only in messages. */
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
  // The words of a user's rules have quotes of their own (base/redis-arguments.ts).
  if (name === userWord) return { name, value };
  return { name, value: unquote(value, `${where}: the value of ${name}`) };
}

/**
 * Quotes are needed only for an empty value or outer blanks. Escapes are those of JSON. The error
 * does not show the value, which may be a password.
 */
function unquote(value: string, subject: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    // The message of JSON.parse names tokens and positions instead of the line.
    throw new ConfigError(`${subject} starts with a quote but is not a quoted string`);
  }
}

// ---- writing ------------------------------------------------------------------------------------

/** A value to write to the file. */
export interface Written {
  readonly value: string;
  readonly isPinned?: boolean;
}

/** Returns the file with these settings, each in its present place if it has one. */
export function rewriteConfigFile(
  bytes: Uint8Array,
  path: string,
  written: ReadonlyMap<string, Written>,
): Uint8Array {
  const lines = parseConfigFile(Buffer.from(bytes).toString("utf8"), path);
  // The same lines, with one character for each byte, and with the CR of a Windows editor.
  const raw = latin1(bytes).split("\n");
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
  return latin1Bytes(append(result, added, ending).join("\n"));
}

/**
 * Returns the file with these users, one character per byte and without the word, instead of those
 * that it has: in their places, as far as there are any.
 */
export function rewriteUserLines(
  bytes: Uint8Array,
  path: string,
  users: readonly string[],
): Uint8Array {
  const lines = parseConfigFile(Buffer.from(bytes).toString("utf8"), path);
  const raw = latin1(bytes).split("\n");
  const ending = raw.length > 1 && raw[0]?.endsWith("\r") ? "\r" : "";
  const left = [...users];
  const result = lines.flatMap(({ number, setting }) => {
    if (setting?.name !== userWord) return [raw[number - 1] ?? ""];
    const user = left.shift();
    return user === undefined ? [] : [`${userWord} ${user}${ending}`];
  });
  const added = left.map((user) => `${userWord} ${user}`);
  return latin1Bytes(append(result, added, ending).join("\n"));
}

/** The names that a file has, `user` among them. */
export function namesIn(bytes: Uint8Array, path: string): ReadonlySet<string> {
  const lines = parseConfigFile(Buffer.from(bytes).toString("utf8"), path);
  return new Set(placesOf(lines).keys());
}

/** The line of each name. If a name occurs twice, the last line counts. */
function placesOf(lines: readonly ConfigLine[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const { number, setting } of lines) if (setting !== null) places.set(setting.name, number);
  return places;
}

/** Appends lines. The last present line may lack its line ending. */
function append(lines: readonly string[], added: readonly string[], ending: string): string[] {
  if (added.length === 0) return [...lines];
  const all = [...lines];
  const last = all.pop() ?? "";
  if (last !== "") all.push(last + ending);
  return [...all, ...added.map((line) => line + ending), ""];
}

/** The lines of a setting, with one character per byte. */
function settingLines(name: string, { value, isPinned }: Written, isMarked: boolean): string[] {
  const line = latin1(Buffer.from(`${name} ${quote(value)}`, "utf8"));
  return isPinned === true && !isMarked ? [pinMark, line] : [line];
}

/** Quotes a value that would not survive unquote() as it is. */
function quote(value: string): string {
  const isPlain = value !== "" && value === value.trim() && !/^"|[\r\n]/.test(value);
  return isPlain ? value : JSON.stringify(value);
}
