// CONFIG GET, SET, REWRITE, RESETSTAT. Names are Redis's where Redis has one, and ours otherwise.
// Replies and error texts are those of redis 7.0 `config.c`.

import { errorReply } from "../errors.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Request } from "../protocol/request.ts";
import { type CommandRow, type Context, flag, type Handler } from "./command.ts";
import { helpRow } from "./help.ts";

const { ADMIN, LOADING, STALE, NO_SCRIPT, CONTROL } = flag;

function row(
  name: string,
  arity: number,
  complexity: string,
  summary: string,
  handler: Handler,
): CommandRow {
  return {
    name,
    arity,
    flags: ADMIN | NO_SCRIPT | LOADING | STALE | CONTROL,
    keys: [0, 0, 0],
    group: "server",
    since: "2.0.0",
    complexity,
    summary,
    handler,
  };
}

export const configCommands: readonly CommandRow[] = [
  {
    name: "config",
    arity: -2,
    flags: 0,
    keys: [0, 0, 0],
    group: "server",
    since: "2.0.0",
    complexity: "Depends on subcommand.",
    summary: "A container for server configuration commands",
    handler: () => undefined,
    subcommands: [
      row("config|get", -3, "O(N) with N the number of settings", "Get settings", get),
      row("config|set", -4, "O(N) with N the number of settings", "Change settings", set),
      row("config|rewrite", 2, "O(N) with N the size of the file", "Write settings back", rewrite),
      row("config|resetstat", 2, "O(1)", "Reset the statistics of INFO", resetStatistics),
      helpRow("config", "server", "5.0.0", [
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "REWRITE",
        "    Rewrite the configuration file.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
      ]),
    ],
  },
];

function get(x: Context, request: Request, reply: Reply): void {
  const patterns: string[] = [];
  for (let i = 2; i < request.argc; i++) patterns.push(request.text(i));
  const found = x.node.configGet(patterns);
  reply.map(found.length);
  for (const [name, value] of found) {
    reply.text(name);
    reply.text(value);
  }
}

function set(x: Context, request: Request, reply: Reply): void {
  if (request.argc % 2 !== 0) {
    return reply.error(errorReply("wrong number of arguments for 'config|set' command"));
  }
  const pairs: [string, string][] = [];
  for (let i = 2; i < request.argc; i += 2) {
    pairs.push([request.text(i).toLowerCase(), request.text(i + 1)]);
  }
  const problem = x.node.configSet(pairs);
  if (problem === null) reply.ok();
  else reply.error(problem);
}

function rewrite(x: Context, _request: Request, reply: Reply): void {
  const problem = x.node.configRewrite();
  if (problem === null) reply.ok();
  else reply.error(problem);
}

function resetStatistics(x: Context, _request: Request, reply: Reply): void {
  x.node.resetStatistics();
  reply.ok();
}
