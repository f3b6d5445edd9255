// Handlers that read and write parts of values: STRLEN, GETRANGE, APPEND, SETRANGE. The effect of a
// write is its bytes and their offset, so that a small change does not replicate a large value.
// Invariant: a write that changes no byte and creates no key records nothing, but for an APPEND.

import { NOT_AN_INTEGER, readInteger, readInteger64 } from "../../base/ascii.ts";
import {
  type ErrorReply,
  errorReply,
  notAnInteger,
  stringTooLong,
  valueTooLarge,
} from "../../base/errors.ts";
import { bulkBytesMax } from "../../base/limits.ts";
import { event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { missed, put, putRange, readForWrite } from "../core/write.ts";
import { growthTo } from "../run/make-room.ts";
import { flag } from "../terms/flags.ts";

const nothing = new Uint8Array(0);
const offsetOutOfRange = errorReply("offset is out of range");

function strlen(x: Context, request: Request, reply: Reply): void {
  const { store } = x;
  const found = store.read(request.buf, request.start[1], request.end[1], x.now);
  if (!found) missed(x, request, 1);
  reply.integer(found ? store.valueLength : 0);
}

/** Both ends are inclusive; negative ones count from the end of the value. */
function getrange(x: Context, request: Request, reply: Reply): void {
  const { store } = x;
  const { buf, start, end } = request;
  const first = readInteger(buf, start[2], end[2]);
  const last = readInteger(buf, start[3], end[3]);
  if (first === NOT_AN_INTEGER || last === NOT_AN_INTEGER) {
    reply.error(notAnInteger);
    return;
  }
  const found = store.read(buf, start[1], end[1], x.now);
  if (!found) missed(x, request, 1);
  const length = found ? store.valueLength : 0;
  const from = first < 0 ? Math.max(0, length + first) : first;
  const to = Math.min(length - 1, last < 0 ? Math.max(0, length + last) : last);
  const backward = first < 0 && last < 0 && isBackward(request, first, last);
  if (backward || from > to) reply.bulk(nothing, 0, 0);
  else reply.bulkFrom(store, from, to - from + 1);
}

/**
 * An exception of Redis: a backward range of negative ends is empty even if both ends clamp to 0.
 * Beyond 53 bits two different ends may be equal as doubles, so they are compared exactly.
 */
export function isBackward({ buf, start, end }: Request, first: number, last: number): boolean {
  if (first !== last || Number.isSafeInteger(first)) return first > last;
  const exact = readInteger64(buf, start[2], end[2]) ?? 0n;
  return exact > (readInteger64(buf, start[3], end[3]) ?? 0n);
}

function append(x: Context, request: Request, reply: Reply): void {
  const added = request.length(2);
  if (!readForWrite(x, request, 1)) {
    if (put(x, request, 1, 2, 0, reply, event.APPEND)) reply.integer(added);
    return;
  }
  const length = x.store.valueLength;
  // As in Redis, a change even if nothing is added: EXEC of who watches the key fails.
  if (length + added > bulkBytesMax) reply.error(tooLong(x));
  else writeAt(x, request, length, 2, reply, event.APPEND);
}

function setrange(x: Context, request: Request, reply: Reply): void {
  const offset = readInteger(request.buf, request.start[2], request.end[2]);
  if (offset === NOT_AN_INTEGER) {
    reply.error(notAnInteger);
    return;
  }
  if (offset < 0) {
    reply.error(offsetOutOfRange);
    return;
  }
  const found = readForWrite(x, request, 1);
  if (request.length(3) === 0) reply.integer(found ? x.store.valueLength : 0);
  else if (offset + request.length(3) > bulkBytesMax) reply.error(tooLong(x));
  else writeAt(x, request, offset, 3, reply, event.SETRANGE);
}

/** A leader may allow longer values. Such a value does not fit here, which is not its mistake. */
function tooLong({ session }: Context): ErrorReply {
  return session.kind === "leader" ? valueTooLarge : stringTooLong;
}

/** Beyond the bytes of its argument: the gap before them. */
function setrangeGrowth(x: Context, request: Request): number {
  const offset = readInteger(request.buf, request.start[2], request.end[2]);
  return growthTo(x, request, 1, offset);
}

/** Writes argument `index` into the value at `offset` and replies with the new length. */
function writeAt(
  x: Context,
  request: Request,
  offset: number,
  index: number,
  reply: Reply,
  kind: number,
): void {
  const { buf, start, end } = request;
  if (!putRange(x, request, 1, offset, buf, start[index], end[index], reply, kind)) return;
  reply.integer(x.store.valueLength);
}

// ---- rows ---------------------------------------------------------------------------------------

const { READONLY, WRITE, DENY_OOM, FAST } = flag;

export const stringRangeCommands = family({ group: "string", keys: [1, 1, 1] }, [
  {
    name: "strlen",
    arity: 2,
    syntax: "key",
    flags: READONLY | FAST,
    keyUse: "RO",
    since: "2.2.0",
    summary: "Returns the length of a value in bytes.",
    handler: strlen,
  },
  {
    name: "getrange",
    arity: 4,
    syntax: "key start:integer end:integer",
    flags: READONLY,
    since: "2.4.0",
    complexity: "O(N) where N is the number of bytes returned",
    summary: "Returns a part of a value.",
    handler: getrange,
  },
  {
    name: "substr",
    arity: 4,
    syntax: "key start:integer end:integer",
    flags: READONLY,
    since: "1.0.0",
    complexity: "O(N) where N is the number of bytes returned",
    summary: "Returns a part of a value; the old name of GETRANGE.",
    handler: getrange,
  },
  {
    name: "append",
    arity: 3,
    syntax: "key value",
    flags: WRITE | DENY_OOM | FAST,
    keyUse: "RW insert",
    buildsOn: [1, 1, 1],
    since: "2.0.0",
    complexity:
      "O(N) where N is the length of the value if it must be moved, otherwise of the bytes appended",
    summary: "Appends bytes to a value; creates a missing key.",
    handler: append,
  },
  {
    name: "setrange",
    arity: 4,
    syntax: "key offset:integer value",
    flags: WRITE | DENY_OOM,
    keyUse: "RW update",
    buildsOn: [1, 1, 1],
    growth: setrangeGrowth,
    since: "2.2.0",
    complexity:
      "O(N) where N is the length of the value if it must be moved, otherwise of the bytes written",
    summary:
      "Overwrites a part of a value from an offset, padding a shorter value with zero bytes.",
    handler: setrange,
  },
]);
