// BITFIELD as a Redis leader sends it: the whole command, if it changed anything. Its GETs are
// ignored. SET and INCRBY read and write only the bytes of their field, never the whole value.
// Invariant: all arguments are parsed before the first change. The value then reaches to the end of
// the last field to be written, whether or not that write fails, as in redis 7.0.

import { NOT_AN_INTEGER, readInteger, readInteger64 } from "../../base/ascii.ts";
import { stringTooLong, syntaxError } from "../../base/errors.ts";
import { bulkBytesMax } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import {
  added,
  type FieldType,
  fieldBytes,
  type Overflow,
  readField,
  writeField,
} from "../bits/bitfield-arithmetic.ts";
import type { Context } from "../core/context.ts";
import { argumentIs } from "../core/words.ts";
import { findForWrite } from "../core/write.ts";
import { overwrite } from "./bits.ts";
import { streamCommand } from "./stream-row.ts";

interface Operation {
  readonly kind: "set" | "incrby";
  readonly type: FieldType;
  /** In bits. */
  readonly offset: number;
  readonly operand: bigint;
  readonly overflow: Overflow;
}

const windowBytes = 9; // 64 bits that start at the last bit of a byte
/** Scratch of one call. */
const window = new Uint8Array(windowBytes);
const nothing = new Uint8Array(1);

function bitfield(x: Context, request: Request, reply: Reply): void {
  const operations = readOperations(request);
  if (operations === null) return reply.error(syntaxError);
  const bits = operations.reduce((most, { offset, type }) => Math.max(most, offset + type.bits), 0);
  const bytes = Math.ceil(bits / 8);
  if (bytes > bulkBytesMax) return reply.error(stringTooLong);
  if (!grow(x, request, bytes, reply)) return;
  for (const operation of operations) if (!perform(x, request, operation, reply)) return;
  reply.ok();
}

function grow(x: Context, request: Request, bytes: number, reply: Reply): boolean {
  const length = findForWrite(x, request, 1) ? x.store.valueLength : 0;
  return bytes <= length || overwrite(x, request, bytes - 1, nothing, 1, reply);
}

function perform(x: Context, request: Request, operation: Operation, reply: Reply): boolean {
  const { kind, type, offset, operand, overflow } = operation;
  const at = Math.floor(offset / 8);
  const shift = offset % 8;
  const count = fieldBytes(shift, type);
  findForWrite(x, request, 1);
  x.store.copyTo(window, 0, at, count);
  const value =
    kind === "set"
      ? added(type, operand, 0n, overflow)
      : added(type, readField(window, shift, type), operand, overflow);
  if (value === null) return true;
  writeField(window, shift, type, value);
  return overwrite(x, request, at, window, count, reply);
}

// ---- the arguments ------------------------------------------------------------------------------

const overflows: readonly Overflow[] = ["wrap", "sat", "fail"];

/** The writing operations in order; null if the arguments are invalid. */
function readOperations(request: Request): Operation[] | null {
  const operations: Operation[] = [];
  let overflow: Overflow = "wrap";
  for (let i = 2; i < request.argc; ) {
    if (argumentIs(request, i, "OVERFLOW")) {
      const mode = overflows.find(
        (word) => i + 1 < request.argc && argumentIs(request, i + 1, word),
      );
      if (mode === undefined) return null;
      overflow = mode;
      i += 2;
    } else if (argumentIs(request, i, "GET")) {
      i += 3;
    } else {
      const operation = readOperation(request, i, overflow);
      if (operation === null) return null;
      operations.push(operation);
      i += 4;
    }
  }
  return operations;
}

function readOperation(request: Request, index: number, overflow: Overflow): Operation | null {
  const kinds = ["set", "incrby"] as const;
  const kind = kinds.find((word) => argumentIs(request, index, word));
  if (kind === undefined || index + 3 >= request.argc) return null;
  const type = readType(request.text(index + 1));
  const offset = type === null ? null : readOffset(request, index + 2, type);
  const { buf, start, end } = request;
  const operand = readInteger64(buf, start[index + 3], end[index + 3]);
  if (type === null || offset === null || operand === null) return null;
  return { kind, type, offset, operand, overflow };
}

function readType(text: string): FieldType | null {
  const match = /^([iu])([1-9]\d?)$/.exec(text);
  if (match === null) return null;
  const signed = match[1] === "i";
  const bits = Number(match[2]);
  return bits <= (signed ? 64 : 63) ? { signed, bits } : null;
}

/** `#n` is a multiple of the field width. */
function readOffset(request: Request, index: number, { bits }: FieldType): number | null {
  const { buf, start, end } = request;
  const isMultiple = buf[start[index]] === 0x23; // #
  const value = readInteger(buf, start[index] + (isMultiple ? 1 : 0), end[index]);
  if (value === NOT_AN_INTEGER || value < 0) return null;
  return isMultiple ? value * bits : value;
}

export const bitfieldCommands = [
  streamCommand("bitfield", -2, [1, 1, 1], bitfield, { buildsOn: [1, 1, 1] }),
];
