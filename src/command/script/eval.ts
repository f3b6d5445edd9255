// EVAL, EVALSHA and their read-only forms: the arguments of redis 7.0 `eval.c`. A script may do
// what its arguments do not tell, so it holds the locks of all shards. A script whose commands are
// not all known to run in any thread runs in the control thread (data-thread.ts).

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { ErrorReply, notAnInteger } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context, Ending } from "../core/context.ts";
import { family } from "../core/family.ts";
import { flag } from "../terms/flags.ts";
import { negativeKeys, scriptFlags, scriptRow, tooManyKeys } from "./script-row.ts";
import { firstKey } from "./scripts.ts";

const { MAY_REPLICATE, READONLY } = flag;

const common = {
  ...scriptRow,
  complexity: "Depends on the script that is executed.",
} as const;

export const evalCommands = family(common, [
  {
    name: "eval",
    syntax: "script numkeys:integer [key...] [arg...]",
    flags: scriptFlags | MAY_REPLICATE,
    keyUse: "RW access update",
    since: "2.6.0",
    summary: "Executes a Lua script.",
    handler: (x, request, reply) => runText(x, request, reply, false),
  },
  {
    name: "evalsha",
    syntax: "sha1 numkeys:integer [key...] [arg...]",
    flags: scriptFlags | MAY_REPLICATE,
    keyUse: "RW access update",
    since: "2.6.0",
    summary: "Executes a Lua script that the node knows, by its SHA1.",
    handler: (x, request, reply) => runKnown(x, request, reply, false),
  },
  {
    name: "eval_ro",
    syntax: "script numkeys:integer [key...] [arg...]",
    flags: scriptFlags | READONLY,
    keyUse: "RO access",
    since: "7.0.0",
    summary: "Executes a Lua script that may only read.",
    handler: (x, request, reply) => runText(x, request, reply, true),
  },
  {
    name: "evalsha_ro",
    syntax: "sha1 numkeys:integer [key...] [arg...]",
    flags: scriptFlags | READONLY,
    keyUse: "RO access",
    since: "7.0.0",
    summary: "Executes a Lua script that the node knows and that may only read.",
    handler: (x, request, reply) => runKnown(x, request, reply, true),
  },
]);

const unknownScript = new ErrorReply("NOSCRIPT", "No matching script. Please use EVAL.");

function runText(x: Context, request: Request, reply: Reply, isReadOnly: boolean): Ending {
  const keyCount = readKeyCount(request, reply);
  if (keyCount < 0) return;
  const { buf, start, end } = request;
  const known = x.scripts.findText(buf, start[1], end[1]);
  const script = known ?? x.scripts.learn(buf.subarray(start[1], end[1]), false);
  if (script instanceof ErrorReply) return reply.error(script);
  return x.scripts.run(x, script, request, keyCount, isReadOnly, reply);
}

function runKnown(x: Context, request: Request, reply: Reply, isReadOnly: boolean): Ending {
  const { buf, start, end } = request;
  const keyCount = readKeyCount(request, reply);
  if (keyCount < 0) return;
  const script = x.scripts.find(buf, start[1], end[1]);
  if (script === undefined) return reply.error(unknownScript);
  return x.scripts.run(x, script, request, keyCount, isReadOnly, reply);
}

/** The number of keys, or -1 after an error reply. */
function readKeyCount({ buf, start, end, argc }: Request, reply: Reply): number {
  const count = readInteger(buf, start[2], end[2]);
  if (count !== NOT_AN_INTEGER && count >= 0 && count <= argc - firstKey) return count;
  if (count === NOT_AN_INTEGER) reply.error(notAnInteger);
  else reply.error(count < 0 ? negativeKeys : tooManyKeys);
  return -1;
}
