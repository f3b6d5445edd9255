// Picks the subcommand from the arguments, runs it and returns the exit status: 0 for success, 1
// for a failure, 2 for a wrong command line or configuration. Without a subcommand it starts a
// node, as `mscache --listenaddr A --leaderaddr B` always has. The choice is made here because
// citty would run its default command after a subcommand as well.
// Invariant: every failure is one sentence on standard error, never a stack trace.

import { type CommandDef, runCommand } from "citty";
import { ConfigError } from "../base/errors.ts";
import { writeLine } from "../base/stderr.ts";
import { mscacheVersion } from "../base/version.ts";
import { checkArguments } from "./argument-check.ts";
import { subcommands } from "./commands.ts";
import { Failure } from "./failure.ts";
import { nodeHelp, subcommandHelp } from "./help.ts";

export async function runCli(args: readonly string[]): Promise<number> {
  try {
    await dispatch(args);
    return 0;
  } catch (error) {
    return report(error);
  }
}

async function dispatch(args: readonly string[]): Promise<void> {
  const first = args[0] ?? "";
  const isNamed = Object.hasOwn(subcommands, first);
  if (!isNamed && first !== "" && !first.startsWith("-")) {
    throw new ConfigError(`unknown command "${first}"; see mscache --help`);
  }
  const name = isNamed ? first : "serve";
  const rest = isNamed ? args.slice(1) : [...args];
  const flags = beforeSeparator(rest);
  if (flags.includes("--version") || flags.includes("-v")) return print(mscacheVersion);
  const wantsHelp = flags.includes("--help") || flags.includes("-h");
  if (wantsHelp && name === "serve") return print(nodeHelp());
  await start(name, rest, wantsHelp);
}

async function start(name: string, args: string[], wantsHelp: boolean): Promise<void> {
  const command = (await subcommands[name]?.load())?.default;
  if (command === undefined) throw new ConfigError(`unknown command "${name}"`);
  if (wantsHelp) return print(await subcommandHelp(command));
  checkArguments(name, args, command.args);
  await runCommand(command as CommandDef, { rawArgs: args });
}

/** Everything after `--` is data, even if it looks like a flag. */
function beforeSeparator(args: readonly string[]): readonly string[] {
  const separator = args.indexOf("--");
  return separator < 0 ? args : args.slice(0, separator);
}

function report(error: unknown): number {
  const sentence = error instanceof Error ? error.message : String(error);
  writeLine(`mscache: ${sentence.replaceAll("\n", " ")}\n`);
  if (error instanceof ConfigError) return 2;
  return error instanceof Failure ? error.status : 1;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
