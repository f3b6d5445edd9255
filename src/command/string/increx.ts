// INCREX (Redis 8.8, Valkey 9.2): a counter with bounds and an expiry, such as a rate limiter in
// one command. It replies with the value and with the increment that was applied. A result out of
// bounds is refused with [value, 0], or with SATURATE becomes the bound. The words of the errors
// are those of Redis's tests/unit/type/increx.tcl and its documentation.
// Invariant: what is refused changes neither value nor expiry, and creates no key. The effect is a
// SET of the result, or a DEL if the expiry is in the past.

import { int64Max, int64Min, readInteger64 } from "../../base/ascii.ts";
import { ErrorReply, errorReply, notAFloat, notAnInteger } from "../../base/errors.ts";
import { EXPIRES, event, PERSISTS } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { copyValue, erase, findForWrite, putBytes, writeMoment } from "../core/write.ts";
import { aheadError, invalidExpireTime, readMoment } from "../generic/expiry-time.ts";
import { flag } from "../terms/flags.ts";
import {
  addLongDoubles,
  compareLongDoubles,
  formatLongDouble,
  type LongDouble,
  largest,
  longDoubleTextMax,
  negated,
  readLongDouble,
  zero,
} from "./float.ts";
import { type IncrexOptions, readIncrexOptions } from "./increx-options.ts";

const invalidTime = invalidExpireTime("increx");
const crossedBounds = errorReply("LBOUND can't be greater than UBOUND");
const encoder = new TextEncoder();

/**
 * The value after the command and the increment applied, as text. Without a change, what was out of
 * bounds was refused.
 */
interface Count {
  readonly value: string;
  readonly applied: string;
  readonly isChanged: boolean;
}

function increx(x: Context, request: Request, reply: Reply): void {
  const options = readIncrexOptions(request);
  if (options instanceof ErrorReply) return reply.error(options);
  const count = options.isDecimal
    ? countDecimal(x, request, options)
    : countInteger(x, request, options);
  const time = timeOf(x, request, options);
  if (typeof count !== "function") return reply.error(count);
  if (typeof time !== "number") return reply.error(time);
  const found = findForWrite(x, request, 1);
  const result = count(found);
  if (result instanceof ErrorReply) return reply.error(result);
  if (result.isChanged && !store(x, request, options, found, time, result, reply)) return;
  reply.array(2);
  for (const text of [result.value, result.applied]) {
    if (options.isDecimal) reply.double(text);
    else reply.integer(BigInt(text));
  }
}

/** The moment of the expiry option, 0 for none, or an error. */
function timeOf(x: Context, request: Request, options: IncrexOptions): number | ErrorReply {
  if (options.time === 0) return 0;
  const base = options.isRelative ? x.now : 0;
  const moment = readMoment(request, options.time, options.unitMs, base);
  return aheadError(moment, base, invalidTime) ?? moment;
}

/** Stores the result, or deletes the key if its time is over. False after a refusal. */
function store(
  x: Context,
  request: Request,
  options: IncrexOptions,
  found: boolean,
  time: number,
  { value }: Count,
  reply: Reply,
): boolean {
  const before = found ? x.store.expiresAt : 0;
  const setsTime = time !== 0 && !(options.isForNew && before !== 0);
  if (setsTime && time <= writeMoment(x)) {
    erase(x, request, 1);
    return true;
  }
  const kept = options.persists ? 0 : before;
  const expiresAt = setsTime ? time : kept;
  const clientFlags = found ? x.store.clientFlags : 0;
  const text = encoder.encode(value);
  const kind = options.isDecimal ? event.INCRBYFLOAT : event.INCRBY;
  const lost = options.persists && before !== 0 ? PERSISTS : 0;
  const told = kind | (setsTime ? EXPIRES : lost);
  return putBytes(x, request, 1, text, 0, text.length, expiresAt, clientFlags, reply, told);
}

type Counter = (found: boolean) => Count | ErrorReply;

/** An option's number, its default if it is not given, or the error that `word` begins. */
function numberOf<Number>(
  request: Request,
  index: number,
  read: (buf: Uint8Array, start: number, end: number) => Number | null,
  otherwise: Number,
  error: ErrorReply,
): Number | ErrorReply {
  if (index === 0) return otherwise;
  return read(request.buf, request.start[index], request.end[index]) ?? error;
}

// ---- integers -----------------------------------------------------------------------------------

const integerErrors = {
  by: errorReply("Increment is not an integer or out of range"),
  lower: errorReply("LBOUND is not an integer or out of range"),
  upper: errorReply("UBOUND is not an integer or out of range"),
} as const;
const appliedOverflow = errorReply("applied increment would overflow");
const int64TextMax = 20;

function countInteger(x: Context, request: Request, options: IncrexOptions): Counter | ErrorReply {
  const { by: byAt, lower: lowerAt, upper: upperAt, saturates } = options;
  const by = numberOf(request, byAt, readInteger64, 1n, integerErrors.by);
  const lower = numberOf(request, lowerAt, readInteger64, int64Min, integerErrors.lower);
  const upper = numberOf(request, upperAt, readInteger64, int64Max, integerErrors.upper);
  for (const number of [by, lower, upper]) if (number instanceof ErrorReply) return number;
  const [increment, least, most] = [by, lower, upper] as [bigint, bigint, bigint];
  if (least > most) return crossedBounds;
  return (found) => {
    const value = found ? integerIn(x) : 0n;
    if (value === null) return notAnInteger;
    const sum = value + increment;
    const isWithin = sum >= least && sum <= most;
    if (!isWithin && !saturates) return { value: `${value}`, applied: "0", isChanged: false };
    const bound = sum < least ? least : most;
    const result = isWithin ? sum : bound;
    const applied = result - value;
    if (applied > int64Max || applied < int64Min) return appliedOverflow;
    return { value: `${result}`, applied: `${applied}`, isChanged: true };
  };
}

/** The value of the item found, or null. A value too long for a number is not copied. */
function integerIn({ store }: Context): bigint | null {
  const length = store.valueLength;
  return length > int64TextMax ? null : readInteger64(copyValue(store), 0, length);
}

// ---- decimals -----------------------------------------------------------------------------------

const decimalErrors = {
  by: errorReply("Increment is not a valid float"),
  lower: errorReply("LBOUND is not a valid float"),
  upper: errorReply("UBOUND is not a valid float"),
} as const;
const infiniteIncrement = errorReply("BYFLOAT increment cannot be Infinity");
const infiniteValue = errorReply("value cannot be Infinity");
const appliedInfinity = errorReply("applied increment would be Infinity");

function countDecimal(x: Context, request: Request, options: IncrexOptions): Counter | ErrorReply {
  const { by: byAt, lower: lowerAt, upper: upperAt, saturates } = options;
  const by = numberOf(request, byAt, readLongDouble, zero, decimalErrors.by);
  const lower = numberOf(request, lowerAt, readLongDouble, negated(largest), decimalErrors.lower);
  const upper = numberOf(request, upperAt, readLongDouble, largest, decimalErrors.upper);
  for (const number of [by, lower, upper]) if (number instanceof ErrorReply) return number;
  const [increment, least, most] = [by, lower, upper] as [LongDouble, LongDouble, LongDouble];
  if (increment.infinite) return infiniteIncrement;
  if (compareLongDoubles(least, most) > 0) return crossedBounds;
  return (found) => {
    const value = found ? decimalIn(x) : zero;
    if (value === null) return notAFloat;
    if (value.infinite) return infiniteValue;
    const sum = addLongDoubles(value, increment) ?? { ...increment, infinite: true };
    const bound = boundFor(sum, least, most);
    if (bound !== null && !saturates) {
      return { value: formatLongDouble(value), applied: "0", isChanged: false };
    }
    const result = bound ?? sum;
    const applied = addLongDoubles(result, negated(value));
    if (applied === null) return appliedInfinity;
    const texts = { value: formatLongDouble(result), applied: formatLongDouble(applied) };
    return { ...texts, isChanged: true };
  };
}

/** The bound that the sum exceeds, or null. A sum beyond all numbers exceeds every finite bound. */
function boundFor(sum: LongDouble, least: LongDouble, most: LongDouble): LongDouble | null {
  if (compareLongDoubles(sum, least) < 0) return least;
  if (compareLongDoubles(sum, most) > 0) return most;
  return sum.infinite ? sum : null;
}

function decimalIn({ store }: Context): LongDouble | null {
  const length = store.valueLength;
  return length > longDoubleTextMax ? null : readLongDouble(copyValue(store), 0, length);
}

// ---- rows ---------------------------------------------------------------------------------------

const { WRITE, DENY_OOM, FAST } = flag;

export const increxCommands = family({ group: "string", keys: [1, 1, 1] }, [
  {
    name: "increx",
    arity: -2,
    syntax:
      "key [increment=(BYFLOAT float:double | BYINT integer:integer)] [SATURATE] " +
      "[LBOUND lowerbound] [UBOUND upperbound] [expiration=(EX seconds:integer | " +
      "PX milliseconds:integer | EXAT unix-time-seconds:unix-time | " +
      "PXAT unix-time-milliseconds:unix-time | PERSIST)] [ENX]",
    flags: WRITE | DENY_OOM | FAST,
    buildsOn: [1, 1, 1],
    since: "8.8.0",
    summary: "Increments a number within bounds, and sets, keeps or removes its time to live.",
    differs:
      "Of Redis 8.8; without NX and XX, which only Valkey has. If the new value is refused, the " +
      "reply is the old one and 0.",
    handler: increx,
  },
]);
