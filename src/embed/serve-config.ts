// From the options of serve() to the configuration of a node: each option becomes the text of its
// flag by the unit that the row of the table names, so the table's own parsers judge it. It reads
// neither file nor environment, and starts nothing.
// Invariant: every mistake is an InvalidArgumentError that names the option as the caller wrote it.

import { ConfigError } from "../base/errors.ts";
import { checkObject, wrongKind } from "../client/arguments.ts";
import { InvalidArgumentError } from "../client/client-errors.ts";
import { type Config, loadConfig, type OptionRow, options } from "../config/config.ts";
import { memoryForItems } from "../config/memory-plan.ts";
import type { ServeOptions } from "./serve-options.ts";

const listenAnywhere = "127.0.0.1:0";
const maxMemoryDefault = 64 * 1024 * 1024;

/** The option that a flag is here: "max-memory" is maxMemory. */
export function optionName(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

const rows: ReadonlyMap<string, OptionRow> = new Map(
  Object.values(options)
    .filter(({ name }) => name !== options.configFile.name)
    .map((row) => [optionName(row.name), row]),
);

/** The options of serve() that are not flags. */
const own: ReadonlySet<string> = new Set(["log", "onError"]);

/** The configuration that a node gets. */
export function configOf(given: ServeOptions): Config {
  checkObject("options", given);
  const flags: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (own.has(name)) continue;
    const row = rows.get(name);
    if (row === undefined) throw new InvalidArgumentError(`${name}: unknown option`);
    if (value === undefined) continue;
    flags[row.name] = textOf(name, value, row);
  }
  flags.listenaddr ??= listenAnywhere;
  flags["max-memory"] ??= String(maxMemoryDefault);
  flags.reserve ??= flags["max-memory"];
  try {
    // The other parts are as large as if the machine had just enough for these items.
    const threads = Number(flags.threads ?? 1);
    const memoryBytes = memoryForItems(Number(flags["max-memory"]), threads);
    return loadConfig(flags, {}, () => "", memoryBytes);
  } catch (error) {
    if (error instanceof ConfigError) throw new InvalidArgumentError(inOptions(error.message));
    throw error;
  }
}

/** "--max-memory: too small" -> "maxMemory: too small". */
export function inOptions(message: string): string {
  return message.replace(/--([a-z][a-z-]*[a-z])/g, (flag, name: string) => {
    return rows.has(optionName(name)) ? optionName(name) : flag;
  });
}

// ---- the text of a value ------------------------------------------------------------------------

function textOf(name: string, value: unknown, { hint }: OptionRow): string {
  switch (hint) {
    case "SIZE":
    case "N":
    case "MILLISECONDS":
      return String(numberOf(name, value));
    case "SECONDS":
      return secondsOf(name, numberOf(name, value));
    case "MICROSECONDS":
      return microsecondsOf(numberOf(name, value));
    case "MODE":
      return numberOf(name, value).toString(8);
    case "PORT":
      return value === "any" ? value : String(numberOf(name, value));
    case "SIZE|N%":
      return typeof value === "number" ? String(value) : stringOf(name, value);
    case "yes|no":
      if (typeof value !== "boolean") throw wrongKind(name, "a boolean", value);
      return value ? "yes" : "no";
    case "ADDR[,ADDR]":
      return Array.isArray(value) ? value.join(",") : stringOf(name, value);
    case "LIST":
      return Array.isArray(value) ? value.join(" ") : stringOf(name, value);
  }
  return stringOf(name, value);
}

function numberOf(name: string, value: unknown): number {
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`${name} must be a finite number, not ${value}`);
}

function stringOf(name: string, value: unknown): string {
  if (typeof value !== "string") throw wrongKind(name, "a string", value);
  return value;
}

/** The node counts in seconds, and rounding would change what was asked for. */
function secondsOf(name: string, milliseconds: number): string {
  if (milliseconds % 1000 === 0) return String(milliseconds / 1000);
  throw new InvalidArgumentError(
    `${name} must be whole seconds in milliseconds, as in 2_000, not ${milliseconds}`,
  );
}

/** -1 is "never", and no time. */
function microsecondsOf(milliseconds: number): string {
  return String(milliseconds < 0 ? milliseconds : Math.round(milliseconds * 1000));
}
