// The sparse registers of a HyperLogLog: runs in the order of the registers. Registers have more
// than one encoding. Followers must have the same bytes as Redis, so raising a register splits and
// joins runs exactly as Redis does (`hyperloglog.c`, hllSparseSet).
// Invariant: the runs of a valid value cover every register exactly once.
//
//   00llllll           ZERO   l + 1 registers are 0 (up to 64)
//   01llllll llllllll  XZERO  l + 1 registers are 0 (up to 16,384)
//   1vvvvvll           VAL    l + 1 registers (up to 4) are v + 1 (up to 32)

import { registerCount } from "./element-hash.ts";

export const sparseValueMax = 32;
const zeroRunMax = 64;
const valueRunMax = 4;
/** After a change, this many runs from the previous one on are checked for joining, as in Redis. */
const runsJoinedMax = 5;

const XZERO = 0x40;
const VALUE = 0x80;

/** The runs of an empty value: a single XZERO. */
export const emptyRuns: readonly number[] = [
  XZERO | ((registerCount - 1) >>> 8),
  (registerCount - 1) & 0xff,
];

/** Results of raiseSparse() other than the new end. */
export const UNCHANGED = -1;
export const BROKEN = -2;
/** The runs would exceed `endMax`. */
export const TOO_LONG = -3;

function isValueRun(first: number): boolean {
  return (first & VALUE) !== 0;
}

/** Number of bytes of the run that starts with this byte. */
function runBytes(first: number): number {
  return (first & (VALUE | XZERO)) === XZERO ? 2 : 1;
}

function runLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (isValueRun(first)) return (first & 3) + 1;
  if (runBytes(first) === 1) return (first & 0x3f) + 1;
  return (((first & 0x3f) << 8) | bytes[at + 1]) + 1;
}

/** The value of the registers in the run; 0 for a run of zeros. */
function runValue(first: number): number {
  return isValueRun(first) ? ((first >>> 2) & 0x1f) + 1 : 0;
}

/**
 * Calls `visit` for each run with a value. Returns false if the runs do not cover the registers.
 */
export function eachValueRun(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (register: number, length: number, value: number) => void,
): boolean {
  let register = 0;
  let at = start;
  while (at < end) {
    const first = bytes[at];
    const length = runLength(bytes, at);
    if (register + length > registerCount) return false;
    if (isValueRun(first)) visit(register, length, runValue(first));
    register += length;
    at += runBytes(first);
  }
  return register === registerCount && at === end;
}

/** The runs as text, valid or not: `z:` or `Z:` for zeros, `v:value,` otherwise, and the length. */
export function describeRuns(bytes: Uint8Array, start: number, end: number): string {
  const words: string[] = [];
  for (let at = start; at < end; at += runBytes(bytes[at])) {
    const first = bytes[at];
    const zeros = runBytes(first) === 1 ? "z:" : "Z:";
    const kind = isValueRun(first) ? `v:${runValue(first)},` : zeros;
    words.push(`${kind}${runLength(bytes, at)}`);
  }
  return words.join(" ");
}

/**
 * Raises a register in the runs from `start` to `end`, which may grow by 3 bytes. Returns their new
 * end, UNCHANGED, BROKEN, or TOO_LONG if they would exceed `endMax`.
 */
export function raiseSparse(
  bytes: Uint8Array,
  start: number,
  end: number,
  endMax: number,
  register: number,
  value: number,
): number {
  let at = start;
  let before = start;
  let first = 0;
  let length = 0;
  for (;;) {
    if (at >= end) return BROKEN;
    length = runLength(bytes, at);
    if (register < first + length) break;
    before = at;
    first += length;
    at += runBytes(bytes[at]);
  }
  if (runValue(bytes[at]) >= value) return UNCHANGED;
  const oldBytes = runBytes(bytes[at]);
  split(runValue(bytes[at]), register - first, length, value);
  const grown = end + newBytes - oldBytes;
  if (grown > end && grown > endMax) return TOO_LONG;
  bytes.copyWithin(at + newBytes, at + oldBytes, end);
  for (let i = 0; i < newBytes; i++) bytes[at + i] = newRuns[i];
  return join(bytes, before, grown);
}

/** Scratch of one call: the runs from split(). Fresh arrays would pile up beside shared memory. */
const newRuns = new Uint8Array(5);
let newBytes = 0;

/** Replaces a run of `old` in which the register at `index` of `length` gets a value. */
function split(old: number, index: number, length: number, value: number): void {
  newBytes = 0;
  putRun(old, index);
  putRun(value, 1);
  putRun(old, length - index - 1);
}

function putRun(value: number, length: number): void {
  if (length === 0) return;
  if (value > 0) newRuns[newBytes++] = valueRun(value, length);
  else {
    if (length > zeroRunMax) newRuns[newBytes++] = XZERO | ((length - 1) >>> 8);
    newRuns[newBytes++] = (length - 1) & 0xff;
  }
}

function valueRun(value: number, length: number): number {
  return VALUE | ((value - 1) << 2) | (length - 1);
}

/**
 * Joins adjacent runs of equal value from `start` on, as Redis does. Returns the end of the runs.
 */
function join(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  let last = end;
  for (let looked = 0; looked < runsJoinedMax && at < last; looked++) {
    const joined = at + 1 < last ? joinedRun(bytes[at], bytes[at + 1]) : 0;
    if (joined === 0) {
      at += runBytes(bytes[at]);
      continue;
    }
    bytes[at + 1] = joined;
    bytes.copyWithin(at, at + 1, last);
    last--;
  }
  return last;
}

/** One run in place of two runs of the same value, or 0 if that is not possible. */
function joinedRun(one: number, other: number): number {
  if (!isValueRun(one) || !isValueRun(other) || runValue(one) !== runValue(other)) return 0;
  const length = (one & 3) + (other & 3) + 2;
  return length <= valueRunMax ? valueRun(runValue(one), length) : 0;
}
