// Handlers that reply with whole values: GET, MGET, and GETDEL and GETEX, which also delete the key
// or change its expiry. A value is copied only once, from the store into the output.
// Hot path: no allocation in GET and MGET.

import { outOfMemory, syntaxError } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import {
  changeExpiry,
  erase,
  findForWrite,
  missed,
  readForWrite,
  writeMoment,
} from "../core/write.ts";
import { aheadError, invalidExpireTime, readMoment } from "../generic/expiry-time.ts";
import { flag } from "../terms/flags.ts";
import { option, readGetexOptions, type StringOptions } from "./set-options.ts";

export function get(x: Context, request: Request, reply: Reply): void {
  answerValue(x, request, 1, reply);
}

function mget(x: Context, request: Request, reply: Reply): void {
  reply.array(request.argc - 1);
  for (let i = 1; i < request.argc; i++) answerValue(x, request, i, reply);
}

function answerValue(x: Context, request: Request, index: number, reply: Reply): void {
  const { store } = x;
  if (store.read(request.buf, request.start[index], request.end[index], x.now)) {
    reply.bulkFrom(store, 0, store.valueLength);
  } else {
    missed(x, request, index);
    reply.nil();
  }
}

function getdel(x: Context, request: Request, reply: Reply): void {
  if (!readForWrite(x, request, 1)) {
    missed(x, request, 1);
    reply.nil();
    return;
  }
  reply.bulkFrom(x.store, 0, x.store.valueLength);
  erase(x, request, 1);
}

const invalidTime = invalidExpireTime("getex");

function getex(x: Context, request: Request, reply: Reply): void {
  const options = readGetexOptions(request);
  if (options === null) {
    reply.error(syntaxError);
    return;
  }
  if (!readForWrite(x, request, 1)) {
    missed(x, request, 1);
    reply.nil();
    return;
  }
  let expiresAt = 0;
  if (options.timeIndex !== 0) {
    const base = options.relative ? x.now : 0;
    expiresAt = readMoment(request, options.timeIndex, options.unitMs, base);
    const error = aheadError(expiresAt, base, invalidTime);
    if (error !== null) {
      reply.error(error);
      return;
    }
  }
  const ends = options.timeIndex !== 0 && expiresAt <= writeMoment(x);
  if (!ends && !applyLifetime(x, request, options, expiresAt)) {
    reply.error(outOfMemory);
    return;
  }
  findForWrite(x, request, 1); // again, as a new expiry may have moved the item
  reply.bulkFrom(x.store, 0, x.store.valueLength);
  if (ends) erase(x, request, 1);
}

/** Returns false if there is no room for the new expiry. */
function applyLifetime(
  x: Context,
  request: Request,
  options: StringOptions,
  expiresAt: number,
): boolean {
  if (options.timeIndex !== 0) return changeExpiry(x, request, 1, expiresAt);
  const persists = options.has(option.PERSIST) && x.store.expiresAt !== 0;
  return !persists || changeExpiry(x, request, 1, 0);
}

// ---- rows ---------------------------------------------------------------------------------------

const { READONLY, WRITE, FAST } = flag;

export const stringReadCommands = family({ group: "string", keys: [1, 1, 1] }, [
  {
    name: "get",
    arity: 2,
    syntax: "key",
    flags: READONLY | FAST,
    since: "1.0.0",
    summary: "Returns the value of a key.",
    handler: get,
  },
  {
    name: "mget",
    arity: -2,
    syntax: "key...",
    flags: READONLY | FAST,
    keys: [1, -1, 1],
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys",
    summary: "Returns the values of several keys.",
    handler: mget,
  },
  {
    name: "getdel",
    arity: 2,
    syntax: "key",
    flags: WRITE | FAST,
    keyUse: "RW access delete",
    since: "6.2.0",
    summary: "Returns the value of a key and deletes the key.",
    handler: getdel,
  },
  {
    name: "getex",
    arity: -2,
    syntax:
      "key [expiration=(EX seconds:integer | PX milliseconds:integer | " +
      "EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | PERSIST)]",
    flags: WRITE | FAST,
    since: "6.2.0",
    summary: "Returns the value of a key and sets or removes its expiry.",
    handler: getex,
  },
]);
