// The timeouts in milliseconds that commands take (WAIT, CLIENT PAUSE), read as by redis 7.0
// (getTimeoutFromObjectOrReply). What the end of the time means is the command's business.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { type ErrorReply, errorReply } from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";

const notATimeout = errorReply("timeout is not an integer or out of range");
const negative = errorReply("timeout is negative");

/** Milliseconds, or what is wrong with the argument. */
export function readTimeout(request: Request, index: number): number | ErrorReply {
  const timeoutMs = readInteger(request.buf, request.start[index], request.end[index]);
  if (timeoutMs === NOT_AN_INTEGER) return notATimeout;
  return timeoutMs < 0 ? negative : timeoutMs;
}
