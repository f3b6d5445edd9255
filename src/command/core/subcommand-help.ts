// HELP of commands with subcommands: the frame that Redis prints around the lines of each command,
// and the error that points to it. The lines are beside the subcommands that they describe.

import { type ErrorReply, errorReply } from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";
import { flag } from "../terms/flags.ts";
import type { CommandGroup, CommandRow } from "./command.ts";
import type { Handler } from "./context.ts";

/** As in Redis: no more of a name is in an error. */
const nameBytesMax = 128;

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

/** For a subcommand with arguments that it does not take; `container` is in upper case. */
export function wrongSubcommand(container: string, request: Request): ErrorReply {
  const name = request.echo(1).slice(0, nameBytesMax);
  const text = `unknown subcommand or wrong number of arguments for '${name}'`;
  return errorReply(`${text}. Try ${container} HELP.`);
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
