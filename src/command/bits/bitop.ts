// BITOP: combines values bit by bit into another, for clients and for a leader's stream. Sources
// are read in pieces and combined as words of 32 bits; the result is written at once, as one of the
// sources may be its destination. The effect is a SET of the result.
// Invariant: the value has the bytes and the length of redis 7.0 (`bitops.c`); it has no expiry.

import { freeBytes } from "../../base/buffer-pool.ts";
import { errorReply, syntaxError } from "../../base/errors.ts";
import { event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { erase, findForWrite, missed, putBytes, readForWrite } from "../core/write.ts";
import { lengthBefore } from "../run/make-room.ts";
import { flag } from "../terms/flags.ts";

/** Combines the first `count` words of the piece with `target` from `at` on. */
type Fold = (target: Int32Array, at: number, count: number) => void;

const wordBytes = 4;
const pieceBytes = 64 * 1024;

/** Scratch of one call, as fresh buffers would pile up beside shared memory. */
const piece = new Uint8Array(pieceBytes);
const words = new Int32Array(piece.buffer);
const spareBytesMax = 1024 * 1024;
let spare = new Uint8Array(4096);

const folds: Readonly<Record<"AND" | "OR" | "XOR", Fold>> = {
  AND: (target, at, count) => {
    for (let i = 0; i < count; i++) target[at + i] &= words[i];
  },
  OR: (target, at, count) => {
    for (let i = 0; i < count; i++) target[at + i] |= words[i];
  },
  XOR: (target, at, count) => {
    for (let i = 0; i < count; i++) target[at + i] ^= words[i];
  },
};

const notOfSeveral = errorReply("BITOP NOT must be called with a single source key.");

/** BITOP AND | OR | XOR | NOT destination source [source ...] */
function bitop(x: Context, request: Request, reply: Reply): void {
  const fold = foldOf(request);
  const negates = argumentIs(request, 1, "NOT");
  if (fold === null && !negates) return reply.error(syntaxError);
  if (negates && request.argc !== 4) return reply.error(notOfSeveral);
  const length = longestSource(x, request);
  if (length === 0) {
    erase(x, request, 2);
    return reply.integer(0);
  }
  const result = resultBuffer(length);
  copySource(x, request, 3, result, length);
  const target = new Int32Array(result.buffer, 0, Math.ceil(length / wordBytes));
  if (fold === null) for (let i = 0; i < target.length; i++) target[i] = ~target[i];
  else for (let i = 4; i < request.argc; i++) foldSource(x, request, i, fold, target, length);
  if (putBytes(x, request, 2, result, 0, length, 0, 0, reply, event.SET)) reply.integer(length);
  if (result !== spare) freeBytes(result);
}

function foldOf(request: Request): Fold | null {
  if (argumentIs(request, 1, "AND")) return folds.AND;
  if (argumentIs(request, 1, "OR")) return folds.OR;
  return argumentIs(request, 1, "XOR") ? folds.XOR : null;
}

/** A buffer of whole words. All but the largest results share one; the others are freed by hand. */
function resultBuffer(length: number): Uint8Array<ArrayBuffer> {
  if (length <= spare.length) return spare;
  const larger = new Uint8Array(Math.ceil(length / wordBytes) * wordBytes);
  if (length <= spareBytesMax) spare = larger;
  return larger;
}

function longestSource(x: Context, request: Request): number {
  let length = 0;
  for (let i = 3; i < request.argc; i++) {
    if (readForWrite(x, request, i)) length = Math.max(length, x.store.valueLength);
    else missed(x, request, i);
  }
  return length;
}

/** A source that is missing, or shorter than the result, is padded with zeros. */
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

function foldSource(
  x: Context,
  request: Request,
  index: number,
  fold: Fold,
  target: Int32Array,
  length: number,
): void {
  const { store } = x;
  const own = findForWrite(x, request, index) ? store.valueLength : 0;
  for (let at = 0; at < length; at += pieceBytes) {
    const count = Math.min(pieceBytes, length - at);
    const there = Math.max(0, Math.min(count, own - at));
    if (there > 0) store.copyTo(piece, 0, at, there);
    const used = Math.ceil(count / wordBytes);
    piece.fill(0, there, used * wordBytes);
    fold(target, at / wordBytes, used);
  }
}

/** The result is stored before an older value of the destination is given up. */
function growth(x: Context, request: Request): number {
  let length = 0;
  for (let i = 3; i < request.argc; i++) length = Math.max(length, lengthBefore(x, request, i));
  return length;
}

// ---- rows ---------------------------------------------------------------------------------------

// GLOBAL: it writes a value of any size, which only the control thread can always write to the
// journal.
const { WRITE, DENY_OOM, GLOBAL } = flag;

export const bitopCommands = family({ group: "bitmap" }, [
  {
    name: "bitop",
    arity: -4,
    syntax: "operation destkey:key key...",
    flags: WRITE | DENY_OOM | GLOBAL,
    keys: [2, -1, 1],
    keyUse: [
      ["OW update", [2, 2, 1]],
      ["RO access", [3, -1, 1]],
    ],
    buildsOn: [3, -1, 1],
    growth,
    since: "2.6.0",
    complexity: "O(N) where N is the length of the longest source, for each source",
    summary: "Combines values bit by bit, and stores the result.",
    handler: bitop,
  },
]);
