/**
 * How Redis splits a line into arguments, by examples: redis-server judges the same splitting where
 * it is used, as inline commands (conformance/framing.test.ts), first lines of libraries
 * (script/functions.test.ts) and lines of users (node/users.test.ts).
 */
import { expect, test } from "bun:test";
import { splitArguments, splitText } from "../../../src/base/redis-arguments.ts";

const lines: readonly (readonly [line: string, words: readonly string[] | null])[] = [
  ["", []],
  [" \t\r\n\v\f", []],
  ["set key value", ["set", "key", "value"]],
  ["  a\t\tb\r\n", ["a", "b"]],
  ["a\vb\fc", ["a\vb\fc"]], // both are white space only before a word
  [" \va \fb", ["a", "b"]],
  ["a\xa0b \xe9", ["a\xa0b", "\xe9"]],
  ["\"\" ''", ["", ""]],
  ['a"b c"', ["ab c"]],
  [String.raw`"\n\r\t\b\a\x41\x4g\q\""`, ['\n\r\t\b\x07Ax4gq"']],
  [String.raw`'\n\'\x41'`, [String.raw`\n'\x41`]],
  [String.raw`a\nb \"c"`, [String.raw`a\nb`, String.raw`\c`]],
  ['"a"\v"b"', ["a", "b"]],
  ['"a"b', null],
  ["'a''b'", null],
  ['"a', null],
  ["'a", null],
  [String.raw`"a\"`, null],
  ["a\0b c", ["a"]],
  ['a \0"', ["a"]],
  ['"a\0"', null],
];

test.each(lines)("%j is split into %j", (line, words) => {
  expect(splitText(line)).toEqual(words === null ? null : [...words]);
});

test("the arguments are ranges of bytes behind each other", () => {
  const line = splitArguments(Buffer.from('ab "c\\x00d" e'));
  expect(line?.bounds).toEqual([
    [0, 2],
    [2, 5],
    [5, 6],
  ]);
  expect([...(line?.bytes.subarray(0, 6) ?? [])]).toEqual([97, 98, 99, 0, 100, 101]);
});
