// Counters: INCR, INCRBY, DECR, DECRBY on signed 64-bit integers and INCRBYFLOAT on decimals. A
// counter is an ordinary value that contains a number as text. Its expiry is kept. The effect is a
// SET of the result.
// Invariant: integers are exact over all 64 bits; up to 53 bits they are numbers, above that
// bigints.
// Hot path: INCR of a small number allocates nothing.

import {
  int64Max,
  int64Min,
  NOT_AN_INTEGER,
  readInteger,
  readInteger64,
  writeInteger,
} from "../../base/ascii.ts";
import { errorReply, notAFloat, notAnInteger, overflow } from "../../base/errors.ts";
import { event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Store } from "../../store/store.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { copyValue, findForWrite, putBytes } from "../core/write.ts";
import { flag } from "../terms/flags.ts";
import {
  addLongDoubles,
  formatLongDouble,
  type LongDouble,
  longDoubleTextMax,
  readLongDouble,
  zero,
} from "./float.ts";

const ZERO = 0x30; // 0

const int64TextMax = 20;

const encoder = new TextEncoder();

/** Scratch of one call: the text of the number, before and after the change. */
const digits = new Uint8Array(int64TextMax);

// ---- integers -----------------------------------------------------------------------------------

function incr(x: Context, request: Request, reply: Reply): void {
  add(x, request, 1, reply);
}

function decr(x: Context, request: Request, reply: Reply): void {
  add(x, request, -1, reply);
}

function incrby(x: Context, request: Request, reply: Reply): void {
  addArgument(x, request, 1, reply);
}

function decrby(x: Context, request: Request, reply: Reply): void {
  addArgument(x, request, -1, reply);
}

const decrementOverflow = errorReply("decrement would overflow");

function addArgument(x: Context, request: Request, sign: 1 | -1, reply: Reply): void {
  const { buf } = request;
  const delta = readInteger(buf, request.start[2], request.end[2]);
  if (delta === NOT_AN_INTEGER) {
    reply.error(notAnInteger);
    return;
  }
  if (Number.isSafeInteger(delta)) {
    add(x, request, sign * delta, reply);
    return;
  }
  const exact = readInteger64(buf, request.start[2], request.end[2]) ?? 0n;
  // The negation of the smallest integer overflows.
  if (sign < 0 && exact === int64Min) reply.error(decrementOverflow);
  else if (!loadCounter(x, request)) reply.error(notAnInteger);
  else addExact(x, request, BigInt(sign) * exact, reply);
}

/** Adds a delta that a double holds exactly. */
function add(x: Context, request: Request, delta: number, reply: Reply): void {
  if (!loadCounter(x, request)) {
    reply.error(notAnInteger);
    return;
  }
  const value = readInteger(digits, 0, counterLength);
  const sum = value + delta;
  if (value === NOT_AN_INTEGER) {
    reply.error(notAnInteger);
  } else if (Number.isSafeInteger(value) && Number.isSafeInteger(sum)) {
    counterLength = writeInteger(digits, 0, sum);
    if (storeCounter(x, request, reply)) reply.integer(sum);
  } else {
    addExact(x, request, BigInt(delta), reply);
  }
}

function addExact(x: Context, request: Request, delta: bigint, reply: Reply): void {
  const value = readInteger64(digits, 0, counterLength);
  if (value === null) {
    reply.error(notAnInteger);
    return;
  }
  const sum = value + delta;
  if (sum > int64Max || sum < int64Min) {
    reply.error(overflow);
    return;
  }
  counterLength = encoder.encodeInto(sum.toString(), digits).written;
  if (storeCounter(x, request, reply)) reply.integer(sum);
}

/**
 * Scratch of one call: the length of the text in `digits`, and the attributes of the item to keep.
 */
let counterLength = 0;
let counterExpiresAt = 0;
let counterClientFlags = 0;

/**
 * Copies the counter into `digits`, "0" for a missing key. False if it is too long for a number.
 */
function loadCounter(x: Context, request: Request): boolean {
  const { store } = x;
  digits[0] = ZERO;
  counterLength = 1;
  counterExpiresAt = 0;
  counterClientFlags = 0;
  if (!findForWrite(x, request, 1)) return true;
  if (store.valueLength > int64TextMax) return false;
  counterLength = store.valueLength;
  counterExpiresAt = store.expiresAt;
  counterClientFlags = store.clientFlags;
  store.copyTo(digits, 0, 0, counterLength);
  return true;
}

function storeCounter(x: Context, request: Request, reply: Reply): boolean {
  return putBytes(
    x,
    request,
    1,
    digits,
    0,
    counterLength,
    counterExpiresAt,
    counterClientFlags,
    reply,
    event.INCRBY,
  );
}

// ---- decimals -----------------------------------------------------------------------------------

const notFinite = errorReply("increment would produce NaN or Infinity");

function incrbyfloat(x: Context, request: Request, reply: Reply): void {
  const { store } = x;
  const found = findForWrite(x, request, 1);
  const expiresAt = found ? store.expiresAt : 0;
  const clientFlags = found ? store.clientFlags : 0;
  const value = found ? readCurrent(store) : zero;
  const delta = readLongDouble(request.buf, request.start[2], request.end[2]);
  if (value === null || delta === null) {
    reply.error(notAFloat);
    return;
  }
  const text = sumText(value, delta);
  if (text === null) reply.error(notFinite);
  else {
    const { length } = text;
    const kind = event.INCRBYFLOAT;
    if (!putBytes(x, request, 1, text, 0, length, expiresAt, clientFlags, reply, kind)) return;
    reply.bulk(text, 0, length);
  }
}

/** The value of the current item as a number. A value too long for a number is not copied. */
function readCurrent(store: Store): LongDouble | null {
  const length = store.valueLength;
  return length > longDoubleTextMax ? null : readLongDouble(copyValue(store), 0, length);
}

function sumText(value: LongDouble, delta: LongDouble): Uint8Array | null {
  const sum = addLongDoubles(value, delta);
  return sum === null ? null : encoder.encode(formatLongDouble(sum));
}

// ---- rows ---------------------------------------------------------------------------------------

const flags = flag.WRITE | flag.DENY_OOM | flag.FAST;

export const counterCommands = family(
  { group: "string", flags, keys: [1, 1, 1], buildsOn: [1, 1, 1] },
  [
    {
      name: "incr",
      arity: 2,
      syntax: "key",
      since: "1.0.0",
      summary: "Increments the integer value of a key by one; a missing key counts as 0.",
      handler: incr,
    },
    {
      name: "incrby",
      arity: 3,
      syntax: "key increment:integer",
      since: "1.0.0",
      summary: "Increments the integer value of a key by a number; a missing key counts as 0.",
      handler: incrby,
    },
    {
      name: "decr",
      arity: 2,
      syntax: "key",
      since: "1.0.0",
      summary: "Decrements the integer value of a key by one; a missing key counts as 0.",
      handler: decr,
    },
    {
      name: "decrby",
      arity: 3,
      syntax: "key decrement:integer",
      since: "1.0.0",
      summary: "Decrements the integer value of a key by a number; a missing key counts as 0.",
      handler: decrby,
    },
    {
      name: "incrbyfloat",
      arity: 3,
      syntax: "key increment:double",
      since: "2.6.0",
      summary: "Increments the numeric value of a key by a decimal; a missing key counts as 0.",
      handler: incrbyfloat,
    },
  ],
);
