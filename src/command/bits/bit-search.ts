// Handlers that look through a value: BITCOUNT and BITPOS, over all of it or a range that is given
// in bytes or in bits. bit-pieces.ts does the work; here are the arguments and their order of
// errors, which is redis 7.0's (`bitops.c`).

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { errorReply, notAnInteger, syntaxError } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { missed } from "../core/write.ts";
import { isBackward } from "../string/string-range.ts";
import { flag } from "../terms/flags.ts";
import { countOnes, firstBit } from "./bit-pieces.ts";

const byteBits = 8;

// ---- ranges -------------------------------------------------------------------------------------

/** The unit of the ends in bits, 8 unless the argument says BIT; 0 if it says neither. */
function unitOf(request: Request, index: number): number {
  if (index >= request.argc || argumentIs(request, index, "BYTE")) return byteBits;
  return argumentIs(request, index, "BIT") ? 1 : 0;
}

/** The first bit of a range. A negative end counts from the end of the value. */
function firstOf(first: number, unit: number, length: number): number {
  const size = (length * byteBits) / unit;
  return (first < 0 ? Math.max(0, size + first) : first) * unit;
}

/** The bit behind a range whose last byte or bit is given. */
function endOf(last: number, unit: number, length: number): number {
  const size = (length * byteBits) / unit;
  return (Math.min(size - 1, last < 0 ? Math.max(0, size + last) : last) + 1) * unit;
}

function integerAt({ buf, start, end }: Request, index: number): number {
  return readInteger(buf, start[index], end[index]);
}

// ---- handlers -----------------------------------------------------------------------------------

/** BITCOUNT key [start end [BYTE | BIT]] */
function bitcount(x: Context, request: Request, reply: Reply): void {
  const { store, now } = x;
  const { buf, start, end, argc } = request;
  if (!store.read(buf, start[1], end[1], now)) {
    missed(x, request, 1);
    return reply.integer(0);
  }
  const length = store.valueLength;
  if (argc === 2) return reply.integer(countOnes(store, 0, length * byteBits));
  if (argc !== 4 && argc !== 5) return reply.error(syntaxError);
  const first = integerAt(request, 2);
  const last = integerAt(request, 3);
  if (first === NOT_AN_INTEGER || last === NOT_AN_INTEGER) return reply.error(notAnInteger);
  if (first < 0 && last < 0 && isBackward(request, first, last)) return reply.integer(0);
  const unit = unitOf(request, 4);
  if (unit === 0) return reply.error(syntaxError);
  reply.integer(countOnes(store, firstOf(first, unit, length), endOf(last, unit, length)));
}

const notABit = errorReply("The bit argument must be 1 or 0.");

/** BITPOS key bit [start [end [BYTE | BIT]]] */
function bitpos(x: Context, request: Request, reply: Reply): void {
  const { store, now } = x;
  const { buf, start, end, argc } = request;
  const bit = integerAt(request, 2);
  if (bit === NOT_AN_INTEGER) return reply.error(notAnInteger);
  if (bit !== 0 && bit !== 1) return reply.error(notABit);
  // A missing key is zeros without an end.
  if (!store.read(buf, start[1], end[1], now)) {
    missed(x, request, 1);
    return reply.integer(bit === 0 ? 0 : -1);
  }
  if (argc > 6) return reply.error(syntaxError);
  const length = store.valueLength;
  const first = argc > 3 ? integerAt(request, 3) : 0;
  if (first === NOT_AN_INTEGER) return reply.error(notAnInteger);
  const unit = unitOf(request, 5);
  if (unit === 0) return reply.error(syntaxError);
  const last = argc > 4 ? integerAt(request, 4) : length - 1;
  if (last === NOT_AN_INTEGER) return reply.error(notAnInteger);
  const from = firstOf(first, unit, length);
  const to = endOf(last, unit, length);
  if (from >= to) return reply.integer(-1);
  const found = firstBit(store, bit, from, to);
  // Zeros follow the value, unless the range says where it ends.
  reply.integer(found < 0 && bit === 0 && argc <= 4 ? length * byteBits : found);
}

// ---- rows ---------------------------------------------------------------------------------------

export const bitSearchCommands = family(
  { group: "bitmap", keys: [1, 1, 1], flags: flag.READONLY },
  [
    {
      name: "bitcount",
      arity: -2,
      syntax: "key [index=(start:integer end:integer [index_unit=(BYTE | BIT)@7.0.0])]",
      since: "2.6.0",
      complexity: "O(N) where N is the number of bytes in the range",
      summary: "Counts the ones in a value.",
      handler: bitcount,
    },
    {
      name: "bitpos",
      arity: -3,
      syntax:
        "key bit:integer " +
        "[index=(start:integer [end_index=(end:integer [index_unit=(BYTE | BIT)@7.0.0])])]",
      since: "2.8.7",
      complexity: "O(N) where N is the number of bytes in the range",
      summary: "Finds the first 0 or 1 in a value.",
      handler: bitpos,
    },
  ],
);
