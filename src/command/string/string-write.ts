// Handlers that set whole values: SET with its options, the older commands that are special cases
// of it, and MSET and MSETNX. All arguments are checked before the first change. Only if the store
// fills up during MSET is a part of the pairs stored; exactly that part is then recorded.
// Hot path: SET without options goes straight to the store.

import {
  ErrorReply,
  errorReply,
  keyTooLong,
  syntaxError,
  valueTooLarge,
} from "../../base/errors.ts";
import { keyBytesMax } from "../../base/limits.ts";
import { EXPIRES, event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context, Handler } from "../core/context.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import {
  copyValue,
  findForWrite,
  isTooLarge,
  missed,
  put,
  putUntil,
  readForWrite,
} from "../core/write.ts";
import { aheadError, invalidExpireTime, readMoment } from "../generic/expiry-time.ts";
import { flag } from "../terms/flags.ts";
import { option, readSetOptions, type StringOptions, valueConditions } from "./set-options.ts";
import { meets } from "./value-condition.ts";

const invalidSetTime = invalidExpireTime("set");

function set(x: Context, request: Request, reply: Reply): void {
  if (request.argc > 3) setWithOptions(x, request, reply);
  else if (put(x, request, 1, 2, 0, reply, event.SET)) reply.ok();
}

function setWithOptions(x: Context, request: Request, reply: Reply): void {
  const options = readSetOptions(request);
  if (options === null) {
    reply.error(syntaxError);
    return;
  }
  let expiresAt = 0;
  if (options.timeIndex !== 0) {
    const base = options.relative ? x.now : 0;
    expiresAt = readMoment(request, options.timeIndex, options.unitMs, base);
    const error = aheadError(expiresAt, base, invalidSetTime);
    if (error !== null) {
      reply.error(error);
      return;
    }
  }
  setOnConditions(x, request, options, expiresAt, reply);
}

function setOnConditions(
  x: Context,
  request: Request,
  options: StringOptions,
  newExpiresAt: number,
  reply: Reply,
): void {
  const { store } = x;
  const wantsOld = options.has(option.GET);
  const found = wantsOld ? readForWrite(x, request, 1) : findForWrite(x, request, 1);
  const expiresAt = options.has(option.KEEPTTL) && found ? store.expiresAt : newExpiresAt;
  const allowed = isAllowed(x, request, options, found);
  if (allowed instanceof ErrorReply) return reply.error(allowed);
  // The old value is sent after the change: the change may fail, and there must be only one reply.
  const old = wantsOld && found ? copyValue(store) : null;
  const oldLength = store.valueLength;
  if (wantsOld && !found) missed(x, request, 1);
  const kind = options.timeIndex === 0 ? event.SET : event.SET | EXPIRES;
  if (allowed && !putUntil(x, request, 1, 2, expiresAt, reply, kind)) return;
  if (old !== null) reply.bulk(old, 0, oldLength);
  else if (wantsOld || !allowed) reply.nil();
  else reply.ok();
}

/** Whether the conditions are met. A leader has judged its stream: there the value met them. */
function isAllowed(
  x: Context,
  request: Request,
  options: StringOptions,
  found: boolean,
): boolean | ErrorReply {
  const condition = options.flags & valueConditions;
  if (condition === 0) return !options.has(found ? option.NX : option.XX);
  if (x.session.kind === "leader") return true;
  if (!found) return condition === option.IFNE || condition === option.IFDNE;
  return meets(x.store, condition, request, options.matchIndex);
}

function setnx(x: Context, request: Request, reply: Reply): void {
  if (findForWrite(x, request, 1)) reply.integer(0);
  else if (put(x, request, 1, 2, 0, reply, event.SET)) reply.integer(1);
}

const setex: Handler = setFor(1000, invalidExpireTime("setex"));
const psetex: Handler = setFor(1, invalidExpireTime("psetex"));

function setFor(unitMs: number, invalidTime: ErrorReply): Handler {
  return (x, request, reply) => {
    const expiresAt = readMoment(request, 2, unitMs, x.now);
    const error = aheadError(expiresAt, x.now, invalidTime);
    if (error !== null) reply.error(error);
    else if (put(x, request, 1, 3, expiresAt, reply, event.SET | EXPIRES)) reply.ok();
  };
}

function getset(x: Context, request: Request, reply: Reply): void {
  const old = readForWrite(x, request, 1) ? copyValue(x.store) : null;
  const oldLength = x.store.valueLength;
  if (old === null) missed(x, request, 1);
  if (!put(x, request, 1, 2, 0, reply, event.SET)) return;
  if (old === null) reply.nil();
  else reply.bulk(old, 0, oldLength);
}

// ---- several keys -------------------------------------------------------------------------------

const msetArity = errorReply("wrong number of arguments for 'mset' command");
const msetnxArity = errorReply("wrong number of arguments for 'msetnx' command");

function mset(x: Context, request: Request, reply: Reply): void {
  const error = request.argc % 2 === 0 ? msetArity : pairsError(x, request, 1, request.argc);
  if (error !== null) reply.error(error);
  else if (putPairs(x, request, reply)) reply.ok();
}

function msetnx(x: Context, request: Request, reply: Reply): void {
  const error = request.argc % 2 === 0 ? msetnxArity : pairsError(x, request, 1, request.argc);
  if (error !== null) reply.error(error);
  else if (anyExists(x, request)) reply.integer(0);
  else if (putPairs(x, request, reply)) reply.integer(1);
}

/** An error if one of the pairs in a range can never be stored, so that none is. */
export function pairsError(
  x: Context,
  request: Request,
  first: number,
  end: number,
): ErrorReply | null {
  for (let i = first; i < end; i += 2) {
    if (request.length(i) > keyBytesMax) return keyTooLong;
    if (isTooLarge(x, request.length(i), request.length(i + 1))) return valueTooLarge;
  }
  return null;
}

function anyExists(x: Context, request: Request): boolean {
  for (let i = 1; i < request.argc; i += 2) {
    if (findForWrite(x, request, i)) return true;
  }
  return false;
}

function putPairs(x: Context, request: Request, reply: Reply): boolean {
  let stored = true;
  x.effects.open();
  try {
    for (let i = 1; stored && i < request.argc; i += 2) {
      stored = put(x, request, i, i + 1, 0, reply, event.SET);
    }
  } finally {
    x.effects.close(); // writing an error may exceed the output limit and throw
  }
  return stored;
}

// ---- rows ---------------------------------------------------------------------------------------

const { WRITE, DENY_OOM, FAST } = flag;

/** Only with GET does SET look at the old value. */
function useOfSet(request: Request, first: number): string {
  for (let i = first + 3; i < request.argc; i++) {
    if (argumentIs(request, i, "GET")) return "RW access update";
  }
  return "OW update";
}

export const stringWriteCommands = family({ group: "string", keys: [1, 1, 1] }, [
  {
    name: "set",
    arity: -3,
    syntax:
      "key value [condition=(NX | XX | IFEQ ifeq-value@8.4.0 | IFNE ifne-value@8.4.0 | " +
      "IFDEQ ifdeq-digest@8.4.0 | IFDNE ifdne-digest@8.4.0)@2.6.12] [GET@6.2.0] " +
      "[expiration=(EX seconds:integer@2.6.12 | " +
      "PX milliseconds:integer@2.6.12 | EXAT unix-time-seconds:unix-time@6.2.0 | " +
      "PXAT unix-time-milliseconds:unix-time@6.2.0 | KEEPTTL@6.0.0)]",
    flags: WRITE | DENY_OOM,
    keyUse: "RW access update variable_flags",
    keyUseOf: useOfSet,
    since: "1.0.0",
    summary: "Sets the value of a key, optionally with a condition and a time to live.",
    handler: set,
  },
  {
    name: "setnx",
    arity: 3,
    syntax: "key value",
    flags: WRITE | DENY_OOM | FAST,
    keyUse: "OW insert",
    since: "1.0.0",
    summary: "Sets the value of a key if the key does not exist.",
    handler: setnx,
  },
  {
    name: "setex",
    arity: 4,
    syntax: "key seconds:integer value",
    flags: WRITE | DENY_OOM,
    keyUse: "OW update",
    since: "2.0.0",
    summary: "Sets the value of a key with a time to live in seconds.",
    handler: setex,
  },
  {
    name: "psetex",
    arity: 4,
    syntax: "key milliseconds:integer value",
    flags: WRITE | DENY_OOM,
    keyUse: "OW update",
    since: "2.6.0",
    summary: "Sets the value of a key with a time to live in milliseconds.",
    handler: psetex,
  },
  {
    name: "getset",
    arity: 3,
    syntax: "key value",
    flags: WRITE | DENY_OOM | FAST,
    since: "1.0.0",
    summary: "Sets the value of a key and returns its previous value.",
    handler: getset,
  },
  {
    name: "mset",
    arity: -3,
    syntax: "key_value=(key value)...",
    flags: WRITE | DENY_OOM,
    keys: [1, -1, 2],
    keyUse: "OW update",
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys",
    summary: "Sets the values of several keys.",
    handler: mset,
  },
  {
    name: "msetnx",
    arity: -3,
    syntax: "key_value=(key value)...",
    flags: WRITE | DENY_OOM,
    keys: [1, -1, 2],
    keyUse: "OW insert",
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys",
    summary: "Sets the values of several keys if none of them exists.",
    handler: msetnx,
  },
]);
