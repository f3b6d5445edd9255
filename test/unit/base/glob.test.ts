/**
 * Glob patterns: a table of the meanings that redis-server 7.0 gave them, odd ones included, a
 * comparison with a plain recursive matcher, and the bounds on patterns and on the work for a text.
 */
import { describe, expect, test } from "bun:test";
import { compileGlob } from "../../../src/base/glob.ts";
import { globBytesMax, globClassesMax, globPartElementsMax } from "../../../src/base/limits.ts";
import { repetitions } from "../../support/repetitions.ts";
import { Random, seedFor } from "../../support/seed.ts";

function matches(pattern: string, text: string): boolean {
  const bytes = Buffer.from(`##${pattern}##${text}##`, "latin1");
  const patternEnd = 2 + pattern.length;
  const textStart = patternEnd + 2;
  const glob = compileGlob(bytes, 2, patternEnd);
  if (glob === null) throw new Error("the pattern goes beyond the bounds");
  return glob.matches(bytes, textStart, textStart + text.length);
}

function isTaken(pattern: string): boolean {
  return compileGlob(Buffer.from(pattern, "latin1"), 0, pattern.length) !== null;
}

const table: [pattern: string, fits: string[], fitsNot: string[]][] = [
  // Only the empty pattern matches an empty text; KEYS and SCAN handle a lone star themselves.
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
    test(`${pattern || "that is empty"} matches what it matches in redis`, () => {
      expect(fits.filter((text) => !matches(pattern, text))).toEqual([]);
      expect(fitsNot.filter((text) => matches(pattern, text))).toEqual([]);
    });
  }

  test("matches any bytes, not only text", () => {
    expect(matches("\x00?\xff", "\x00\x80\xff")).toBe(true);
    expect(matches("[\x80-\xff]", "\xc3")).toBe(true);
  });

  test("treats the bytes of a range as signed", () => {
    expect(matches("[a-\xff]", "b")).toBe(false);
    for (const byte of ["a", "B", "\x00", "\xff"]) expect(matches("[a-\xff]", byte)).toBe(true);
    for (const byte of ["b", "\xfe", "\x80"]) expect(matches("[a-\xff]", byte)).toBe(false);
  });

  test("with stars and classes agrees with a backtracking matcher", () => {
    const random = new Random(seedFor("glob"));
    for (let i = 0; i < repetitions(4_000, 40_000); i++) {
      const pattern = letters(random, i % 2 === 0 ? "ab?*" : "ab?*[]^-\\\xff", 8);
      const text = letters(random, "ab-]\xff", 10);
      const expected = text === "" ? pattern === "" : tries(pattern, text);
      expect([pattern, text, matches(pattern, text)]).toEqual([pattern, text, expected]);
    }
  });

  test("with long parts agrees with a backtracking matcher", () => {
    const random = new Random(seedFor("glob"));
    const rounds = repetitions(500, 5_000);
    let fitting = 0;
    for (let i = 0; i < rounds; i++) {
      const text = letters(random, "ab", 300);
      const part = [...text.slice(random.below(20), 20 + random.below(200))]
        .map((byte) =>
          random.pick([byte, byte, byte, "?", "[ab]", `[^${byte === "a" ? "b" : "a"}]`]),
        )
        .join("");
      const pattern = `*${part}${random.pick(["", "", "a", "?"])}*`;
      const expected = text !== "" && tries(pattern, text);
      if (expected) fitting++;
      expect([pattern, text, matches(pattern, text)]).toEqual([pattern, text, expected]);
    }
    expect(fitting).toBeGreaterThan(rounds / 10);
  });

  test("is accepted up to the bounds and refused beyond", () => {
    expect(isTaken("a".repeat(globBytesMax))).toBe(true);
    expect(isTaken("a".repeat(globBytesMax + 1))).toBe(false);
    expect(isTaken("[ab]".repeat(globClassesMax))).toBe(true);
    expect(isTaken("[ab]".repeat(globClassesMax + 1))).toBe(false);
    const part = "a".repeat(globPartElementsMax);
    expect(isTaken(`${part}a*${part}*${part}a`)).toBe(true);
    expect(isTaken(`*${part}a*`)).toBe(false);
  });

  test("with many stars takes time bounded by its length and the text's", () => {
    // A matcher that backtracks to every star would need 2^30 trials.
    expect(matches(`${"a*".repeat(30)}b`, "a".repeat(5_000))).toBe(false);
  });

  const kilobytes = 16 * 1024;
  test.each([
    ["a class of sixteen thousand bytes", `*[${"a".repeat(kilobytes)}]b`],
    ["a part of a thousand bytes", `*${"a".repeat(1000)}b*`],
    ["a part of a thousand classes", `*${"[ac]".repeat(1000)}b*`],
    ["three thousand stars", `${"*a?".repeat(3000)}*b`],
  ])("with %s is compared with a hundred long texts in a moment", (_, pattern) => {
    const glob = compileGlob(Buffer.from(pattern), 0, pattern.length);
    const text = Buffer.alloc(kilobytes, "a");
    const begun = performance.now();
    for (let i = 0; i < 100; i++) expect(glob?.matches(text, 0, text.length)).toBe(false);
    // Takes 0.1 s on an idle machine; comparing every place takes 40 s.
    expect(performance.now() - begun).toBeLessThan(10_000);
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
  if (text === "") return false;
  const [takes, rest] = takesOne(pattern, text[0]);
  return takes && tries(rest, text.slice(1));
}

/** Whether the first element takes the byte, and the pattern behind it. */
function takesOne(pattern: string, byte: string): [boolean, string] {
  const [first, second] = pattern;
  if (first === "?") return [true, pattern.slice(1)];
  if (first === "[") return takesClass(pattern.slice(1), byte);
  if (first === "\\" && second !== undefined) return [second === byte, pattern.slice(2)];
  return [first === byte, pattern.slice(1)];
}

function takesClass(pattern: string, byte: string): [boolean, string] {
  const negated = pattern[0] === "^";
  let rest = negated ? pattern.slice(1) : pattern;
  let found = false;
  while (rest !== "" && rest[0] !== "]") {
    const isRange = rest[1] === "-" && rest.length > 2;
    if (rest[0] === "\\" && rest.length > 1) {
      found ||= rest[1] === byte;
      rest = rest.slice(2);
    } else if (isRange) {
      const ends = [rest[0], rest[2]].map(signed).sort((a, b) => a - b);
      found ||= signed(byte) >= ends[0] && signed(byte) <= ends[1];
      rest = rest.slice(3);
    } else {
      found ||= rest[0] === byte;
      rest = rest.slice(1);
    }
  }
  return [found !== negated, rest.slice(1)];
}

function signed(byte: string): number {
  return (byte.charCodeAt(0) << 24) >> 24;
}
