// The log of a node: one line per event on standard error, as a sentence with time and level or as
// a JSON object (log-line.ts). A thin wrapper of consola that fixes the format and keeps repeated
// lines (an operator counts them). It never writes to standard output, which belongs to the
// commands. A line that cannot be written is lost (stderr.ts): logging never throws.
// Invariant: each node owns its log; two nodes in one process share neither level nor sink.

import { type ConsolaInstance, createConsola, type LogObject } from "consola/core";
import {
  colouredLine,
  formatLine,
  type LogFields,
  type LogFormat,
  type LogLevel,
  logLevels,
} from "./log-line.ts";
import { stderrHasColors, writeLine } from "./stderr.ts";

export {
  type LogFields,
  type LogFormat,
  type LogLevel,
  logFormats,
  logLevels,
} from "./log-line.ts";

/** The part of a log that code needs to write lines. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** What lines look like and which are written. Read for each line: it may change. */
export interface LogStyle {
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** Receives whole lines, each with its line break. Must not throw. */
export type LineSink = (line: string) => void;

const consolaLevels: Record<LogLevel, number> = { error: 0, warn: 1, info: 3, debug: 4 };

export class Log {
  private readonly consola: ConsolaInstance;
  private readonly style: LogStyle;
  private readonly sink: LineSink | null;
  private readonly isColoured: boolean;

  /** Drops lines below the level of `style`. Writes to standard error by default. */
  constructor(style: LogStyle, sink: LineSink | null = null) {
    this.style = style;
    this.sink = sink;
    this.isColoured = sink === null && stderrHasColors();
    this.consola = createConsola({
      level: consolaLevels.debug,
      throttle: 0,
      reporters: [{ log: (line) => this.write(line) }],
    });
  }

  get format(): LogFormat {
    return this.style.logFormat;
  }

  debug(message: string, fields?: LogFields): void {
    this.tell("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.tell("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.tell("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.tell("error", message, fields);
  }

  private tell(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (logLevels.indexOf(level) < logLevels.indexOf(this.style.logLevel)) return;
    this.consola[level](message, fields);
  }

  private write({ type, args }: LogObject): void {
    const [message, fields] = args as [string, LogFields];
    const { format } = this;
    const level = type as LogLevel;
    const line =
      this.isColoured && format === "text"
        ? colouredLine(level, message)
        : formatLine(format, level, message, fields);
    if (this.sink === null) writeLine(line, format);
    else this.sink(line);
  }
}
