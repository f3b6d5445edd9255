// The text of one line of the log: for people (time, level, sentence), or as one JSON object with
// the numbers of the event as members. A line is one line whatever it says: control characters,
// which may come from a client, are written as escapes. It writes nothing; see stderr.ts.
// Invariant: a JSON line is at most stderrLineBytesMax long and always parses.

import { wallClockMs } from "./clock.ts";
import { stderrLineBytesMax } from "./limits.ts";
import type { LogEvent } from "./log-events.ts";

export const logFormats = ["text", "json"] as const;
export type LogFormat = (typeof logFormats)[number];

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * The numbers and names of an event, which the sentence has as well. Only a JSON line shows them.
 * Times are in ms, sizes in bytes.
 */
export interface LogFields {
  /** What happened, as one of a fixed list. */
  readonly event?: LogEvent;
  readonly [name: string]: string | number | boolean | undefined;
  /** Every line has these itself. */
  readonly time?: never;
  readonly level?: never;
  readonly message?: never;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/g;
const levelWidth = 5;
/** Of ECMA-48: faint, cyan, yellow, red. */
const colors: Record<LogLevel, number> = { debug: 2, info: 36, warn: 33, error: 31 };

/** A line with its line break. */
export function formatLine(
  format: LogFormat,
  level: LogLevel,
  message: string,
  fields: LogFields = {},
): string {
  return format === "json" ? jsonLine(level, message, fields) : textLine(level, message);
}

/** As formatLine() of "text", with the level in colour, for a terminal. */
export function colouredLine(level: LogLevel, message: string): string {
  return textLine(level, message, (word) => `\x1b[${colors[level]}m${word}\x1b[0m`);
}

function textLine(level: LogLevel, message: string, paint = (word: string) => word): string {
  return `${timeNow()} ${paint(level.padEnd(levelWidth))} ${oneLine(message)}\n`;
}

function oneLine(text: string): string {
  return text.replace(controlCharacter, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** Cut in the middle, it would not parse: it is its texts that are shortened until it fits. */
function jsonLine(level: LogLevel, message: string, fields: LogFields): string {
  const time = timeNow();
  for (let length = stderrLineBytesMax; ; length = length >>> 1) {
    const whole = { time, level, message, ...fields };
    const json = JSON.stringify(whole, (_, value) => shortened(value, length));
    const line = `${json.replace(controlCharacter, inUnicode)}\n`;
    if (length === 0 || Buffer.byteLength(line) <= stderrLineBytesMax) return line;
  }
}

/** JSON escapes the control characters below 0x20 itself. */
function inUnicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function shortened(value: unknown, length: number): unknown {
  if (typeof value !== "string" || value.length <= Math.max(length, timeLength)) return value;
  return `${value.slice(0, length)}...`;
}

const timeLength = "2026-01-01T00:00:00.000Z".length;

function timeNow(): string {
  return new Date(wallClockMs()).toISOString();
}
