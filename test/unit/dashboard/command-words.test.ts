// Lines of the console as redis-cli reads them: quotes, escapes, and what cannot be read. No node
// runs them here.

import { expect, test } from "bun:test";
import { commandWords } from "../../../src/dashboard/command-words.ts";

const words = (line: string) =>
  commandWords(line)?.map((word) => Buffer.from(word).toString("latin1")) ?? null;

test("spaces separate, and quotes hold together", () => {
  expect(words("  SET  a\t'b c' \"d e\" ")).toEqual(["SET", "a", "b c", "d e"]);
  expect(words("")).toEqual([]);
  expect(words("SET a '' \"\"")).toEqual(["SET", "a", "", ""]);
  expect(words("ECHO a'b")).toEqual(["ECHO", "a'b"]);
});

test("escapes of double quotes are bytes", () => {
  expect(words(String.raw`"\x00\xff\n\r\t\\\"\q"`)).toEqual(['\x00\xff\n\r\t\\"q']);
});

test("in single quotes only the quote is escaped", () => {
  expect(words(String.raw`'it\'s \n'`)).toEqual(["it's \\n"]);
});

test("text is UTF-8, inside and outside of quotes", () => {
  const bytes = Buffer.from("ü😀").toString("latin1");
  expect(words('ü😀 "ü😀"')).toEqual([bytes, bytes]);
});

test("an open quote, or one with something after it, is no command", () => {
  expect(['"a', "'a", '"a"b', "'a'b", '"a\\'].map(words)).toEqual([null, null, null, null, null]);
});
