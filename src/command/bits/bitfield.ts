// BITFIELD and BITFIELD_RO: integers of any width anywhere in a value, for clients and for a
// leader's stream. A short value is changed in a copy, and its effect is one SETRANGE of what
// changed. Of a long value only the bytes of each field are read and written, with an effect each.
// Invariant: all arguments are read, and there is room for the value up to the end of the last
// field to be written, before the first field changes. So a refusal changes nothing. The value
// keeps that length if all writes fail for overflow, as in redis 7.0 (which then does not
// replicate it).

import { NOT_AN_INTEGER, readInteger, readInteger64 } from "../../base/ascii.ts";
import { freeBytes } from "../../base/buffer-pool.ts";
import { type ByteSource, copyBytes } from "../../base/bytes.ts";
import {
  ErrorReply,
  errorReply,
  notAnInteger,
  syntaxError,
  valueTooLarge,
} from "../../base/errors.ts";
import { event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { isTooLarge, missed, putRange, readForWrite, tell } from "../core/write.ts";
import { growthTo } from "../run/make-room.ts";
import { flag } from "../terms/flags.ts";
import { byteOf, offsetError, readBitOffset } from "./bit-offset.ts";
import {
  added,
  type FieldType,
  fieldBytes,
  type Overflow,
  readField,
  writeField,
} from "./bitfield-arithmetic.ts";

interface Operation {
  readonly kind: "get" | "set" | "incrby";
  readonly type: FieldType;
  /** In bits. */
  readonly offset: number;
  readonly operand: bigint;
  readonly overflow: Overflow;
}

const windowBytes = 9; // 64 bits that start at the last bit of a byte
/** Scratch of one call. */
const window = new Uint8Array(windowBytes);
const zero = new Uint8Array(1);

/** A value that is changed in a copy. Longer: with effects of its own for each field. */
const copiedBytesMax = 4096;
/** Bytes of the key that effects may repeat. More: a copy of the value, however long it is. */
const repeatedBytesMax = 64 * 1024;
const scratch = new Uint8Array(copiedBytesMax);

function bitfield(x: Context, request: Request, reply: Reply): void {
  const operations = readOperations(x, request);
  if (operations instanceof ErrorReply) return reply.error(operations);
  const found = readForWrite(x, request, 1);
  const length = found ? x.store.valueLength : 0;
  const end = writtenEnd(operations);
  if (end === 0) {
    if (!found) missed(x, request, 1);
    return getAll(x, operations, length, reply);
  }
  const size = Math.max(length, end);
  if (size > copiedBytesMax && !repeatsKey(x, request, operations.length)) {
    changeInPlace(x, request, operations, length, end, reply);
  } else if (isTooLarge(x, request.length(1), size)) {
    reply.error(valueTooLarge);
  } else {
    changeCopy(x, request, operations, length, end, reply);
  }
}

/** Whether the effects of single fields would be much longer than the command. */
function repeatsKey({ session }: Context, request: Request, count: number): boolean {
  return session.kind !== "leader" && count * request.length(1) > repeatedBytesMax;
}

const onlyGets = errorReply("BITFIELD_RO only supports the GET subcommand");

function bitfieldRo(x: Context, request: Request, reply: Reply): void {
  const operations = readOperations(x, request);
  if (operations instanceof ErrorReply) return reply.error(operations);
  if (writtenEnd(operations) > 0) return reply.error(onlyGets);
  const { buf, start, end } = request;
  const found = x.store.read(buf, start[1], end[1], x.now);
  if (!found) missed(x, request, 1);
  getAll(x, operations, found ? x.store.valueLength : 0, reply);
}

/** The byte behind the last field to be written; 0 if there is none. */
function writtenEnd(operations: readonly Operation[]): number {
  let end = 0;
  for (const { kind, offset, type } of operations) {
    if (kind !== "get") end = Math.max(end, Math.ceil((offset + type.bits) / 8));
  }
  return end;
}

function getAll(x: Context, operations: readonly Operation[], length: number, reply: Reply): void {
  reply.array(operations.length);
  for (const { offset, type } of operations) reply.integer(load(x.store, offset, type, length));
}

/** Reads a field of a value into the window; zeros follow the value. */
function load(source: ByteSource, offset: number, type: FieldType, length: number): bigint {
  const at = byteOf(offset);
  const shift = offset % 8;
  const there = Math.max(0, Math.min(fieldBytes(shift, type), length - at));
  if (there > 0) source.copyTo(window, 0, at, there);
  window.fill(0, there);
  return readField(window, shift, type);
}

/** The number of a field after a write, or null if it overflows and must not. */
function valueAfter({ kind, type, operand, overflow }: Operation, old: bigint): bigint | null {
  return kind === "set" ? added(type, operand, 0n, overflow) : added(type, old, operand, overflow);
}

// ---- changes in a copy --------------------------------------------------------------------------

/** A value, and the range of it that differs from the store's, which begins as what it grows by. */
class ValueCopy implements ByteSource {
  readonly bytes: Uint8Array;
  first: number;
  last: number;

  constructor(bytes: Uint8Array, length: number, end: number) {
    this.bytes = bytes;
    this.first = length;
    this.last = end;
  }

  copyTo(target: Uint8Array, at: number, from: number, length: number): void {
    copyBytes(this.bytes, from, from + length, target, at);
  }

  write(at: number, count: number): void {
    copyBytes(window, 0, count, this.bytes, at);
    const isFirst = this.last <= this.first;
    this.first = isFirst ? at : Math.min(this.first, at);
    this.last = isFirst ? at + count : Math.max(this.last, at + count);
  }
}

function changeCopy(
  x: Context,
  request: Request,
  operations: readonly Operation[],
  length: number,
  end: number,
  reply: Reply,
): void {
  const size = Math.max(length, end);
  const bytes = size <= copiedBytesMax ? scratch : new Uint8Array(size);
  if (length > 0) x.store.copyTo(bytes, 0, 0, length);
  bytes.fill(0, length, size);
  const copy = new ValueCopy(bytes, length, end);
  const results = operations.map((operation) => changeField(copy, operation, size));
  const { first, last } = copy;
  const isWritten = operations.some(({ kind }, i) => kind !== "get" && results[i] !== null);
  // As in Redis, a value that only grows, because every field overflows, causes no event.
  const told = isWritten ? event.SETBIT : event.QUIET;
  const isStored = last <= first || putRange(x, request, 1, first, bytes, first, last, reply, told);
  if (bytes !== scratch) freeBytes(bytes);
  if (!isStored) return;
  reply.array(results.length);
  for (const result of results) {
    if (result === null) reply.nil();
    else reply.integer(result);
  }
}

/** Returns what is replied. */
function changeField(copy: ValueCopy, operation: Operation, length: number): bigint | null {
  const { kind, type, offset } = operation;
  const old = load(copy, offset, type, length);
  if (kind === "get") return old;
  const value = valueAfter(operation, old);
  if (value === null) return null;
  if (value !== old) {
    const shift = offset % 8;
    writeField(window, shift, type, value);
    copy.write(byteOf(offset), fieldBytes(shift, type));
  }
  return kind === "set" ? old : value;
}

// ---- changes in place ---------------------------------------------------------------------------

function changeInPlace(
  x: Context,
  request: Request,
  operations: readonly Operation[],
  length: number,
  end: number,
  reply: Reply,
): void {
  const grows = end > length;
  const isGroup = grows || operations.length > 1;
  let isChanged = false;
  if (isGroup) x.effects.open();
  try {
    if (grows && !putRange(x, request, 1, end - 1, zero, 0, 1, reply, event.QUIET)) return;
    reply.array(operations.length);
    for (const operation of operations) {
      const size = Math.max(end, length);
      if (changeStored(x, request, operation, size, grows, reply)) isChanged = true;
    }
    if (isChanged) tell(x, request, 1, event.SETBIT); // one event for all fields
  } finally {
    if (isGroup) x.effects.close(); // writing a reply may exceed the output limit and throw
  }
}

/**
 * The item is the store's current one, before and after. Returns whether the field was written: in
 * a value that has grown, also if it keeps its number.
 */
function changeStored(
  x: Context,
  request: Request,
  operation: Operation,
  length: number,
  grows: boolean,
  reply: Reply,
): boolean {
  const { kind, type, offset } = operation;
  const old = load(x.store, offset, type, length);
  const value = kind === "get" ? old : valueAfter(operation, old);
  const changes = value !== null && value !== old;
  if (changes) {
    const shift = offset % 8;
    writeField(window, shift, type, value);
    const count = fieldBytes(shift, type);
    const at = byteOf(offset);
    if (!putRange(x, request, 1, at, window, 0, count, reply, event.QUIET)) return false;
  }
  if (value === null) reply.nil();
  else reply.integer(kind === "incrby" ? value : old);
  return changes || (grows && value !== null && kind !== "get");
}

// ---- the arguments ------------------------------------------------------------------------------

const invalidOverflow = errorReply("Invalid OVERFLOW type specified");
const invalidType = errorReply(
  "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
);

const kinds = ["get", "set", "incrby"] as const;
const overflows: readonly Overflow[] = ["wrap", "sat", "fail"];

/** The operations in order, or the first error. */
function readOperations(x: Context, request: Request): Operation[] | ErrorReply {
  const operations: Operation[] = [];
  let overflow: Overflow = "wrap";
  for (let i = 2; i < request.argc; ) {
    if (argumentIs(request, i, "OVERFLOW") && i + 1 < request.argc) {
      const mode = overflows.find((word) => argumentIs(request, i + 1, word));
      if (mode === undefined) return invalidOverflow;
      overflow = mode;
      i += 2;
    } else {
      const operation = readOperation(x, request, i, overflow);
      if (operation instanceof ErrorReply) return operation;
      operations.push(operation);
      i += operation.kind === "get" ? 3 : 4;
    }
  }
  return operations;
}

function readOperation(
  x: Context,
  request: Request,
  index: number,
  overflow: Overflow,
): Operation | ErrorReply {
  const kind = kinds.find((word) => argumentIs(request, index, word));
  const last = index + (kind === "get" ? 2 : 3);
  if (kind === undefined || last >= request.argc) return syntaxError;
  const type = readType(request, index + 1);
  if (type === null) return invalidType;
  const offset = readBitOffset(request, index + 2, type.bits);
  const error = offsetError(x, offset);
  if (error !== null) return error;
  const operand = kind === "get" ? 0n : readOperand(request, last);
  if (operand === null) return notAnInteger;
  return { kind, type, offset, operand, overflow };
}

function readOperand({ buf, start, end }: Request, index: number): bigint | null {
  const value = readInteger(buf, start[index], end[index]);
  if (Number.isSafeInteger(value)) return BigInt(value);
  return readInteger64(buf, start[index], end[index]);
}

const SIGNED = 0x69; // i
const UNSIGNED = 0x75; // u

function readType({ buf, start, end }: Request, index: number): FieldType | null {
  const at = start[index];
  const signed = buf[at] === SIGNED;
  if (at === end[index] || !(signed || buf[at] === UNSIGNED)) return null;
  const bits = readInteger(buf, at + 1, end[index]);
  const isWidth = bits !== NOT_AN_INTEGER && bits >= 1 && bits <= (signed ? 64 : 63);
  return isWidth ? { signed, bits } : null;
}

// ---- room ---------------------------------------------------------------------------------------

/** Offsets of fewer digits are within the bytes that a value may grow by without a look. */
const farDigitsMin = 5;

function growth(x: Context, request: Request): number {
  let isFar = false;
  for (let i = 4; i < request.argc; i++) isFar ||= request.length(i) >= farDigitsMin;
  if (!isFar) return 0;
  const operations = readOperations(x, request);
  if (operations instanceof ErrorReply) return 0;
  return growthTo(x, request, 1, writtenEnd(operations));
}

// ---- rows ---------------------------------------------------------------------------------------

const { READONLY, WRITE, DENY_OOM, FAST } = flag;

const get = "GET encoding_offset=(encoding offset:integer)";
const write =
  "write=([OVERFLOW wrap_sat_fail=(WRAP | SAT | FAIL)] write_operation=(" +
  "SET encoding_offset_value=(encoding offset:integer value:integer) | " +
  "INCRBY encoding_offset_increment=(encoding offset:integer increment:integer)))";

export const bitfieldCommands = family({ group: "bitmap", keys: [1, 1, 1] }, [
  {
    name: "bitfield",
    arity: -2,
    syntax: `key [operation=(${get} | ${write})...]`,
    flags: WRITE | DENY_OOM,
    keyUse: "RW access update variable_flags",
    keyUseOf: useOfBitfield,
    buildsOn: [1, 1, 1],
    growth,
    since: "3.2.0",
    complexity: "O(1) for each subcommand",
    summary: "Reads and writes integers of any width at any bit of a value.",
    handler: bitfield,
  },
  {
    name: "bitfield_ro",
    arity: -2,
    syntax: `key [${get}+...]`,
    flags: READONLY | FAST,
    since: "6.0.0",
    complexity: "O(1) for each subcommand",
    summary: "Reads integers of any width at any bit of a value.",
    handler: bitfieldRo,
  },
]);

/** It only reads if it has only GET and OVERFLOW, each whole; `first` is the command. */
function useOfBitfield(request: Request, first: number): string {
  const { argc } = request;
  let at = first + 2;
  while (at < argc) {
    if (argumentIs(request, at, "GET") && at + 2 < argc) at += 3;
    else if (argumentIs(request, at, "OVERFLOW") && at + 1 < argc) at += 2;
    else return "RW access update";
  }
  return "RO access";
}
