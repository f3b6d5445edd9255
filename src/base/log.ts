// The log of a node: one line for each event on standard error, with time and level. It is a small
// coat over consola that fixes the format and keeps repeated lines (an operator counts them).
// It never writes to standard output, which belongs to the commands. One call is one line: control
// characters, which may come from a client's bytes, are shown as escapes. A line that cannot be written
// is lost (stderr.ts): a log never throws into whoever has something to tell.
// Invariant: a log is a value that its node owns; two nodes of one process share no level and no sink.

import { type ConsolaInstance, createConsola, type LogObject } from "consola/core";
import { stamped, writeLine } from "./stderr.ts";

/** A log as it is handed to whoever writes lines and nothing else. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where whole lines go, each with its line break. It must not throw. */
export type LineSink = (line: string) => void;

const CONSOLA_LEVELS: Record<LogLevel, number> = { error: 0, warn: 1, info: 3, debug: 4 };
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/g;

export class Log {
  private readonly consola: ConsolaInstance;
  private readonly level: () => LogLevel;

  /** Lines below `level`, which is asked for each, are dropped; without a sink they go to standard error. */
  constructor(level: () => LogLevel, sink: LineSink = writeLine) {
    this.level = level;
    this.consola = createConsola({
      level: CONSOLA_LEVELS.debug,
      throttle: 0,
      reporters: [{ log: (line) => sink(formatLine(line)) }],
    });
  }

  debug(message: string): void {
    this.tell("debug", message);
  }

  info(message: string): void {
    this.tell("info", message);
  }

  warn(message: string): void {
    this.tell("warn", message);
  }

  error(message: string): void {
    this.tell("error", message);
  }

  private tell(level: LogLevel, message: string): void {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.level())) return;
    this.consola[level](message);
  }
}

function formatLine(line: LogObject): string {
  return stamped(line.type, oneLine(line.args.join(" ")));
}

function oneLine(text: string): string {
  return text.replace(CONTROL_CHARACTER, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
