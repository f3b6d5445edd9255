// LCS: the longest common subsequence of two values. It copies both values under the locks of their
// keys and computes without them: see lcsTableBytesMax in limits.ts for how long that may take.
// A missing key is an empty value.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { freeBytes } from "../../base/buffer-pool.ts";
import { ErrorReply, errorReply, notAnInteger, syntaxError } from "../../base/errors.ts";
import { lcsBytesMax, lcsTableBytesMax } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { missed } from "../core/write.ts";
import { flag } from "../terms/flags.ts";
import { CommonSubsequence } from "./common-subsequence.ts";

const ambiguous = errorReply("If you want both the length and indexes, please just use IDX.");
const tooMuch = errorReply(
  "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
);
/** What Redis's table takes for a pair of positions. */
const pairBytes = 4;

function lcs(x: Context, request: Request, reply: Reply): void {
  const options = readOptions(request);
  if (options instanceof ErrorReply) {
    lookUp(x, request); // as Redis does before it reads the options
    return reply.error(options);
  }
  const values = valuesOf(x, request);
  if (values === null) return reply.error(tooMuch);
  const [first, second] = values;
  const common = new CommonSubsequence(first, second, !options.wantsLength);
  if (options.wantsLength) {
    reply.integer(common.length);
  } else if (options.wantsRanges) {
    replyRanges(common, options, reply);
  } else {
    const text = common.text();
    reply.bulk(text, 0, text.length);
  }
  common.release();
  for (const value of values) freeBytes(value);
}

function lookUp(x: Context, request: Request): void {
  const { store } = x;
  const { buf, start, end } = request;
  const shards = store.shardBit(buf, start[1], end[1]) | store.shardBit(buf, start[2], end[2]);
  const taken = store.lockShards(shards);
  for (const index of [1, 2]) lengthOf(x, request, index);
  store.unlockShards(taken);
}

/** Copies of both values, or null if they are too long together. */
function valuesOf(x: Context, request: Request): [Uint8Array, Uint8Array] | null {
  const { store } = x;
  const { buf, start, end } = request;
  const shards = store.shardBit(buf, start[1], end[1]) | store.shardBit(buf, start[2], end[2]);
  const taken = store.lockShards(shards);
  const lengths = [lengthOf(x, request, 1), lengthOf(x, request, 2)] as const;
  const [first, second] = lengths;
  const fits =
    (first + 1) * (second + 1) * pairBytes <= lcsTableBytesMax && first + second <= lcsBytesMax;
  const values: [Uint8Array, Uint8Array] | null = fits
    ? [copyOf(x, request, 1), copyOf(x, request, 2)]
    : null;
  store.unlockShards(taken);
  return values;
}

function lengthOf(x: Context, request: Request, index: number): number {
  const { store, now } = x;
  if (store.read(request.buf, request.start[index], request.end[index], now)) {
    return store.valueLength;
  }
  missed(x, request, index);
  return 0;
}

function copyOf({ store, now }: Context, { buf, start, end }: Request, index: number): Uint8Array {
  const length = store.find(buf, start[index], end[index], now) ? store.valueLength : 0;
  const copy = new Uint8Array(length);
  if (length > 0) store.copyTo(copy, 0, 0, length);
  return copy;
}

function replyRanges(common: CommonSubsequence, options: LcsOptions, reply: Reply): void {
  const ranges = common.ranges().filter(({ length }) => length >= options.lengthMin);
  reply.map(2);
  reply.text("matches");
  reply.array(ranges.length);
  for (const { first, second, length } of ranges) {
    reply.array(options.withLengths ? 3 : 2);
    for (const from of [first, second]) {
      reply.array(2);
      reply.integer(from);
      reply.integer(from + length - 1);
    }
    if (options.withLengths) reply.integer(length);
  }
  reply.text("len");
  reply.integer(common.length);
}

interface LcsOptions {
  readonly wantsLength: boolean;
  readonly wantsRanges: boolean;
  readonly withLengths: boolean;
  /** Shorter ranges are left out. */
  readonly lengthMin: number;
}

function readOptions(request: Request): LcsOptions | ErrorReply {
  const options = { wantsLength: false, wantsRanges: false, withLengths: false, lengthMin: 0 };
  for (let i = 3; i < request.argc; i++) {
    if (argumentIs(request, i, "IDX")) {
      options.wantsRanges = true;
    } else if (argumentIs(request, i, "LEN")) {
      options.wantsLength = true;
    } else if (argumentIs(request, i, "WITHMATCHLEN")) {
      options.withLengths = true;
    } else if (argumentIs(request, i, "MINMATCHLEN") && ++i < request.argc) {
      options.lengthMin = readInteger(request.buf, request.start[i], request.end[i]);
      if (options.lengthMin === NOT_AN_INTEGER) return notAnInteger;
    } else {
      return syntaxError;
    }
  }
  return options.wantsLength && options.wantsRanges ? ambiguous : options;
}

// ---- rows ---------------------------------------------------------------------------------------

const { READONLY, LONG } = flag;

export const lcsCommands = family({ group: "string" }, [
  {
    name: "lcs",
    arity: -3,
    syntax: "key1:key key2:key [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]",
    flags: READONLY | LONG,
    keys: [1, 2, 1],
    since: "7.0.0",
    complexity: "O(N*M) where N and M are the lengths of the values",
    summary: "Returns the longest common subsequence of two values, its length, or where it is.",
    differs: "Two values of more than 1 MiB together are refused, besides Redis's own bound.",
    handler: lcs,
  },
]);
