// The configuration file: lines of `name value`, `#` comments and blank lines. It is kept as lines,
// so that a file can be written back with its comments and order; what the names mean is not known
// here. Every line is kept with its exact text, and names come out in the order of the file.

import { ConfigError } from "./errors.ts";

export interface ConfigLine {
  /** Counted from 1, as editors do. */
  readonly number: number;
  /** The line as it stands in the file. */
  readonly text: string;
  /** Null for a comment or a blank line. */
  readonly setting: { readonly name: string; readonly value: string } | null;
}

/** Parses the whole text. The path is only named in messages. */
export function parseConfigFile(text: string, path: string): ConfigLine[] {
  return text.split(/\r?\n/).map((line, index) => {
    const number = index + 1;
    return { number, text: line, setting: parseSetting(line, `${path} line ${number}`) };
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
