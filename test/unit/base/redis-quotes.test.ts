/**
 * Quotes as Redis writes and reads them. That redis-cli writes them so is judged by
 * test/cli/redis-cli.test.ts.
 */
import { expect, test } from "bun:test";
import { quoted, unescaped } from "../../../src/base/redis-quotes.ts";

test("every byte comes back from between its quotes, all of it printable", () => {
  for (let byte = 0; byte < 256; byte++) {
    const text = quoted(`a${String.fromCharCode(byte)}b`);
    expect(text).toMatch(/^"[ -~]+"$/);
    expect(unescaped(text.slice(1, -1))).toBe(`a${String.fromCharCode(byte)}b`);
  }
});

test("what has a letter of its own gets it, and the rest two digits", () => {
  expect(quoted('\\"\n\r\t\x07\b\0\xff')).toBe('"\\\\\\"\\n\\r\\t\\a\\b\\x00\\xff"');
  expect(unescaped("\\x4A\\X4a\\q")).toBe("JJq");
});
