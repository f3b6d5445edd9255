// Reads and writes numbers as decimal text in byte ranges, without strings. Integers are limited to
// those that a double holds exactly (53 bits); readInteger64() reads Redis's full signed 64-bit
// range as a bigint.
// Hot path: no allocation except in readInteger64() and for numbers beyond 53 bits.

const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
const exactDigitsMax = 15; // every integer of 15 digits is exact in a double

/**
 * readInteger() returns this if the text is not an integer. NaN would not survive an Int32
 * comparison.
 */
export const NOT_AN_INTEGER = Number.MIN_VALUE;

/**
 * Reads a canonical decimal integer as Redis's string2ll does: no '+', no leading zeros, no spaces.
 */
export function readInteger(buf: Uint8Array, start: number, end: number): number {
  let at = start;
  const negative = at < end && buf[at] === MINUS;
  if (negative) at++;
  const digits = end - at;
  if (digits === 0 || digits > exactDigitsMax) return readLongInteger(buf, start, end);
  let value = buf[at] - ZERO;
  if (value < 0 || value > 9) return NOT_AN_INTEGER;
  if (value === 0 && (digits > 1 || negative)) return NOT_AN_INTEGER;
  for (at++; at < end; at++) {
    const digit = buf[at] - ZERO;
    if (digit < 0 || digit > 9) return NOT_AN_INTEGER;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

/** Sixteen digits or more: exact up to 2^53, rounded above; only readInteger64() is exact there. */
function readLongInteger(buf: Uint8Array, start: number, end: number): number {
  const value = readInteger64(buf, start, end);
  return value === null ? NOT_AN_INTEGER : Number(value);
}

/** The range of Redis's integers. */
export const int64Max = 9223372036854775807n;
export const int64Min = -9223372036854775808n;
const int64TextMax = 20;

/** Reads any signed 64-bit integer; null if the text is not one. */
export function readInteger64(buf: Uint8Array, start: number, end: number): bigint | null {
  const negative = start < end && buf[start] === MINUS;
  const first = negative ? start + 1 : start;
  if (first >= end || end - start > int64TextMax) return null;
  if (buf[first] === ZERO && (end - first > 1 || negative)) return null;
  let text = "";
  for (let at = first; at < end; at++) {
    if (buf[at] < ZERO || buf[at] > NINE) return null;
    text += String.fromCharCode(buf[at]);
  }
  const value = negative ? -BigInt(text) : BigInt(text);
  return value > int64Max || value < int64Min ? null : value;
}

/** The number of digits of a non-negative integer below 2^53. */
export function digitCount(value: number): number {
  let count = 1;
  for (let bound = 10; value >= bound && count < 17; bound *= 10) count++;
  return count;
}

/** Writes a non-negative integer below 2^53 at `at`; returns the position behind it. */
export function writeDigits(target: Uint8Array, at: number, value: number): number {
  const end = at + digitCount(value);
  writeDigitsBefore(target, end, value);
  return end;
}

/** As writeDigits(), but the caller has counted the digits: the last one goes just before `end`. */
export function writeDigitsBefore(target: Uint8Array, end: number, value: number): void {
  let rest = value;
  let position = end;
  while (rest > 0x7fffffff) {
    const next = Math.floor(rest / 10);
    target[--position] = ZERO + (rest - next * 10);
    rest = next;
  }
  let small = rest | 0;
  do {
    const next = (small / 10) | 0;
    target[--position] = ZERO + (small - next * 10);
    small = next;
  } while (small > 0);
}

/** Writes an integer within 53 bits, with its sign. */
export function writeInteger(target: Uint8Array, at: number, value: number): number {
  if (value >= 0) return writeDigits(target, at, value);
  target[at] = MINUS;
  return writeDigits(target, at + 1, -value);
}
