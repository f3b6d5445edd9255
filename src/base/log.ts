// The log of a node: one line per event on standard error, with time and level. A thin wrapper of
// consola that fixes the format and keeps repeated lines (an operator counts them). It never writes
// to standard output, which belongs to the commands. One call is one line: control characters,
// which may come from a client, are written as escapes. A line that cannot be written is lost
// (stderr.ts): logging never throws.
// Invariant: each node owns its log; two nodes in one process share neither level nor sink.

import { type ConsolaInstance, createConsola, type LogObject } from "consola/core";
import { stamped, writeLine } from "./stderr.ts";

/** The part of a log that code needs to write lines. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Receives whole lines, each with its line break. Must not throw. */
export type LineSink = (line: string) => void;

const consolaLevels: Record<LogLevel, number> = { error: 0, warn: 1, info: 3, debug: 4 };
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/g;

export class Log {
  private readonly consola: ConsolaInstance;
  private readonly level: () => LogLevel;

  /**
   * Drops lines below level(), which is read for each line. Writes to standard error by default.
   */
  constructor(level: () => LogLevel, sink: LineSink = writeLine) {
    this.level = level;
    this.consola = createConsola({
      level: consolaLevels.debug,
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
    if (logLevels.indexOf(level) < logLevels.indexOf(this.level())) return;
    this.consola[level](message);
  }
}

function formatLine(line: LogObject): string {
  return stamped(line.type, oneLine(line.args.join(" ")));
}

function oneLine(text: string): string {
  return text.replace(controlCharacter, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
