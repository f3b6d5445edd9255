// HELP of commands with subcommands: the frame that Redis prints around the lines of each command.
// The lines themselves are beside the subcommands that they describe.

import { flag } from "../terms/flags.ts";
import type { CommandGroup, CommandRow } from "./command.ts";
import type { Handler } from "./context.ts";

/** The row of `<container> HELP`. */
export function helpRow(
  container: string,
  group: CommandGroup,
  since: string,
  lines: readonly string[],
): CommandRow {
  return {
    name: `${container}|help`,
    arity: 2,
    flags: flag.LOADING | flag.STALE,
    keys: [0, 0, 0],
    group,
    since,
    complexity: "O(1)",
    summary: "Returns help about the subcommands.",
    // Of the containers outside of the connection's own group, Redis counts COMMAND to it.
    ...(container === "command" && { categories: ["@slow", "@connection"] }),
    handler: help(container.toUpperCase(), lines),
  };
}

/** The lines of one command in that frame. */
export function helpLines(name: string, lines: readonly string[]): readonly string[] {
  return [
    `${name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
    ...lines,
    "HELP",
    "    Prints this help.",
  ];
}

function help(name: string, lines: readonly string[]): Handler {
  const all = helpLines(name, lines);
  return (_x, _request, reply) => {
    reply.array(all.length);
    for (const line of all) reply.simple(line);
  };
}
