// From arguments to a subcommand to an exit status: 0 done, 1 it could not be done, 2 the command
// line or the configuration is wrong. Every failure is one sentence on standard error, never a
// stack. Without a subcommand a node is started, as `mscache --listenaddr A --leaderaddr B` always
// has. citty would run that too after a subcommand, so the choice is made here.

import { type CommandDef, runCommand } from "citty";
import { ConfigError } from "../base/errors.ts";
import { writeLine } from "../base/stderr.ts";
import { MSCACHE_VERSION } from "../base/version.ts";
import { checkArguments } from "./arguments.ts";
import { SUBCOMMANDS } from "./commands.ts";
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
  const isNamed = Object.hasOwn(SUBCOMMANDS, first);
  if (!isNamed && first !== "" && !first.startsWith("-")) {
    throw new ConfigError(`there is no command "${first}"; see mscache --help`);
  }
  const name = isNamed ? first : "serve";
  const rest = isNamed ? args.slice(1) : [...args];
  const flags = beforeSeparator(rest);
  if (flags.includes("--version") || flags.includes("-v")) return print(MSCACHE_VERSION);
  const wantsHelp = flags.includes("--help") || flags.includes("-h");
  if (wantsHelp && name === "serve") return print(nodeHelp());
  await start(name, rest, wantsHelp);
}

async function start(name: string, args: string[], wantsHelp: boolean): Promise<void> {
  const command = (await SUBCOMMANDS[name]?.load())?.default;
  if (command === undefined) throw new ConfigError(`there is no command "${name}"`);
  if (wantsHelp) return print(await subcommandHelp(command));
  checkArguments(name, args, command.args);
  await runCommand(command as CommandDef, { rawArgs: args });
}

/** What follows `--` is data, even if it looks like a flag. */
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
