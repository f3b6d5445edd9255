// SETBIT and BITOP as a Redis leader sends them. Both process values in pieces, so that a large
// bitmap is neither copied for one bit nor left as garbage by every command.
// Invariant: the value has exactly the bytes and the length of redis 7.0 (`bitops.c`). SETBIT keeps
// the expiry of the key, BITOP removes it.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { errorReply, notAnInteger, stringTooLong, syntaxError } from "../../base/errors.ts";
import { bulkBytesMax } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { STORED } from "../../store/store.ts";
import type { Context } from "../core/context.ts";
import { argumentIs } from "../core/words.ts";
import { erase, findForWrite, putBytes, storeError, writeMoment } from "../core/write.ts";
import { streamCommand } from "./stream-row.ts";

const notABit = errorReply("bit is not an integer or out of range");

/** Overwrites bytes of the value of argument 1, zero-padded up to them. On a refusal, replies. */
export function overwrite(
  x: Context,
  request: Request,
  offset: number,
  bytes: Uint8Array,
  length: number,
  reply: Reply,
): boolean {
  const { buf, start, end } = request;
  const { keyspace } = x;
  const moment = writeMoment(x);
  const result = keyspace.setRange(buf, start[1], end[1], offset, bytes, 0, length, moment);
  if (result !== STORED) reply.error(storeError(result));
  return result === STORED;
}

// ---- SETBIT -------------------------------------------------------------------------------------

/** Scratch of one call. */
const oneByte = new Uint8Array(1);

function setbit(x: Context, request: Request, reply: Reply): void {
  const { buf, start, end } = request;
  const position = readInteger(buf, start[2], end[2]);
  const bit = readInteger(buf, start[3], end[3]);
  if (position === NOT_AN_INTEGER || position < 0) return reply.error(notAnInteger);
  if (bit !== 0 && bit !== 1) return reply.error(notABit);
  const at = Math.floor(position / 8);
  if (at >= bulkBytesMax) return reply.error(stringTooLong);
  const { store } = x;
  oneByte[0] = 0;
  if (findForWrite(x, request, 1) && at < store.valueLength) store.copyTo(oneByte, 0, at, 1);
  const mask = 0x80 >>> (position % 8);
  oneByte[0] = bit === 1 ? oneByte[0] | mask : oneByte[0] & ~mask;
  if (overwrite(x, request, at, oneByte, 1, reply)) reply.ok();
}

// ---- BITOP --------------------------------------------------------------------------------------

/**
 * Combines `length` bytes of a source with `target` from `at` on. The first source is copied
 * instead.
 */
type Fold = (target: Uint8Array, at: number, bytes: Uint8Array, length: number) => void;

const folds: readonly (readonly [name: string, fold: Fold])[] = [
  [
    "AND",
    (target, at, bytes, length) => {
      for (let i = 0; i < length; i++) target[at + i] &= bytes[i];
    },
  ],
  [
    "OR",
    (target, at, bytes, length) => {
      for (let i = 0; i < length; i++) target[at + i] |= bytes[i];
    },
  ],
  [
    "XOR",
    (target, at, bytes, length) => {
      for (let i = 0; i < length; i++) target[at + i] ^= bytes[i];
    },
  ],
];

/** Scratch of one call, as fresh buffers would pile up beside shared memory. */
const pieceBytes = 64 * 1024;
const piece = new Uint8Array(pieceBytes);
const spareBytesMax = 1024 * 1024;
let spare = new Uint8Array(4096);

function bitop(x: Context, request: Request, reply: Reply): void {
  const fold = folds.find(([name]) => argumentIs(request, 1, name))?.[1];
  const negates = argumentIs(request, 1, "NOT");
  if (fold === undefined && !(negates && request.argc === 4)) return reply.error(syntaxError);
  const length = longestSource(x, request);
  if (length === 0) {
    erase(x, request, 2);
    return reply.ok();
  }
  const result = resultBuffer(length);
  copySource(x, request, 3, result, length);
  for (let i = 4; fold !== undefined && i < request.argc; i++) {
    foldSource(x, request, i, fold, result, length);
  }
  if (negates) for (let i = 0; i < length; i++) result[i] = ~result[i];
  if (putBytes(x, request, 2, result, 0, length, 0, 0, reply)) reply.ok();
}

/** All but the largest results share one buffer: the collector hardly runs beside shared memory. */
function resultBuffer(length: number): Uint8Array {
  if (length <= spare.length) return spare;
  const larger = new Uint8Array(length);
  if (length <= spareBytesMax) spare = larger;
  return larger;
}

function longestSource(x: Context, request: Request): number {
  let length = 0;
  for (let i = 3; i < request.argc; i++) {
    if (findForWrite(x, request, i)) length = Math.max(length, x.store.valueLength);
  }
  return length;
}

function copySource(
  x: Context,
  request: Request,
  index: number,
  target: Uint8Array,
  length: number,
): void {
  const { store } = x;
  const own = findForWrite(x, request, index) ? store.valueLength : 0;
  if (own > 0) store.copyTo(target, 0, 0, own);
  target.fill(0, own, length);
}

/** A missing source, or one shorter than the result, is padded with zeros. */
function foldSource(
  x: Context,
  request: Request,
  index: number,
  fold: Fold,
  target: Uint8Array,
  length: number,
): void {
  const { store } = x;
  const own = findForWrite(x, request, index) ? store.valueLength : 0;
  for (let at = 0; at < length; at += pieceBytes) {
    const count = Math.min(pieceBytes, length - at);
    const there = Math.max(0, Math.min(count, own - at));
    if (there > 0) store.copyTo(piece, 0, at, there);
    piece.fill(0, there, count);
    fold(target, at, piece, count);
  }
}

export const bitCommands = [
  streamCommand("setbit", 4, [1, 1, 1], setbit, { buildsOn: [1, 1, 1] }),
  streamCommand("bitop", -4, [2, -1, 1], bitop, {
    keyUse: [
      ["OW update", [2, 2, 1]],
      ["RO access", [3, -1, 1]],
    ],
    buildsOn: [3, -1, 1],
  }),
];
