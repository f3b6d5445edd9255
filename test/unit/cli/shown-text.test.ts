// Text of servers as a terminal may show it: nothing that a terminal would obey is left, and what
// is cut to a width has this width.

import { describe, expect, test } from "bun:test";
import {
  fitted,
  shownBytes,
  shownJson,
  shownSentence,
  shownText,
} from "../../../src/cli/shown-text.ts";

describe("shown text", () => {
  test.each([
    ["plain: ünïcode 東京 🙂", "plain: ünïcode 東京 🙂"],
    ["\x1b[31mred", "\\x1b[31mred"],
    ["a\nb\rc\td", "a\\nb\\rc\\td"],
    ["back\\slash", "back\\\\slash"],
    ["\x9b2J", "\\x9b2J"],
    ["\u202egnp.exe", "\\u202egnp.exe"],
    ["\u2028", "\\u2028"],
    ["\u{e0041}", "\\u{e0041}"],
    ["\x00\x7f", "\\x00\\x7f"],
  ])("%j is shown as %j", (text, shown) => {
    expect(shownText(text)).toBe(shown);
  });

  test("no character moves a cursor or takes no column, whatever the text", () => {
    const all = Array.from({ length: 0x11000 }, (_, code) => String.fromCodePoint(code)).join("");
    expect(shownText(all)).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
  });

  test("JSON has no character that a terminal would obey, and says the same", () => {
    const value = { "k\x1b\x9b": ["\u202e\\ \n", "\u{e0041}", 1, null, "東京"] };
    expect(shownJson(value)).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(shownJson(value)).toContain("東京");
    expect(JSON.parse(shownJson(value))).toEqual(value);
  });

  test("bytes that are no UTF-8 are escaped one by one", () => {
    expect(shownBytes(Buffer.from("k\xff\x1b\\", "latin1"))).toBe("k\\xff\\x1b\\x5c");
    expect(shownBytes(Buffer.from("größe"))).toBe("größe");
  });
});

test("a sentence stays on one line, and what it quotes is escaped once", () => {
  const sentence = `no key "${shownText("\x1b[2J")}":\nthe server said \x1b[2J`;
  expect(shownSentence(sentence)).toBe('no key "\\x1b[2J": the server said \\x1b[2J');
});

describe("fitted text", () => {
  test.each([
    ["short", 5, "short"],
    ["longer", 5, "long…"],
    ["東京都", 5, "東京…"],
    ["東京都", 4, "東…"],
    ["abc", 0, ""],
    ["abc", 1, "…"],
  ])("%j in %d columns is %j", (text, columns, expected) => {
    expect(fitted(text, columns)).toBe(expected);
    expect(Bun.stringWidth(fitted(text, columns))).toBeLessThanOrEqual(columns);
  });
});
