// FCALL and FCALL_RO: the arguments of redis 7.0 `functions.c`. What a function may touch is not
// known before, as with scripts (script/eval.ts), so the same holds for locks and threads.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { latin1 } from "../../base/bytes.ts";
import { errorReply } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ChannelContext, Ending } from "../core/context.ts";
import { family } from "../core/family.ts";
import { negativeKeys, scriptFlags, scriptRow, tooManyKeys } from "../script/script-row.ts";
import { firstKey } from "../script/scripts.ts";
import { flag } from "../terms/flags.ts";

const { MAY_REPLICATE, READONLY } = flag;

const common = {
  ...scriptRow,
  syntax: "function numkeys:integer [key...] [arg...]",
  since: "7.0.0",
  complexity: "Depends on the function that is executed.",
} as const;

export const fcallCommands = family(common, [
  {
    name: "fcall",
    flags: scriptFlags | MAY_REPLICATE,
    keyUse: "RW access update",
    summary: "Invokes a function.",
    differs: "The flags of a function are judged at EXEC, not when the command is queued.",
    global: (x, request, reply) => call(x, request, reply, false),
  },
  {
    name: "fcall_ro",
    flags: scriptFlags | READONLY,
    keyUse: "RO access",
    summary: "Invokes a function that may only read.",
    global: (x, request, reply) => call(x, request, reply, true),
  },
]);

const notFound = errorReply("Function not found");
const badCount = errorReply("Bad number of keys provided");

function call(x: ChannelContext, request: Request, reply: Reply, isReadOnly: boolean): Ending {
  const { buf, start, end, argc } = request;
  const called = x.libraries.find(latin1(buf, start[1], end[1]));
  if (called === undefined) return reply.error(notFound);
  const count = readInteger(buf, start[2], end[2]);
  if (count === NOT_AN_INTEGER) return reply.error(badCount);
  if (count > argc - firstKey) return reply.error(tooManyKeys);
  if (count < 0) return reply.error(negativeKeys);
  return x.libraries.run(x, called, request, count, isReadOnly, reply);
}
