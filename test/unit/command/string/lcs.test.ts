/**
 * LCS: its options, its bounds, and its arithmetic against the plain table of redis 7.0, pair by
 * pair. The differential fuzz compares it with a redis-server as well.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { CommonSubsequence } from "../../../../src/command/string/common-subsequence.ts";
import { Random, seedFor } from "../../../support/seed.ts";
import { Bed, bulk, notAnInteger, now, syntaxError } from "../bed.ts";

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
  bed.run("MSET", "a", "ohmytext", "b", "mynewtext");
});

describe("LCS", () => {
  test("returns the subsequence, or with LEN its length", () => {
    expect(bed.run("LCS", "a", "b")).toBe(bulk("mytext"));
    expect(bed.run("LCS", "a", "b", "len")).toBe(":6\r\n");
  });

  test("with IDX returns the ranges from the last to the first", () => {
    const last = "*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n";
    const first = "*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n";
    const found = (matches: string) => `*4\r\n${bulk("matches")}${matches}${bulk("len")}:6\r\n`;
    expect(bed.run("LCS", "a", "b", "IDX")).toBe(found(`*2\r\n${last}${first}`));
    expect(bed.run("LCS", "a", "b", "IDX", "MINMATCHLEN", 3)).toBe(found(`*1\r\n${last}`));
    const withLength = last.replace("*2", "*3");
    expect(bed.run("LCS", "a", "b", "WITHMATCHLEN", "MINMATCHLEN", 4, "IDX")).toBe(
      found(`*1\r\n${withLength}:4\r\n`),
    );
    expect(bed.run("LCS", "a", "b", "IDX", "MINMATCHLEN", 5)).toBe(found("*0\r\n"));
  });

  test("takes a missing or expired key for an empty value", () => {
    bed.run("PEXPIRE", "b", 1);
    bed.x.now = now + 1;
    expect(bed.run("LCS", "a", "b")).toBe(bulk(""));
    expect(bed.run("LCS", "none", "none", "LEN")).toBe(":0\r\n");
    expect(bed.run("LCS", "a", "none", "IDX")).toBe(
      `*4\r\n${bulk("matches")}*0\r\n${bulk("len")}:0\r\n`,
    );
  });

  test("of a key with itself is its value", () => {
    expect(bed.run("LCS", "a", "a")).toBe(bulk("ohmytext"));
  });

  const ambiguous = "-ERR If you want both the length and indexes, please just use IDX.\r\n";
  test.each([
    ["FOO", syntaxError],
    ["MINMATCHLEN", syntaxError],
    ["MINMATCHLEN x", notAnInteger],
    ["LEN IDX", ambiguous],
    ["IDX MINMATCHLEN 1.5 LEN", notAnInteger],
  ])("refuses %s", (options, reply) => {
    expect(bed.run("LCS", "a", "b", ...options.split(" "))).toBe(reply);
  });

  test("refuses values for which Redis's table would exceed 512 MiB, and more than 1 MiB", () => {
    const text =
      "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n";
    bed.run("SET", "a", "x".repeat(11_584));
    bed.run("SET", "b", "x".repeat(11_585));
    expect(bed.run("LCS", "a", "a", "LEN")).toBe(":11584\r\n");
    expect(bed.run("LCS", "a", "b", "LEN")).toBe(text);
    bed.run("SET", "a", "x".repeat(1024 * 1024 - 3));
    bed.run("SET", "b", "xyz");
    expect(bed.run("LCS", "a", "b")).toBe(bulk("x"));
    bed.run("SET", "b", "xyz!");
    expect(bed.run("LCS", "a", "b")).toBe(text);
  });

  test("records nothing", () => {
    bed.recorded();
    bed.run("LCS", "a", "b");
    expect(bed.recorded()).toEqual([]);
  });
});

/** The table and the way back of redis 7.0's lcsCommand, as they are described there. */
function plainTable(a: Uint8Array, b: Uint8Array) {
  const table = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const best = Math.max(table[i - 1][j], table[i][j - 1]);
      table[i][j] = a[i - 1] === b[j - 1] ? table[i - 1][j - 1] + 1 : best;
    }
  }
  const pairs: [number, number][] = [];
  for (let i = a.length, j = b.length; i > 0 && j > 0; ) {
    if (a[i - 1] === b[j - 1]) pairs.push([--i, --j]);
    else if (table[i - 1][j] > table[i][j - 1]) i--;
    else j--;
  }
  return { length: table[a.length][b.length], pairs };
}

test("rows of bits lead back the same way as Redis's table", () => {
  const random = new Random(seedFor("LCS_SEED"));
  for (let round = 0; round < 400; round++) {
    const kinds = random.pick([1, 2, 4, 26, 256]);
    const draw = () => Uint8Array.from({ length: random.below(140) }, () => random.below(kinds));
    const [a, b] = [draw(), draw()];
    const wanted = plainTable(a, b);
    const common = new CommonSubsequence(a, b, true);
    const pairs = common.ranges().flatMap(({ first, second, length }) => {
      return Array.from({ length }, (_, i) => [first + length - 1 - i, second + length - 1 - i]);
    });
    expect([common.length, pairs]).toEqual([wanted.length, wanted.pairs]);
    expect([...common.text()]).toEqual(wanted.pairs.map(([i]) => a[i]).reverse());
    expect(new CommonSubsequence(a, b, false).length).toBe(wanted.length);
  }
});
