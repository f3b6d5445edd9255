// Picks the subcommand from the arguments, runs it and returns the exit status: 0 for success, 1
// for a failure, 2 for a wrong command line or configuration. Without a subcommand it starts a
// node, as `mscache --listenaddr A --leaderaddr B` always has. The choice is made here because
// citty would run its default command after a subcommand as well.
// Invariant: every failure is one sentence on standard error, never a stack trace, and what it
// quotes of servers moves no cursor.

import { type CommandDef, runCommand } from "citty";
import { ConfigError } from "../base/errors.ts";
import { formatLine, type LogFormat } from "../base/log-line.ts";
import { nearestOf } from "../base/nearest-word.ts";
import { writeLine } from "../base/stderr.ts";
import { mscacheVersion } from "../base/version.ts";
import { options } from "../config/config.ts";
import { checkArguments, separateWords } from "./argument-check.ts";
import { subcommands } from "./commands.ts";
import { Failure, NodeFailure } from "./failure.ts";
import { nodeHelp, subcommandHelp } from "./help.ts";
import { shownSentence } from "./shown-text.ts";
import { columnsOf } from "./terminal.ts";

export async function runCli(args: readonly string[]): Promise<number> {
  try {
    await dispatch(args);
    return 0;
  } catch (error) {
    if (error instanceof NodeFailure) return report(error.cause, error.format);
    return report(error, wantedFormat(args));
  }
}

async function dispatch(args: readonly string[]): Promise<void> {
  const first = args[0] ?? "";
  const isNamed = Object.hasOwn(subcommands, first);
  if (!isNamed && first !== "" && !first.startsWith("-")) {
    const meant = nearestOf(first, Object.keys(subcommands));
    const question = meant === null ? "" : ` did you mean mscache ${meant}?`;
    throw new ConfigError(`unknown command "${first}";${question} see mscache --help`);
  }
  const name = isNamed ? first : "serve";
  const rest = isNamed ? args.slice(1) : [...args];
  if (name === "serve") {
    const flags = beforeSeparator(rest);
    if (wantsVersion(flags)) return print(mscacheVersion);
    if (wantsHelp(flags)) return print(nodeHelp(columnsOf(process.stdout)));
  }
  await start(name, rest);
}

async function start(name: string, args: readonly string[]): Promise<void> {
  const command = (await subcommands[name]?.load())?.default;
  if (command === undefined) throw new ConfigError(`unknown command "${name}"`);
  const rawArgs = separateWords(args, command.args);
  const flags = beforeSeparator(rawArgs);
  if (wantsVersion(flags)) return print(mscacheVersion);
  if (wantsHelp(flags)) {
    return print(subcommandHelp(name, command, columnsOf(process.stdout)));
  }
  checkArguments(name, rawArgs, command.args);
  await runCommand(command as CommandDef, { rawArgs, data: subcommands });
}

function wantsVersion(flags: readonly string[]): boolean {
  return flags.includes("--version") || flags.includes("-v");
}

function wantsHelp(flags: readonly string[]): boolean {
  return flags.includes("--help") || flags.includes("-h");
}

/** Everything after `--` is data, even if it looks like a flag. */
function beforeSeparator(args: readonly string[]): readonly string[] {
  const separator = args.indexOf("--");
  return separator < 0 ? args : args.slice(0, separator);
}

function report(error: unknown, format: LogFormat): number {
  const sentence = error instanceof Error ? error.message : String(error);
  if (format === "json") writeLine(formatLine(format, "error", sentence), format);
  else writeLine(`mscache: ${shownSentence(sentence)}\n`);
  if (error instanceof ConfigError) return 2;
  return error instanceof Failure ? error.status : 1;
}

/** How a node whose configuration has a mistake would write its log, as far as that is known. */
function wantedFormat(args: readonly string[]): LogFormat {
  const flag = `--${options.logFormat.name}`;
  const at = args.lastIndexOf(flag);
  const joined = args.findLast((arg) => arg.startsWith(`${flag}=`))?.slice(flag.length + 1);
  const isNode = args.length === 0 || args[0] === "serve" || args[0]?.startsWith("-");
  const wanted = (at < 0 ? joined : args[at + 1]) ?? process.env[options.logFormat.environment];
  return isNode && wanted === "json" ? "json" : "text";
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
