// Commands on the expiry of a key: EXPIRE, TTL and their variants, and PERSIST. The store decides
// when an expired item disappears; the effects tell the followers.
// Invariant: after the argument is parsed, an expiry is an absolute time, never a duration.

import { type ErrorReply, errorReply, outOfMemory } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context, Handler } from "../core/context.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { changeExpiry, erase, findForWrite, missed, writeMoment } from "../core/write.ts";
import { flag } from "../terms/flags.ts";
import { invalidExpireTime, momentError, readMoment } from "./expiry-time.ts";

// ---- setting ------------------------------------------------------------------------------------

const NX = 1;
const XX = 2;
const GT = 4;
const LT = 8;

/** EXPIRE, PEXPIRE, EXPIREAT or PEXPIREAT, given the unit of the time and its origin. */
function expireBy(name: string, unitMs: number, relative: boolean): Handler {
  const invalid = invalidExpireTime(name);
  return (x, request, reply) => {
    const refused = readConditions(request);
    if (refused !== null) {
      reply.error(refused);
      return;
    }
    const moment = readMoment(request, 2, unitMs, relative ? x.now : 0);
    const error = momentError(moment, invalid);
    if (error !== null) reply.error(error);
    else if (!canExpireAt(x, request, moment)) reply.integer(0);
    else expireAt(x, request, moment, reply);
  };
}

function canExpireAt(x: Context, request: Request, moment: number): boolean {
  if (!findForWrite(x, request, 1)) return false;
  return conditions === 0 || conditionsHold(moment, x.store.expiresAt);
}

/** Sets the expiry, or deletes the key if the time is in the past. */
function expireAt(x: Context, request: Request, moment: number, reply: Reply): void {
  if (moment <= writeMoment(x)) {
    erase(x, request, 1);
    reply.integer(1);
    // Only a leader's stream can get here with 0 or less, and 0 must not come to mean "never".
  } else if (changeExpiry(x, request, 1, Math.max(1, moment))) {
    reply.integer(1);
  } else {
    reply.error(outOfMemory);
  }
}

/** A key without expiry counts as expiring at infinity: GT never holds for it, LT always does. */
function conditionsHold(moment: number, current: number): boolean {
  if (current === 0) return (conditions & (XX | GT)) === 0;
  if ((conditions & NX) !== 0) return false;
  if ((conditions & GT) !== 0 && moment <= current) return false;
  return (conditions & LT) === 0 || moment < current;
}

/** Scratch of one call: the bits of readConditions(). */
let conditions = 0;

const incompatible = errorReply("NX and XX, GT or LT options at the same time are not compatible");
const greaterAndLess = errorReply("GT and LT options at the same time are not compatible");

function readConditions(request: Request): ErrorReply | null {
  conditions = 0;
  for (let i = 3; i < request.argc; i++) {
    const condition = conditionAt(request, i);
    if (condition === 0) return errorReply(`Unsupported option ${request.echo(i)}`);
    conditions |= condition;
  }
  if ((conditions & NX) !== 0 && conditions !== NX) return incompatible;
  return (conditions & (GT | LT)) === (GT | LT) ? greaterAndLess : null;
}

function conditionAt(request: Request, index: number): number {
  if (argumentIs(request, index, "NX")) return NX;
  if (argumentIs(request, index, "XX")) return XX;
  if (argumentIs(request, index, "GT")) return GT;
  return argumentIs(request, index, "LT") ? LT : 0;
}

function persist(x: Context, request: Request, reply: Reply): void {
  const expires = findForWrite(x, request, 1) && x.store.expiresAt !== 0;
  if (expires) changeExpiry(x, request, 1, 0);
  reply.integer(expires ? 1 : 0);
}

// ---- asking -------------------------------------------------------------------------------------

const NO_KEY = -2;
const NO_EXPIRY = -1;

/** The expiry of the key, NO_KEY or NO_EXPIRY. */
function endOf(x: Context, request: Request): number {
  if (!x.store.find(request.buf, request.start[1], request.end[1], x.now)) {
    missed(x, request, 1);
    return NO_KEY;
  }
  return x.store.expiresAt === 0 ? NO_EXPIRY : x.store.expiresAt;
}

/** Milliseconds as seconds, rounded to nearest as in Redis. */
function seconds(ms: number): number {
  return Math.floor((ms + 500) / 1000);
}

function ttl(x: Context, request: Request, reply: Reply): void {
  const end = endOf(x, request);
  reply.integer(end < 0 ? end : seconds(end - x.now));
}

function pttl(x: Context, request: Request, reply: Reply): void {
  const end = endOf(x, request);
  reply.integer(end < 0 ? end : end - x.now);
}

function expiretime(x: Context, request: Request, reply: Reply): void {
  const end = endOf(x, request);
  reply.integer(end < 0 ? end : seconds(end));
}

function pexpiretime(x: Context, request: Request, reply: Reply): void {
  reply.integer(endOf(x, request));
}

// ---- rows ---------------------------------------------------------------------------------------

const changes = flag.WRITE | flag.FAST;
const asks = flag.READONLY | flag.FAST;

export const expiryCommands = family({ group: "generic", keys: [1, 1, 1] }, [
  {
    name: "expire",
    arity: -3,
    syntax: "key seconds:integer [condition=(NX | XX | GT | LT)@7.0.0]",
    flags: changes,
    keyUse: "RW update",
    since: "1.0.0",
    summary: "Sets the time to live of a key in seconds.",
    handler: expireBy("expire", 1000, true),
  },
  {
    name: "pexpire",
    arity: -3,
    syntax: "key milliseconds:integer [condition=(NX | XX | GT | LT)@7.0.0]",
    flags: changes,
    keyUse: "RW update",
    since: "2.6.0",
    summary: "Sets the time to live of a key in milliseconds.",
    handler: expireBy("pexpire", 1, true),
  },
  {
    name: "expireat",
    arity: -3,
    syntax: "key unix-time-seconds:unix-time [condition=(NX | XX | GT | LT)@7.0.0]",
    flags: changes,
    keyUse: "RW update",
    since: "1.2.0",
    summary: "Sets the expiry of a key as a Unix time in seconds.",
    handler: expireBy("expireat", 1000, false),
  },
  {
    name: "pexpireat",
    arity: -3,
    syntax: "key unix-time-milliseconds:unix-time [condition=(NX | XX | GT | LT)@7.0.0]",
    flags: changes,
    keyUse: "RW update",
    since: "2.6.0",
    summary: "Sets the expiry of a key as a Unix time in milliseconds.",
    handler: expireBy("pexpireat", 1, false),
  },
  {
    name: "ttl",
    arity: 2,
    syntax: "key",
    flags: asks,
    since: "1.0.0",
    summary: "Returns the remaining time to live of a key in seconds.",
    handler: ttl,
  },
  {
    name: "pttl",
    arity: 2,
    syntax: "key",
    flags: asks,
    since: "2.6.0",
    summary: "Returns the remaining time to live of a key in milliseconds.",
    handler: pttl,
  },
  {
    name: "expiretime",
    arity: 2,
    syntax: "key",
    flags: asks,
    since: "7.0.0",
    summary: "Returns the expiry of a key as a Unix time in seconds.",
    handler: expiretime,
  },
  {
    name: "pexpiretime",
    arity: 2,
    syntax: "key",
    flags: asks,
    since: "7.0.0",
    summary: "Returns the expiry of a key as a Unix time in milliseconds.",
    handler: pexpiretime,
  },
  {
    name: "persist",
    arity: 2,
    syntax: "key",
    flags: changes,
    keyUse: "RW update",
    since: "2.2.0",
    summary: "Removes the expiry of a key.",
    handler: persist,
  },
]);
