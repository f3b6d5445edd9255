// Handlers for single bits: SETBIT and GETBIT. SETBIT reads and writes one byte, however long the
// value is, and its effect is a SETRANGE of that byte. The same handlers serve clients and a
// leader's stream.
// Invariant: the value has the bytes and the length of redis 7.0 (`bitops.c`), and keeps its
// expiry. A SETBIT that changes neither records nothing.

import { readInteger } from "../../base/ascii.ts";
import { errorReply } from "../../base/errors.ts";
import { event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { missed, putRange, readForWrite } from "../core/write.ts";
import { growthTo } from "../run/make-room.ts";
import { flag } from "../terms/flags.ts";
import { byteOf, offsetError, readBitOffset } from "./bit-offset.ts";

const notABit = errorReply("bit is not an integer or out of range");

/** Scratch of one call. */
const oneByte = new Uint8Array(1);

function setbit(x: Context, request: Request, reply: Reply): void {
  const offset = readBitOffset(request, 2);
  const bit = readInteger(request.buf, request.start[3], request.end[3]);
  const error = offsetError(x, offset);
  if (error !== null) return reply.error(error);
  if (bit !== 0 && bit !== 1) return reply.error(notABit);
  const found = readForWrite(x, request, 1);
  const at = byteOf(offset);
  const mask = 0x80 >>> (offset % 8);
  const grows = !found || at >= x.store.valueLength;
  oneByte[0] = 0;
  if (!grows) x.store.copyTo(oneByte, 0, at, 1);
  const old = (oneByte[0] & mask) === 0 ? 0 : 1;
  if (old !== bit) oneByte[0] ^= mask;
  if (old === bit && !grows) reply.integer(old);
  else if (putRange(x, request, 1, at, oneByte, 0, 1, reply, event.SETBIT)) reply.integer(old);
}

function getbit(x: Context, request: Request, reply: Reply): void {
  const { store, now } = x;
  const { buf, start, end } = request;
  const offset = readBitOffset(request, 2);
  const error = offsetError(x, offset);
  if (error !== null) return reply.error(error);
  const at = byteOf(offset);
  oneByte[0] = 0;
  if (!store.read(buf, start[1], end[1], now)) missed(x, request, 1);
  else if (at < store.valueLength) store.copyTo(oneByte, 0, at, 1);
  reply.integer((oneByte[0] >>> (7 - (offset % 8))) & 1);
}

// ---- rows ---------------------------------------------------------------------------------------

const { READONLY, WRITE, DENY_OOM, FAST } = flag;

export const bitCommands = family({ group: "bitmap", keys: [1, 1, 1], since: "2.2.0" }, [
  {
    name: "setbit",
    arity: 4,
    syntax: "key offset:integer value:integer",
    flags: WRITE | DENY_OOM,
    buildsOn: [1, 1, 1],
    growth: (x, request) => growthTo(x, request, 1, byteOf(readBitOffset(request, 2)) + 1),
    complexity: "O(1), or O(N) where N is the number of bytes by which the value grows",
    summary: "Sets or clears a bit of a value; creates a missing key.",
    handler: setbit,
  },
  {
    name: "getbit",
    arity: 3,
    syntax: "key offset:integer",
    flags: READONLY | FAST,
    summary: "Returns a bit of a value.",
    handler: getbit,
  },
]);
