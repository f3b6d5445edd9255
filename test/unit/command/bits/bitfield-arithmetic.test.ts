// The integers of BITFIELD against the same arithmetic on strings of bits, and the replies of redis
// 7.0 for numbers that do not fit their width.

import { describe, expect, test } from "bun:test";
import {
  added,
  type FieldType,
  fieldBytes,
  type Overflow,
  readField,
  writeField,
} from "../../../../src/command/bits/bitfield-arithmetic.ts";
import { Random, seedFor } from "../../../support/seed.ts";

const windowBytes = 9;

function bitsOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
}

function numberOf(bits: string, signed: boolean): bigint {
  const value = BigInt(`0b${bits}`);
  return signed && bits[0] === "1" ? value - (1n << BigInt(bits.length)) : value;
}

function typeOf(text: string): FieldType {
  return { signed: text[0] === "i", bits: Number(text.slice(1)) };
}

test("a field is read and written at any bit, without changing the bits around it", () => {
  const random = new Random(seedFor("BITFIELD_SEED"));
  for (let round = 0; round < 5_000; round++) {
    const signed = random.chance(0.5);
    const type = { signed, bits: random.between(1, signed ? 64 : 63) };
    const shift = random.below(8);
    const bytes = new Uint8Array(random.bytes(windowBytes));
    const before = bitsOf(bytes);
    const end = shift + type.bits;
    expect(fieldBytes(shift, type)).toBe(Math.ceil(end / 8));
    expect(readField(bytes, shift, type)).toBe(numberOf(before.slice(shift, end), signed));
    const value = BigInt.asIntN(64, random.bytes(8).readBigUInt64LE());
    writeField(bytes, shift, type, value);
    const written = BigInt.asUintN(type.bits, value).toString(2).padStart(type.bits, "0");
    expect(bitsOf(bytes)).toBe(before.slice(0, shift) + written + before.slice(end));
  }
});

const least = -(2n ** 63n);

/** [type, value, increment, wrapped, saturated]: neither where the sum fits. */
const sums: readonly (readonly [string, bigint, bigint, bigint, bigint])[] = [
  ["u8", 200n, 55n, 255n, 255n],
  ["u8", 200n, 56n, 0n, 255n],
  ["u8", 5n, -6n, 255n, 0n],
  ["u8", 300n, 0n, 44n, 255n],
  ["u8", -1n, 0n, 255n, 255n],
  ["u63", 2n ** 63n - 1n, 1n, 0n, 2n ** 63n - 1n],
  ["i8", 100n, 27n, 127n, 127n],
  ["i8", 100n, 28n, -128n, 127n],
  ["i8", -100n, -29n, 127n, -128n],
  ["i8", -300n, 0n, -44n, -128n],
  ["i1", 0n, 1n, -1n, 0n],
  ["i64", 2n ** 63n - 1n, 1n, least, 2n ** 63n - 1n],
  ["i64", least, -1n, 2n ** 63n - 1n, least],
  ["i64", -1n, least, 2n ** 63n - 1n, least],
  ["i64", 5n, least, least + 5n, least + 5n],
  // The distance to the upper end does not fit 64 bits, and redis saturates there.
  ["i63", least, 0n, 0n, 2n ** 62n - 1n],
];

describe.each(sums)("%s %p + %p", (text, value, increment, wrapped, saturated) => {
  const type = typeOf(text);
  const by = (overflow: Overflow) => added(type, value, increment, overflow);

  test("wraps around", () => expect(by("wrap")).toBe(wrapped));
  test("stays at the end of the range", () => expect(by("sat")).toBe(saturated));
  test("fails only if it does not fit", () => {
    const fits = wrapped === saturated && wrapped === value + increment;
    expect(by("fail")).toBe(fits ? wrapped : null);
  });
});
