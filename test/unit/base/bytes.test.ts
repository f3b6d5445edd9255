/**
 * Comparing parts of byte arrays, by a loop and, if they are long, natively. Copies are not judged
 * here.
 */
import { expect, test } from "bun:test";
import { sameBytes } from "../../../src/base/bytes.ts";

const margin = 3;

test("parts are the same if each of their bytes is, whatever is around them", () => {
  for (const length of [0, 1, 5, 40, 64, 65, 200]) {
    const one = Uint8Array.from({ length: length + margin }, (_, i) => (i * 37) & 0xff);
    const other = new Uint8Array(length + 2 * margin).fill(0xee);
    other.set(one.subarray(1, 1 + length), margin);
    expect(sameBytes(one, 1, other, margin, length)).toBe(true);
    for (let i = 0; i < length; i++) {
      other[margin + i] ^= 0x80;
      expect(sameBytes(one, 1, other, margin, length)).toBe(false);
      other[margin + i] ^= 0x80;
    }
  }
});
