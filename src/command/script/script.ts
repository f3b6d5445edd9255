// SCRIPT: what the node knows of scripts. Replies and texts are those of redis 7.0 `eval.c` and
// `script.c`. The scripts belong to the node, so all but KILL run where the scripts are; KILL must
// arrive while a script runs, so any thread sets a word that the script looks at.

import { busyFunction, busyScript, ErrorReply, errorReply } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ChannelContext, Context, Handler } from "../core/context.ts";
import { family } from "../core/family.ts";
import { helpRow } from "../core/subcommand-help.ts";
import { argumentIs } from "../core/words.ts";
import { flag } from "../terms/flags.ts";

const subcommands = family({ group: "scripting", since: "2.6.0" }, [
  {
    name: "script|load",
    arity: 3,
    syntax: "script",
    flags: flag.NO_SCRIPT | flag.STALE,
    complexity: "O(N) with N being the length in bytes of the script body.",
    summary: "Keeps a script for EVALSHA, until SCRIPT FLUSH.",
    global: load,
  },
  {
    name: "script|exists",
    arity: -3,
    syntax: "sha1...",
    flags: flag.NO_SCRIPT,
    complexity: "O(N) with N being the number of scripts to check.",
    summary: "Tells which scripts the node knows, by their SHA1.",
    global: exists,
  },
  {
    name: "script|flush",
    arity: -2,
    syntax: "[async=(ASYNC | SYNC)@6.2.0]",
    flags: flag.NO_SCRIPT,
    complexity: "O(N) with N being the number of scripts in cache",
    summary: "Forgets all scripts.",
    global: flush,
  },
  {
    name: "script|show",
    arity: 3,
    syntax: "sha1",
    flags: flag.NO_SCRIPT | flag.STALE,
    since: "8.0.0",
    summary: "Returns the text of a script.",
    differs: "From Valkey 8.0; Redis has no such command.",
    global: show,
  },
  {
    name: "script|kill",
    arity: 2,
    flags: flag.NO_SCRIPT | flag.ALLOW_BUSY,
    summary: "Ends the script that is running, unless it has written.",
    handler: killer(false),
  },
  {
    name: "script|debug",
    arity: 3,
    syntax: "mode=(YES | SYNC | NO)",
    flags: flag.NO_SCRIPT,
    since: "3.2.0",
    summary: "There is no debugger: only NO is accepted.",
    differs: "There is no debugger: YES and SYNC reply with an error.",
    handler: debug,
  },
  helpRow("script", "scripting", "5.0.0", [
    "DEBUG (YES|SYNC|NO)",
    "    Set the debug mode for subsequent scripts executed.",
    "EXISTS <sha1> [<sha1> ...]",
    "    Return information about the existence of the scripts in the script cache.",
    "FLUSH [ASYNC|SYNC]",
    "    Flush the Lua scripts cache. Very dangerous on replicas.",
    "    When called without the optional mode argument, the behavior is determined by the",
    "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
    "    * ASYNC: Asynchronously flush the scripts cache.",
    "    * SYNC: Synchronously flush the scripts cache.",
    "KILL",
    "    Kill the currently executing Lua script.",
    "LOAD <script>",
    "    Load a script into the scripts cache without executing it.",
    "SHOW <sha1>",
    "    Return the text of a script of the scripts cache.",
  ]),
]);

export const scriptCommands = family({ group: "scripting", since: "2.6.0" }, [
  {
    name: "script",
    arity: -2,
    flags: 0,
    categories: ["@slow"],
    complexity: "Depends on subcommand.",
    summary: "A container for Lua scripts management commands.",
    handler: () => undefined,
    subcommands,
  },
]);

const unknownScript = new ErrorReply("NOSCRIPT", "No matching script. Please use EVAL.");
const wrongMode = errorReply("SCRIPT FLUSH only support SYNC|ASYNC option");
const wrongDebug = errorReply("Use SCRIPT DEBUG YES/SYNC/NO");
const noDebugger = errorReply("there is no debugger for scripts");
const notBusy = new ErrorReply("NOTBUSY", "No scripts in execution right now.");
const hasWritten = new ErrorReply(
  "UNKILLABLE",
  "Sorry the script already executed write commands against the dataset. You can either wait the " +
    "script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
);

function load(x: ChannelContext, request: Request, reply: Reply): void {
  const { buf, start, end } = request;
  const script = x.scripts.learn(buf.subarray(start[2], end[2]), true);
  if (script instanceof ErrorReply) reply.error(script);
  else reply.text(script.sha);
}

function exists({ scripts }: ChannelContext, request: Request, reply: Reply): void {
  const { buf, start, end, argc } = request;
  reply.array(argc - 2);
  for (let i = 2; i < argc; i++) {
    reply.integer(scripts.find(buf, start[i], end[i]) === undefined ? 0 : 1);
  }
}

function flush(x: ChannelContext, request: Request, reply: Reply): void {
  const isMode = argumentIs(request, 2, "SYNC") || argumentIs(request, 2, "ASYNC");
  if (request.argc > 3 || (request.argc === 3 && !isMode)) return reply.error(wrongMode);
  x.scripts.clear();
  reply.ok();
}

function show({ scripts }: ChannelContext, request: Request, reply: Reply): void {
  const script = scripts.find(request.buf, request.start[2], request.end[2]);
  if (script === undefined) reply.error(unknownScript);
  else reply.bulk(script.text, 0, script.text.length);
}

/** SCRIPT KILL; for functions, FUNCTION KILL. Neither ends what the other is for. */
export function killer(ofFunctions: boolean): Handler {
  return ({ standing }, _request, reply) => {
    switch (standing.script.kill(ofFunctions)) {
      case "killed":
        return reply.ok();
      case "written":
        return reply.error(hasWritten);
      case "other":
        return reply.error(ofFunctions ? busyScript : busyFunction);
      default:
        return reply.error(notBusy);
    }
  };
}

function debug(_x: Context, request: Request, reply: Reply): void {
  if (argumentIs(request, 2, "NO")) return reply.ok();
  const isMode = argumentIs(request, 2, "YES") || argumentIs(request, 2, "SYNC");
  reply.error(isMode ? noDebugger : wrongDebug);
}
