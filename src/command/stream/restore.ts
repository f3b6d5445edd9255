// RESTORE of a string as a Redis leader sends it. It does not restore other types.
// Invariant: only a payload with a valid checksum is stored. A corrupt payload changes nothing and
// is an error, which ends the link.

import { errorReply, syntaxError, valueTooLarge } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { payloadType, readPayload } from "../../rdb/dump-payload.ts";
import { RdbError } from "../../rdb/format.ts";
import type { Command } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { argumentIs } from "../core/words.ts";
import { putBytes } from "../core/write.ts";
import { invalidExpireTime, momentError, readMoment } from "../generic/expiry-time.ts";
import { streamCommand } from "./stream-row.ts";

const invalidTime = invalidExpireTime("restore");

/** RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency] */
function restore(x: Context, request: Request, reply: Reply): void {
  const isAbsolute = readOptions(request);
  if (isAbsolute === null) return reply.error(syntaxError);
  const moment = readMoment(request, 2, 1, 0);
  const error = momentError(moment, invalidTime);
  if (error !== null) return reply.error(error);
  const expiresAt = moment === 0 || isAbsolute ? moment : x.now + moment;
  const value = payloadOf(x, request);
  if (typeof value === "string") return reply.error(errorReply(value));
  if (value.isTooLong) return reply.error(valueTooLarge);
  if (putBytes(x, request, 1, value.bytes, value.start, value.end, expiresAt, 0, reply)) reply.ok();
  value.release();
}

/** The value, or the text of an error. */
function payloadOf({ store }: Context, { buf, start, end }: Request) {
  try {
    return readPayload(buf, start[3], end[3], store.valueBytesMax);
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
    return error.message;
  }
}

/** Whether the time is absolute; null for an unknown option. IDLETIME and FREQ are ignored. */
function readOptions(request: Request): boolean | null {
  let isAbsolute = false;
  for (let i = 4; i < request.argc; i++) {
    if (argumentIs(request, i, "ABSTTL")) isAbsolute = true;
    else if (argumentIs(request, i, "IDLETIME") || argumentIs(request, i, "FREQ")) i++;
    else if (!argumentIs(request, i, "REPLACE")) return null;
  }
  return isAbsolute;
}

function valueType({ buf, start, end }: Request): string {
  return payloadType(buf, start[3], end[3]);
}

const facts = { keyUse: "OW update", valueType };

export const restoreCommands: readonly Command[] = [
  streamCommand("restore", -4, [1, 1, 1], restore, facts),
  streamCommand("restore-asking", -4, [1, 1, 1], restore, facts),
];
