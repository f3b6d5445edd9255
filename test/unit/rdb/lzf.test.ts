// Decompression of LZF as Redis writes it. Input with a false length, or with references outside
// its output, is refused, and nothing is written past the end.

import { describe, expect, test } from "bun:test";
import { decompress } from "../../../src/rdb/lzf.ts";

describe("lzf", () => {
  test("literals, back references and overlapping references", () => {
    // "abc" as a literal, then 9 bytes from 3 back, then one literal
    const packed = Buffer.from([2, 0x61, 0x62, 0x63, (7 << 5) | 0, 0, 2, 0, 0x21]);
    expect(Buffer.from(decompress(packed, 0, packed.length, 13) ?? []).toString()).toBe(
      "abcabcabcabc!",
    );
  });

  test("input that reads before the start, past the end or to another length is refused", () => {
    expect(decompress(Buffer.from([0x20, 5]), 0, 2, 3)).toBeNull();
    expect(decompress(Buffer.from([5, 1, 2]), 0, 3, 6)).toBeNull();
    expect(decompress(Buffer.from([0, 1]), 0, 2, 2)).toBeNull();
    expect(decompress(Buffer.from([1, 1, 2]), 0, 3, 1)).toBeNull();
    expect(decompress(Buffer.from([0, 1, 0xe0]), 0, 3, 300)).toBeNull();
  });
});
