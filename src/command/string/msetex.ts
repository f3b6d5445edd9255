// MSETEX (Redis 8.4, Valkey 9.1): MSET with one condition and one expiry for all pairs. The number
// of pairs comes first, and the options behind them, in any order. Errors and their order are those
// of msetexCommand (t_string.c). All arguments are checked before the first change; only if the
// store fills up meanwhile is a part of the pairs stored, and exactly that part recorded.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { errorReply, syntaxError } from "../../base/errors.ts";
import { EXPIRES, event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { findForWrite, putUntil } from "../core/write.ts";
import { aheadError, invalidExpireTime, readMoment } from "../generic/expiry-time.ts";
import { flag } from "../terms/flags.ts";
import { option, readMsetexOptions, type StringOptions } from "./set-options.ts";
import { pairsError } from "./string-write.ts";

const invalidTime = invalidExpireTime("msetex");
const invalidCount = errorReply("invalid numkeys value");
const wrongPairs = errorReply("wrong number of key-value pairs");
const int32Max = 2 ** 31 - 1;
const firstPair = 2;

function msetex(x: Context, request: Request, reply: Reply): void {
  const count = readInteger(request.buf, request.start[1], request.end[1]);
  if (count === NOT_AN_INTEGER || count < 1 || count > int32Max) return reply.error(invalidCount);
  const end = firstPair + 2 * count;
  if (end > request.argc) return reply.error(wrongPairs);
  const options = readMsetexOptions(request, end);
  if (options === null) return reply.error(syntaxError);
  const base = options.relative ? x.now : 0;
  const isTimed = options.timeIndex !== 0;
  const moment = isTimed ? readMoment(request, options.timeIndex, options.unitMs, base) : 0;
  const timeError = isTimed ? aheadError(moment, base, invalidTime) : null;
  const error = timeError ?? pairsError(x, request, firstPair, end);
  if (error !== null) return reply.error(error);
  if (!isAllowed(x, request, options, end)) return reply.integer(0);
  if (putAll(x, request, options, end, moment, reply)) reply.integer(1);
}

/** Whether none of the keys exists (NX), or all (XX). A leader has judged its stream. */
function isAllowed(x: Context, request: Request, options: StringOptions, end: number): boolean {
  if (!options.has(option.NX | option.XX) || x.session.kind === "leader") return true;
  const wanted = options.has(option.XX);
  for (let i = firstPair; i < end; i += 2) {
    if (findForWrite(x, request, i) !== wanted) return false;
  }
  return true;
}

function putAll(
  x: Context,
  request: Request,
  options: StringOptions,
  end: number,
  moment: number,
  reply: Reply,
): boolean {
  const keepsTime = options.has(option.KEEPTTL);
  const kind = moment === 0 ? event.SET : event.SET | EXPIRES;
  let stored = true;
  x.effects.open();
  try {
    for (let i = firstPair; stored && i < end; i += 2) {
      const isKept = keepsTime && findForWrite(x, request, i);
      const expiresAt = isKept ? x.store.expiresAt : moment;
      stored = putUntil(x, request, i, i + 1, expiresAt, reply, kind);
    }
  } finally {
    x.effects.close(); // writing an error may exceed the output limit and throw
  }
  return stored;
}

// ---- rows ---------------------------------------------------------------------------------------

const { WRITE, DENY_OOM } = flag;

export const msetexCommands = family({ group: "string" }, [
  {
    name: "msetex",
    arity: -4,
    syntax:
      "numkeys:integer data=(key value)... [condition=(NX | XX)] [expiration=(EX seconds:integer | " +
      "PX milliseconds:integer | EXAT unix-time-seconds:unix-time | " +
      "PXAT unix-time-milliseconds:unix-time | KEEPTTL)]",
    flags: WRITE | DENY_OOM,
    keys: [firstPair, -1, 2],
    keyCount: 1,
    keyUse: "OW update",
    since: "8.4.0",
    complexity: "O(N) where N is the number of keys",
    summary: "Sets the values of several keys, with one condition and one time to live for all.",
    differs: "Of Redis 8.4 and Valkey 9.1. One condition and one expiry apply to all keys.",
    handler: msetex,
  },
]);
