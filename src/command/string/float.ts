// The arithmetic of INCRBYFLOAT. Redis adds in x87 `long double` and prints with %.17Lf, and
// clients see those digits. Here a number is a bigint mantissa times a power of two: it is read and
// added exactly, then rounded to the 64 bits and the exponent range of that format, ties to even.
// It reads decimal and hexadecimal notation as strtold does, and does not use the store or replies.
// Invariant: the mantissa of a LongDouble has at most 64 bits.

import { latin1 } from "../../base/bytes.ts";

export interface LongDouble {
  /** Signed. For infinity, only the sign counts. */
  readonly mantissa: bigint;
  readonly exponent: number;
  readonly infinite: boolean;
}

const mantissaBits = 64;
/** Weight of the last bit of the smallest subnormal number. */
const exponentMin = -16445;
/** Numbers of 2^16384 and more are infinite. */
const magnitudeBitsMax = 16384;
/** Longest text of a number, bytes: one less than redis's MAX_LONG_DOUBLE_CHARS. */
export const longDoubleTextMax = 5 * 1024 - 1;
/** The powers of ten that bound every number; others are refused before any power is computed. */
const decimalExponentMax = 4933;
const decimalExponentMin = -4960;
const binaryExponentBound = 40_000;

const fractionDigits = 17;
const fractionScale = 10n ** BigInt(fractionDigits);

const decimalForm = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const hexForm = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i;
const infinityForm = /^([+-]?)inf(?:inity)?$/i;

/**
 * Reads a number as Redis's string2ld does. Null if it is not a number, overflows or underflows.
 */
export function readLongDouble(buf: Uint8Array, start: number, end: number): LongDouble | null {
  if (end - start > longDoubleTextMax) return null;
  const text = latin1(buf, start, end);
  const infinity = infinityForm.exec(text);
  if (infinity !== null) {
    return { mantissa: infinity[1] === "-" ? -1n : 1n, exponent: 0, infinite: true };
  }
  const hex = hexForm.exec(text);
  if (hex !== null) return readHex(hex);
  const decimal = decimalForm.exec(text);
  return decimal === null ? null : readDecimal(decimal);
}

/** The sum, or null if it is infinite or not a number. */
export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble | null {
  if (a.infinite || b.infinite) return null;
  const exponent = Math.min(a.exponent, b.exponent);
  const left = a.mantissa << BigInt(a.exponent - exponent);
  const right = b.mantissa << BigInt(b.exponent - exponent);
  return rounded(left + right, exponent);
}

export function negated(value: LongDouble): LongDouble {
  return { ...value, mantissa: -value.mantissa };
}

/** Below 0 if `a` is less than `b`, above 0 if it is more. */
export function compareLongDoubles(a: LongDouble, b: LongDouble): number {
  if (a.infinite || b.infinite) return weightOf(a) - weightOf(b);
  const exponent = Math.min(a.exponent, b.exponent);
  const left = a.mantissa << BigInt(a.exponent - exponent);
  const right = b.mantissa << BigInt(b.exponent - exponent);
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Among infinities and finite numbers. */
function weightOf({ infinite, mantissa }: LongDouble): number {
  if (!infinite) return 0;
  return mantissa < 0n ? -1 : 1;
}

/** Like printf("%.17Lf"), without trailing zeros. */
export function formatLongDouble(value: LongDouble): string {
  const negative = value.mantissa < 0n;
  const scaled = scaledToFraction(negative ? -value.mantissa : value.mantissa, value.exponent);
  const whole = (scaled / fractionScale).toString();
  const fraction = (scaled % fractionScale).toString().padStart(fractionDigits, "0");
  const sign = negative && scaled !== 0n ? "-" : "";
  return `${sign}${whole}.${fraction}`.replace(/\.?0+$/, "");
}

// ---- reading ------------------------------------------------------------------------------------

function readDecimal([
  ,
  sign,
  whole,
  fraction = "",
  exponent = "0",
]: readonly string[]): LongDouble | null {
  if (whole.length + fraction.length === 0) return null;
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  if (digits === "") return zero;
  const power = Number(exponent) - fraction.length;
  const magnitude = digits.length + power;
  if (magnitude > decimalExponentMax || magnitude < decimalExponentMin) return null;
  const integer = BigInt(sign === "-" ? `-${digits}` : digits);
  const number =
    power >= 0 ? rounded(integer * 10n ** BigInt(power), 0) : quotient(integer, -power);
  return nonZero(number);
}

function readHex([
  ,
  sign,
  whole,
  fraction = "",
  exponent = "0",
]: readonly string[]): LongDouble | null {
  if (whole.length + fraction.length === 0) return null;
  const magnitude = BigInt(`0x${whole}${fraction}`);
  if (magnitude === 0n) return zero;
  const power = Number(exponent) - 4 * fraction.length;
  if (power > binaryExponentBound || power < -binaryExponentBound) return null;
  return nonZero(rounded(sign === "-" ? -magnitude : magnitude, power));
}

/** integer / 10^power, with enough bits for rounding and a sticky bit for the remainder. */
function quotient(integer: bigint, power: number): LongDouble | null {
  const divisor = 10n ** BigInt(power);
  const shift = Math.max(0, mantissaBits + 2 + bitLength(divisor) - bitLength(integer));
  const dividend = integer << BigInt(shift);
  const whole = dividend / divisor;
  const rest = dividend % divisor;
  const sticky = rest === 0n ? 0n : rest > 0n ? 1n : -1n;
  return rounded(whole * 2n + sticky, -shift - 1);
}

export const zero: LongDouble = { mantissa: 0n, exponent: 0, infinite: false };
/** The largest finite number (LDBL_MAX). */
export const largest: LongDouble = {
  mantissa: (1n << BigInt(mantissaBits)) - 1n,
  exponent: magnitudeBitsMax - mantissaBits,
  infinite: false,
};

/** A nonzero number that rounds to zero is out of range, as in strtold. */
function nonZero(number: LongDouble | null): LongDouble | null {
  return number === null || number.mantissa === 0n ? null : number;
}

// ---- rounding -----------------------------------------------------------------------------------

/** mantissa * 2^exponent, rounded to the format, or null above its range. */
function rounded(mantissa: bigint, exponent: number): LongDouble | null {
  const negative = mantissa < 0n;
  const magnitude = negative ? -mantissa : mantissa;
  const surplus = Math.max(bitLength(magnitude) - mantissaBits, exponentMin - exponent, 0);
  const kept = shiftedRight(magnitude, surplus);
  if (bitLength(kept) + exponent + surplus > magnitudeBitsMax) return null;
  return { mantissa: negative ? -kept : kept, exponent: exponent + surplus, infinite: false };
}

/** magnitude / 2^bits, rounded to the nearest integer, ties to even. */
function shiftedRight(magnitude: bigint, bits: number): bigint {
  if (bits === 0) return magnitude;
  const shift = BigInt(bits);
  const whole = magnitude >> shift;
  const rest = magnitude - (whole << shift);
  const half = 1n << (shift - 1n);
  const up = rest > half || (rest === half && (whole & 1n) === 1n);
  return up ? whole + 1n : whole;
}

function scaledToFraction(magnitude: bigint, exponent: number): bigint {
  const scaled = magnitude * fractionScale;
  return exponent >= 0 ? scaled << BigInt(exponent) : shiftedRight(scaled, -exponent);
}

function bitLength(value: bigint): number {
  const hex = (value < 0n ? -value : value).toString(16);
  return value === 0n ? 0 : 4 * hex.length - Math.clz32(Number.parseInt(hex[0], 16)) + 28;
}
