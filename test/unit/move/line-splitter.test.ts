/**
 * Lines of bytes that arrive in chunks: wherever they are cut, the same lines come out, and one
 * that is too long is skipped.
 */

import { expect, test } from "bun:test";
import { LineSplitter } from "../../../src/move/line-splitter.ts";

function linesOf(chunks: readonly string[], lineBytesMax = 100): string[] {
  const seen: string[] = [];
  const taker = {
    line: (bytes: Uint8Array, start: number, end: number, number: number) => {
      seen.push(`${number}:${new TextDecoder().decode(bytes.subarray(start, end))}`);
    },
    tooLong: (number: number) => seen.push(`${number} is too long`),
  };
  const splitter = new LineSplitter(taker, lineBytesMax);
  for (const chunk of chunks) splitter.push(new TextEncoder().encode(chunk));
  splitter.finish();
  return seen;
}

test("lines are the same wherever the bytes are cut", () => {
  const text = "first\n\nthird\r\nlast";
  const wanted = ["1:first", "2:", "3:third", "4:last"];
  for (let cut = 0; cut <= text.length; cut++) {
    expect(linesOf([text.slice(0, cut), text.slice(cut)])).toEqual(wanted);
  }
  expect(linesOf([...text])).toEqual(wanted);
});

test("an end of line at the end begins no further line", () => {
  expect(linesOf(["a\n", "b\n"])).toEqual(["1:a", "2:b"]);
  expect(linesOf([])).toEqual([]);
});

test("a line that is too long is skipped, in one chunk or in many, and the next one is read", () => {
  const long = "x".repeat(101);
  expect(linesOf([`${long}\nb\n`])).toEqual(["1 is too long", "2:b"]);
  expect(linesOf([...long, "\nb"])).toEqual(["1 is too long", "2:b"]);
  expect(linesOf(["x".repeat(100), "\nb"])).toEqual([`1:${"x".repeat(100)}`, "2:b"]);
});
