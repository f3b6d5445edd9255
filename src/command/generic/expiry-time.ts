// Converts the time arguments of commands to absolute times, in milliseconds since the epoch. It
// does not decide whether a time is in the past or what follows from that.
// Invariant: the range checks are those of redis 7.0 on signed 64-bit milliseconds. What passes
// them is clamped to 53 bits, so a time more than 285,000 years ahead is stored and reported as
// that limit.

import {
  int64Max,
  int64Min,
  NOT_AN_INTEGER,
  readInteger,
  readInteger64,
} from "../../base/ascii.ts";
import { type ErrorReply, errorReply, notAnInteger } from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";

/** The result of readMoment() if the time does not fit into 64 bits. */
export const OUT_OF_RANGE = Number.POSITIVE_INFINITY;

/** Up to this value, the sum with any wall-clock time is exact in a double. */
const plainMsMax = Number.MAX_SAFE_INTEGER / 2;

/**
 * The absolute time that argument `index` specifies; it may be negative. `base` is now for a
 * relative time and 0 for an absolute one. NOT_AN_INTEGER and OUT_OF_RANGE are errors; see
 * momentError().
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

/**
 * The error for a result of readMoment(), or null. `invalid` is the command's invalidExpireTime().
 */
export function momentError(moment: number, invalid: ErrorReply): ErrorReply | null {
  if (moment === NOT_AN_INTEGER) return notAnInteger;
  return moment === OUT_OF_RANGE ? invalid : null;
}

/** Like momentError(), for commands such as SET that refuse a time not after `base`. */
export function aheadError(moment: number, base: number, invalid: ErrorReply): ErrorReply | null {
  const error = momentError(moment, invalid);
  return error === null && moment <= base ? invalid : error;
}
