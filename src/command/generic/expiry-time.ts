// Times to live as commands write them, turned into moments: milliseconds since the epoch. It
// decides neither whether a moment is past nor what follows from that.
// Invariant: the range checks are those of redis 7.0 on signed 64-bit milliseconds; what passes
// them is kept within 53 bits, so a moment more than 285,000 years ahead is stored and reported as
// that end.

import {
  int64Max,
  int64Min,
  NOT_AN_INTEGER,
  readInteger,
  readInteger64,
} from "../../base/ascii.ts";
import { type ErrorReply, errorReply, notAnInteger } from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";

/** What readMoment() answers for a number whose moment does not fit 64 bits. */
export const OUT_OF_RANGE = Number.POSITIVE_INFINITY;

/** Up to here a sum with any wall-clock time is exact in a double. */
const plainMsMax = Number.MAX_SAFE_INTEGER / 2;

/**
 * The moment that argument `index` names, `base` being now for a relative time and 0 for an
 * absolute one: it may be negative. NOT_AN_INTEGER and OUT_OF_RANGE are errors; momentError() tells
 * them.
 */
export function readMoment(request: Request, index: number, unitMs: number, base: number): number {
  const { buf } = request;
  const start = request.start[index];
  const end = request.end[index];
  const value = readInteger(buf, start, end);
  if (value === NOT_AN_INTEGER) return NOT_AN_INTEGER;
  const ms = value * unitMs;
  if (ms <= plainMsMax && ms >= -plainMsMax) return ms + base;
  return readFarMoment(buf, start, end, unitMs, base);
}

function readFarMoment(
  buf: Uint8Array,
  start: number,
  end: number,
  unitMs: number,
  base: number,
): number {
  const value = readInteger64(buf, start, end);
  if (value === null) return NOT_AN_INTEGER;
  const ms = value * BigInt(unitMs);
  const moment = ms + BigInt(Math.trunc(base));
  if (ms > int64Max || ms < int64Min || moment > int64Max) return OUT_OF_RANGE;
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(moment)));
}

export function invalidExpireTime(commandName: string): ErrorReply {
  return errorReply(`invalid expire time in '${commandName}' command`);
}

/** Why this result of readMoment() is none; `invalid` is the command's own invalidExpireTime(). */
export function momentError(moment: number, invalid: ErrorReply): ErrorReply | null {
  if (moment === NOT_AN_INTEGER) return notAnInteger;
  return moment === OUT_OF_RANGE ? invalid : null;
}

/** As momentError(), for commands that refuse a time that is not ahead of `base`, as SET does. */
export function aheadError(moment: number, base: number, invalid: ErrorReply): ErrorReply | null {
  const error = momentError(moment, invalid);
  return error === null && moment <= base ? invalid : error;
}
