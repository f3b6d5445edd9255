// Replies of the console in the manner of redis-cli, nested lists and bytes that are no text too.
// Nothing is run.

import { expect, test } from "bun:test";
import { replyText } from "../../../src/dashboard/reply-text.ts";

test("plain replies", () => {
  expect(
    ["OK", 'a\tb"', 7, null, true, { base64: "AP8=" }].map((reply) => replyText(reply)),
  ).toEqual([
    ...["OK", String.raw`"a\x09b\""`, "(integer) 7", "(nil)", "(true)", String.raw`"\x00\xff"`],
  ]);
});

test("lists are numbered, and inner ones are indented", () => {
  expect(replyText([])).toBe("(empty array)");
  expect(replyText(["a", ["b", 1]])).toBe('1) "a"\n2) 1) "b"\n   2) (integer) 1');
  expect(replyText(Array(10).fill(1)).split("\n")[0]).toBe(" 1) (integer) 1");
});

test("maps, errors within lists, and text of several lines", () => {
  expect(replyText({ a: 1, b: { c: "d" } })).toBe('a => (integer) 1\nb => \n   c => "d"');
  expect(replyText([{ error: "ERR no" }])).toBe("1) (error) ERR no");
  expect(replyText("# Server\r\nport:1\r\n")).toBe("# Server\r\nport:1");
});
