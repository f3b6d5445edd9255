// Checks a subcommand's arguments against its definition before citty parses them, because citty
// silently accepts unknown flags and extra words. It changes nothing and knows no option by name.
// Invariant: citty interprets every command line that passes here the same way.

import type { ArgDef, ArgsDef, Resolvable } from "citty";
import { ConfigError } from "../base/errors.ts";
import { meantFlag } from "./meant-flag.ts";

/** The hint of a last positional that may stand for several words; `args._` has them all. */
export const anyNumber = "...";

/** Throws a ConfigError with one sentence about the first mistake. */
export function checkArguments(
  command: string,
  args: readonly string[],
  definition: Resolvable<ArgsDef> = {},
): void {
  const definitions = definition as ArgsDef;
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? "";
    if (argument === "--") {
      words.push(...args.slice(i + 1));
      break;
    }
    if (argument === "-" || !argument.startsWith("-")) words.push(argument);
    else if (checkFlag(command, argument, args[i + 1], definitions)) i++;
  }
  checkWords(command, words, definitions);
}

/**
 * The arguments with a `--` before the first word, if the last positional of the definition is
 * called `name...`: that one takes all words from there on, those that look like flags too.
 */
export function separateWords(
  args: readonly string[],
  definition: Resolvable<ArgsDef> = {},
): string[] {
  const definitions = definition as ArgsDef;
  if (!Object.keys(definitions).some(takesAll)) return [...args];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? "";
    if (argument === "--") break;
    if (argument === "-" || !argument.startsWith("-")) {
      return [...args.slice(0, i), "--", ...args.slice(i)];
    }
    const found = flagOf(argument, definitions);
    if (found !== null && found.definition.type !== "boolean" && !found.hasValue) i++;
  }
  return [...args];
}

interface Flag {
  readonly name: string;
  readonly definition: ArgDef;
  readonly hasValue: boolean;
}

/** Null: there is no such flag. A flag of one letter has one dash and no `=`. */
function flagOf(argument: string, definitions: ArgsDef): Flag | null {
  if (!argument.startsWith("--")) {
    const letter = argument.slice(1);
    const found = Object.entries(definitions).find(
      ([, one]) => "alias" in one && one.alias === letter,
    );
    return found === undefined ? null : { name: found[0], definition: found[1], hasValue: false };
  }
  const [name = "", ...value] = argument.slice(2).split("=");
  const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
  if (definition === undefined || isPositional(definition)) return null;
  return { name, definition, hasValue: value.length > 0 };
}

/** Returns whether the flag takes the next argument as its value. */
function checkFlag(
  command: string,
  argument: string,
  next: string | undefined,
  definitions: ArgsDef,
): boolean {
  const flag = flagOf(argument, definitions);
  if (flag === null) {
    throw new ConfigError(unknown(command, argument, definitions));
  }
  if (flag.definition.type === "boolean" || flag.hasValue) return false;
  if (next === undefined || next.startsWith("--")) {
    throw new ConfigError(`--${flag.name} needs a value`);
  }
  return true;
}

function checkWords(command: string, words: readonly string[], definitions: ArgsDef): void {
  const wanted = Object.entries(definitions).filter(([, definition]) => isPositional(definition));
  const missing = wanted.find(([, { required }], i) => required !== false && i >= words.length);
  if (missing) throw new ConfigError(`${command} needs a ${missing[0]}; ${hint(command)}`);
  const surplus = words[wanted.length];
  if (wanted.some(([name]) => takesAll(name))) return;
  if (surplus !== undefined && wanted.at(-1)?.[1].valueHint !== anyNumber) {
    throw new ConfigError(`unexpected argument "${surplus}"; ${hint(command)}`);
  }
}

function isPositional(definition: ArgDef): boolean {
  return definition.type === "positional";
}

function takesAll(name: string): boolean {
  return name.endsWith("...");
}

function unknown(command: string, argument: string, definitions: ArgsDef): string {
  const [flag = ""] = argument.split("=");
  const known = Object.keys(definitions).filter((name) => {
    const definition = definitions[name];
    return definition !== undefined && !isPositional(definition);
  });
  const meant = meantFlag(command, flag, known);
  const question = meant === null ? "" : ` did you mean ${meant}?`;
  return `unknown flag ${flag};${question} ${hint(command)}`;
}

function hint(command: string): string {
  return command === "serve" ? "see mscache --help" : `see mscache ${command} --help`;
}

/** The text of an argument: citty's type for those of a table is a record of unknown values. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
