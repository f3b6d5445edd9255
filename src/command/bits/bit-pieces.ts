// Counts bits of a value and finds the first 0 or 1, in pieces of 64 KiB that are read as words of
// 32 bits. Pure: it takes what can copy its bytes, and knows neither keys nor requests.
// Invariant: ranges are in bits, from the first up to, not including, the end.

import type { ByteSource } from "../../base/bytes.ts";

const wordBytes = 4;
/** A multiple of the word; within the processor's cache. */
const pieceBytes = 64 * 1024;
/** A search begins with a small piece, as what it looks for is often near. */
const firstPieceBytes = 256;

/** Scratch of one call: the same bytes twice. */
const piece = new Uint8Array(pieceBytes);
const words = new Int32Array(piece.buffer);

const zeros = new Uint8Array(pieceBytes);
const ones = new Uint8Array(pieceBytes).fill(0xff);
/**
 * Works on any Uint8Array, since Buffer is a subclass. It skips 64 MB of zeros in 2 ms, a loop over
 * their words in 19 (measured).
 */
const nativeCompare = Buffer.prototype.compare;

/** The number of ones. */
export function countOnes(source: ByteSource, from: number, to: number): number {
  const end = Math.ceil(to / 8);
  let count = 0;
  for (let at = Math.floor(from / 8); at < end; at += pieceBytes) {
    count += onesIn(loadPiece(source, at, Math.min(pieceBytes, end - at), from, to, 0));
  }
  return count;
}

/** The position of the first such bit, or -1. */
export function firstBit(source: ByteSource, bit: number, from: number, to: number): number {
  const end = Math.ceil(to / 8);
  const filler = bit === 1 ? 0 : -1;
  let most = firstPieceBytes;
  for (let at = Math.floor(from / 8); at < end; at += most, most = Math.min(pieceBytes, most * 4)) {
    const used = loadPiece(source, at, Math.min(most, end - at), from, to, filler);
    const found = firstOther(used, filler);
    if (found >= 0) return at * 8 + found;
  }
  return -1;
}

/**
 * Loads bytes into the piece. Bits outside of the range, up to the end of the last word, become
 * those of `filler`, 0 or -1. Returns the number of words.
 */
function loadPiece(
  source: ByteSource,
  at: number,
  length: number,
  from: number,
  to: number,
  filler: number,
): number {
  source.copyTo(piece, 0, at, length);
  const before = from - at * 8;
  if (before > 0) fillBits(0, 0xff00 >>> before, filler);
  const behind = (at + length) * 8 - to;
  if (behind > 0) fillBits(length - 1, 0xff >>> (8 - behind), filler);
  const used = Math.ceil(length / wordBytes);
  piece.fill(filler & 0xff, length, used * wordBytes);
  return used;
}

function fillBits(index: number, mask: number, filler: number): void {
  piece[index] = (piece[index] & ~mask) | (filler & mask);
}

/** Adds the words up in fields of 2, then 4, then 8 bits, without a table or a branch. */
function onesIn(used: number): number {
  let count = 0;
  for (let i = 0; i < used; i++) {
    let word = words[i];
    word -= (word >>> 1) & 0x55555555;
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
    word = (word + (word >>> 4)) & 0x0f0f0f0f;
    count += Math.imul(word, 0x01010101) >>> 24;
  }
  return count;
}

/** The position of the first bit in the words that is not the filler's, or -1. */
function firstOther(used: number, filler: number): number {
  const length = used * wordBytes;
  const same = filler === 0 ? zeros : ones;
  if (nativeCompare.call(piece, same, 0, length, 0, length) === 0) return -1;
  let word = 0;
  while (words[word] === filler) word++;
  let at = word * wordBytes;
  while (piece[at] === (filler & 0xff)) at++;
  return at * 8 + Math.clz32((piece[at] ^ filler) & 0xff) - 24;
}
