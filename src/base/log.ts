// The log of a node: one line for each event on standard error, with time and level. It is a small
// coat over consola that fixes the format and keeps repeated lines (an operator counts them).
// It never writes to standard output, which belongs to the commands. One call is one line: control
// characters, which may come from a client's bytes, are shown as escapes. A line that cannot be written
// is lost (stderr.ts): a log never throws into whoever has something to tell.

import { createConsola, type LogObject } from "consola/core";
import { stamped, writeLine } from "./stderr.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const CONSOLA_LEVELS: Record<LogLevel, number> = { error: 0, warn: 1, info: 3, debug: 4 };
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/g;

const sink = createConsola({
  level: CONSOLA_LEVELS.info,
  throttle: 0,
  reporters: [{ log: (line) => writeLine(formatLine(line)) }],
});

export const log = {
  debug: (message: string): void => sink.debug(message),
  info: (message: string): void => sink.info(message),
  warn: (message: string): void => sink.warn(message),
  error: (message: string): void => sink.error(message),
};

/** From now on only lines of this level and above are written. */
export function setLogLevel(level: LogLevel): void {
  sink.level = CONSOLA_LEVELS[level];
}

function formatLine(line: LogObject): string {
  return stamped(line.type, oneLine(line.args.join(" ")));
}

function oneLine(text: string): string {
  return text.replace(CONTROL_CHARACTER, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
