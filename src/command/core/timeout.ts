// Reads the timeout arguments of WAIT and CLIENT PAUSE, in milliseconds, as redis 7.0 does
// (getTimeoutFromObjectOrReply). The command decides what happens on timeout.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { type ErrorReply, errorReply } from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";

const notATimeout = errorReply("timeout is not an integer or out of range");
const negative = errorReply("timeout is negative");

/** Milliseconds, or an error. */
export function readTimeout(request: Request, index: number): number | ErrorReply {
  const timeoutMs = readInteger(request.buf, request.start[index], request.end[index]);
  if (timeoutMs === NOT_AN_INTEGER) return notATimeout;
  return timeoutMs < 0 ? negative : timeoutMs;
}
