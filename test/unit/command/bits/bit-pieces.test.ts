// Counting and searching in pieces, against strings of bits: every edge of a range, on both sides
// of the borders between pieces.

import { expect, test } from "bun:test";
import { countOnes, firstBit } from "../../../../src/command/bits/bit-pieces.ts";
import { Random, seedFor } from "../../../support/seed.ts";

function sourceOf(bytes: Uint8Array) {
  return {
    copyTo(target: Uint8Array, at: number, from: number, length: number): void {
      expect(from + length).toBeLessThanOrEqual(bytes.length);
      target.set(bytes.subarray(from, from + length), at);
    },
  };
}

function bitsOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
}

/** Mostly one bit, with a few others. */
function sparse(random: Random, length: number, filler: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(filler);
  for (let i = random.below(4); i > 0; i--) bytes[random.below(length)] ^= 1 << random.below(8);
  return bytes;
}

test("the ones of any range are counted, and the first of each bit is found", () => {
  const random = new Random(seedFor("BIT_PIECES_SEED"));
  for (let round = 0; round < 300; round++) {
    const length = random.between(1, random.pick([9, 300, 2_000]));
    const filler = random.pick([0, 255]);
    const bytes = random.chance(0.3) ? random.bytes(length) : sparse(random, length, filler);
    const [source, bits] = [sourceOf(bytes), bitsOf(bytes)];
    const from = random.below(length * 8);
    const to = random.between(from + 1, length * 8);
    const part = bits.slice(from, to);
    expect(countOnes(source, from, to)).toBe(part.replaceAll("0", "").length);
    for (const bit of [0, 1]) {
      const place = part.indexOf(`${bit}`);
      expect(firstBit(source, bit, from, to)).toBe(place < 0 ? -1 : from + place);
    }
  }
});

test("what is far is found and counted across pieces", () => {
  const length = 300_001;
  for (const place of [65_535 * 8, 65_536 * 8 + 3, 131_072 * 8 - 1, length * 8 - 1]) {
    for (const bit of [0, 1]) {
      const bytes = new Uint8Array(length).fill(bit === 1 ? 0 : 255);
      bytes[place >> 3] ^= 0x80 >> (place & 7);
      const ones = countOnes(sourceOf(bytes), 5, length * 8);
      expect(ones).toBe(bit === 1 ? 1 : length * 8 - 6);
      expect(firstBit(sourceOf(bytes), bit, 5, length * 8)).toBe(place);
      expect(firstBit(sourceOf(bytes), bit, 5, place)).toBe(-1);
    }
  }
});

test("an empty range has no bits", () => {
  expect(countOnes(sourceOf(new Uint8Array(1)), 8, 8)).toBe(0);
  expect(firstBit(sourceOf(new Uint8Array(1)), 0, 8, 8)).toBe(-1);
});
