/**
 * Glob patterns: a table of the meanings that redis-server 7.0 gave them, odd ones included, a
 * comparison with a plain recursive matcher, and the bound on the work.
 */
import { describe, expect, test } from "bun:test";
import { matchesGlob } from "../../../src/base/glob.ts";
import { Random, seedFor } from "../../support/seed.ts";

function matches(pattern: string, text: string): boolean {
  const bytes = Buffer.from(`##${pattern}##${text}##`, "latin1");
  const patternEnd = 2 + pattern.length;
  const textStart = patternEnd + 2;
  return matchesGlob(bytes, 2, patternEnd, bytes, textStart, textStart + text.length);
}

const table: [pattern: string, fits: string[], fitsNot: string[]][] = [
  // An empty text is taken by the empty pattern only; KEYS and SCAN look for a lone star themselves.
  ["*", ["a", "abc"], [""]],
  ["**", ["a", "abc"], [""]],
  ["", [""], ["a"]],
  ["abc", ["abc"], ["ab", "abcd", "ABC"]],
  ["a?c", ["abc", "a?c"], ["ac", "abbc"]],
  ["a*", ["a", "abc"], ["ba"]],
  ["*a", ["a", "ba"], ["ab"]],
  ["a*b*c", ["abc", "aXbYc", "abbcc"], ["acb", "ab"]],
  ["h[ae]llo", ["hello", "hallo"], ["hillo", "hllo"]],
  ["h[^e]llo", ["hallo"], ["hello"]],
  ["[a-c]", ["a", "b", "c"], ["d", "-"]],
  ["[c-a]", ["a", "b", "c"], ["d"]],
  ["[^a-c]x", ["dx"], ["ax"]],
  ["\\*", ["*"], ["a", "\\*"]],
  ["a\\", ["a\\"], ["a"]],
  ["[\\]]", ["]"], ["\\"]],
  ["[a\\-c]", ["a", "-", "c"], ["b"]],
  // An unclosed class ends with the pattern.
  ["[ab", ["a", "b"], ["c", "ab"]],
  ["[^", ["a"], ["", "ab"]],
  ["[", [], ["[", "a"]],
  // A minus before the bracket still makes a range, up to the bracket itself.
  ["[a-]", ["a", "]", "^"], ["-", "b"]],
  ["[]", [], ["a", "]"]],
];

describe("a glob pattern", () => {
  for (const [pattern, fits, fitsNot] of table) {
    test(`${pattern || "that is empty"} takes and refuses what redis does`, () => {
      expect(fits.filter((text) => !matches(pattern, text))).toEqual([]);
      expect(fitsNot.filter((text) => matches(pattern, text))).toEqual([]);
    });
  }

  test("takes every byte, not only text", () => {
    expect(matches("\x00?\xff", "\x00\x80\xff")).toBe(true);
    expect(matches("[\x80-\xff]", "\xc3")).toBe(true);
  });

  test("orders the bytes of a range as signed ones", () => {
    expect(matches("[a-\xff]", "b")).toBe(false);
    for (const byte of ["a", "B", "\x00", "\xff"]) expect(matches("[a-\xff]", byte)).toBe(true);
    for (const byte of ["b", "\xfe", "\x80"]) expect(matches("[a-\xff]", byte)).toBe(false);
  });

  test("with stars decides as a matcher that tries everything", () => {
    const random = new Random(seedFor("glob"));
    for (let i = 0; i < 20_000; i++) {
      const pattern = letters(random, "ab?*", 8);
      const text = letters(random, "ab", 10);
      const expected = text === "" ? pattern === "" : tries(pattern, text);
      expect([pattern, text, matches(pattern, text)]).toEqual([pattern, text, expected]);
    }
  });

  test("of many stars ends in time that its lengths bound", () => {
    // Two to the power of thirty trials for a matcher that goes back to every star.
    expect(matches(`${"a*".repeat(30)}b`, "a".repeat(5_000))).toBe(false);
  });
});

function letters(random: Random, alphabet: string, lengthMax: number): string {
  return Array.from({ length: random.below(lengthMax + 1) }, () => random.pick([...alphabet])).join(
    "",
  );
}

function tries(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") {
    return tries(pattern.slice(1), text) || (text !== "" && tries(pattern, text.slice(1)));
  }
  const takes = text !== "" && (pattern[0] === "?" || pattern[0] === text[0]);
  return takes && tries(pattern.slice(1), text.slice(1));
}
