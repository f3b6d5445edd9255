// The dense registers of a HyperLogLog: 6 bits each, starting at the low end of each byte, 12,288
// bytes in all. They are in a buffer of the caller, after the header, which this file does not
// interpret.

import { registerCount } from "./element-hash.ts";

const widthBits = 6;
const valueMask = (1 << widthBits) - 1;
export const denseBytes = (registerCount * widthBits) / 8;

export function readDense(bytes: Uint8Array, start: number, register: number): number {
  const bit = register * widthBits;
  const at = start + (bit >>> 3);
  // The last register ends with its byte, so the bits read from the next byte are masked out.
  const pair = bytes[at] | ((bytes[at + 1] ?? 0) << 8);
  return (pair >>> (bit & 7)) & valueMask;
}

/** Raises an array of registers, a byte each, to these. Four registers are in three bytes. */
export function raiseAllFromDense(bytes: Uint8Array, start: number, registers: Uint8Array): void {
  let at = start;
  for (let i = 0; i < registerCount; i += 4) {
    const word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
    at += 3;
    if (word === 0) continue;
    raise(registers, i, word & valueMask);
    raise(registers, i + 1, (word >>> widthBits) & valueMask);
    raise(registers, i + 2, (word >>> (2 * widthBits)) & valueMask);
    raise(registers, i + 3, word >>> (3 * widthBits));
  }
}

function raise(registers: Uint8Array, register: number, value: number): void {
  if (registers[register] < value) registers[register] = value;
}

/** Raises a register to a value. Returns false if it already is as high. */
export function raiseDense(
  bytes: Uint8Array,
  start: number,
  register: number,
  value: number,
): boolean {
  if (readDense(bytes, start, register) >= value) return false;
  const bit = register * widthBits;
  const at = start + (bit >>> 3);
  const shift = bit & 7;
  const pair = bytes[at] | (bytes[at + 1] << 8);
  const raised = (pair & ~(valueMask << shift)) | (value << shift);
  bytes[at] = raised;
  if (shift + widthBits > 8) bytes[at + 1] = raised >>> 8;
  return true;
}
