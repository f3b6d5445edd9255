// Numbers as the C library's strtod() reads them: decimal, hexadecimal with a binary exponent,
// infinity and NaN in any case, and as much of the text as makes one; but none of more bytes than
// the VM's own reads.
// Invariant: nothing is read beyond the NUL that ends the text.

import { numeralBytesMax } from "../base/limits/script-limits.ts";

export interface ScannedNumber {
  readonly value: number;
  readonly end: number;
  /** For NaN, whose sign JavaScript does not show. */
  readonly isNegative: boolean;
}

const decimal = /^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/;
const hexadecimal = /^0[xX]([0-9a-fA-F]+)?(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?\d+))?/;
const infinity = /^inf(?:inity)?/i;
const notNumber = /^nan(?:\([0-9a-zA-Z_]*\))?/i;
/** Most digits that are read in one piece; a longer number is looked at to its end. */
const shortChars = 32;

/** The number that begins at `start`; null, if none does. */
export function scanNumber(bytes: Uint8Array, start: number): ScannedNumber | null {
  const short = scanInteger(bytes, start);
  if (short !== null) return short;
  const sign = bytes[start] === 0x2d || bytes[start] === 0x2b ? 1 : 0;
  const isNegative = bytes[start] === 0x2d;
  const text = textFrom(bytes, start + sign);
  const found = scanText(text);
  if (found === null || found.length >= numeralBytesMax) return null;
  const value = isNegative ? -found.value : found.value;
  return { value, end: start + sign + found.length, isNegative };
}

const integerDigitsMax = 15;

/** The usual case: an integer of few digits, with nothing of a number behind it. */
function scanInteger(bytes: Uint8Array, start: number): ScannedNumber | null {
  const isNegative = bytes[start] === 0x2d;
  const first = isNegative ? start + 1 : start;
  let at = first;
  let value = 0;
  for (let byte = bytes[at]; byte >= 0x30 && byte <= 0x39; byte = bytes[++at]) {
    if (at - first === integerDigitsMax) return null;
    value = value * 10 + byte - 0x30;
  }
  if (at === first) return null;
  const next = bytes[at] | 0x20;
  if (bytes[at] === 0x2e || next === 0x65 || next === 0x78) return null;
  return { value: isNegative ? -value : value, end: at, isNegative };
}

/** The bytes that may belong to a number, as text. */
function textFrom(bytes: Uint8Array, start: number): string {
  let end = start;
  while (end - start < numeralBytesMax && isNumeric(bytes[end])) end++;
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

function isNumeric(byte: number): boolean {
  if (byte >= 0x30 && byte <= 0x39) return true;
  const lower = byte | 0x20;
  if (lower >= 0x61 && lower <= 0x7a) return true;
  return (
    byte === 0x2e ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x28 ||
    byte === 0x29 ||
    byte === 0x5f
  );
}

function scanText(text: string): { value: number; length: number } | null {
  const hex = hexadecimal.exec(text);
  if (hex !== null && (hex[1] ?? "") + (hex[2] ?? "") !== "") return hexNumber(hex);
  const plain = decimal.exec(text);
  if (plain !== null) return { value: Number(plain[0]), length: plain[0].length };
  const endless = infinity.exec(text);
  if (endless !== null) return { value: Infinity, length: endless[0].length };
  const none = notNumber.exec(text);
  return none === null ? null : { value: Number.NaN, length: none[0].length };
}

function hexNumber(found: RegExpExecArray): { value: number; length: number } {
  const [all, whole = "", fraction = "", power = "0"] = found;
  const digits = BigInt(`0x${whole}${fraction}`);
  const exponent = Number(power) - 4 * fraction.length;
  return { value: scaled(digits, exponent), length: all.length };
}

/** `digits` times two to the `exponent`, rounded once. */
function scaled(digits: bigint, exponent: number): number {
  if (digits === 0n) return 0;
  if (exponent > 5000) return Infinity;
  if (exponent < -5000 - 4 * shortChars) return 0;
  if (exponent >= 0) return Number(digits << BigInt(exponent));
  return divided(digits, BigInt(-exponent));
}

/** Keeps 64 bits and whether anything was cut off, which is all that rounding needs. */
function divided(digits: bigint, places: bigint): number {
  const bits = BigInt(digits.toString(2).length);
  const spare = bits - 64n;
  const power = Number(-places);
  if (spare <= 0n) return Number(digits) * 2 ** power;
  const kept = digits >> spare;
  const rest = digits === kept << spare ? 0n : 1n;
  return Number(kept | rest) * 2 ** (power + Number(spare));
}
