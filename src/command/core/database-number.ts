// The number of a database as an argument. Error texts are those of redis 7.0 (`object.c`,
// getIntFromObjectOrReply, and `db.c`).

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { type ErrorReply, errorReply, notAnInt32, notAnInteger } from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "./context.ts";

export const databaseOutOfRange = errorReply("DB index is out of range");

/** The number in argument `index`, of a database that this node has, or an error. */
export function readDatabase(x: Context, request: Request, index: number): number | ErrorReply {
  const number = readNumber(request, index);
  if (typeof number !== "number") return number;
  return hasDatabase(x, number) ? number : databaseOutOfRange;
}

/** Any number of 32 bits; for anything else `refusal`, or what is wrong with it. */
export function readNumber(
  { buf, start, end }: Request,
  index: number,
  refusal: ErrorReply | null = null,
): number | ErrorReply {
  const number = readInteger(buf, start[index], end[index]);
  if (number === NOT_AN_INTEGER) return refusal ?? notAnInteger;
  return number === (number | 0) ? number : (refusal ?? notAnInt32);
}

export function hasDatabase({ store }: Context, number: number): boolean {
  return number >= 0 && number < store.databases.count;
}
