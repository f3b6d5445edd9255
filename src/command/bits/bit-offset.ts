// Bit offsets, the arguments that SETBIT, GETBIT and BITFIELD have in common. Bit 0 is the highest
// bit of the first byte. Knows nothing of the values.
// Invariant: an offset that passes offsetError() is in a byte that a value may have.

import { NOT_AN_INTEGER, readInteger, readInteger64 } from "../../base/ascii.ts";
import { type ErrorReply, errorReply, valueTooLarge } from "../../base/errors.ts";
import { bulkBytesMax } from "../../base/limits.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";

const HASH = 0x23; // #

const invalidOffset = errorReply("bit offset is not an integer or out of range");

/** The byte that contains a bit; bits are beyond the range of >>. */
export function byteOf(offset: number): number {
  return Math.floor(offset / 8);
}

/**
 * The offset that argument `index` states, or -1 if it is invalid. With a width, `#n` is n times
 * the width.
 */
export function readBitOffset({ buf, start, end }: Request, index: number, width = 0): number {
  const isMultiple = width > 0 && buf[start[index]] === HASH && end[index] > start[index];
  const from = start[index] + (isMultiple ? 1 : 0);
  const value = readInteger(buf, from, end[index]);
  if (value === NOT_AN_INTEGER) return -1;
  const offset = isMultiple ? value * width : value;
  if (Number.isSafeInteger(offset) || !isMultiple) return Math.max(-1, offset);
  // Redis multiplies within 64 bits, so a product may even come back into the range.
  const exact = readInteger64(buf, from, end[index]) ?? 0n;
  return Math.max(-1, Number(BigInt.asIntN(64, exact * BigInt(width))));
}

/** What is wrong with an offset, which is -1 if it is invalid; null if nothing is. */
export function offsetError({ session }: Context, offset: number): ErrorReply | null {
  if (offset < 0) return invalidOffset;
  if (byteOf(offset) < bulkBytesMax) return null;
  // A leader may allow longer values. Such a value is missing here, which is not its mistake.
  return session.kind === "leader" ? valueTooLarge : invalidOffset;
}
