/**
 * Which options of SET, GETEX and MSETEX can be combined, and the absolute times of their
 * arguments. The outcomes are those of redis-server 7.0, and of 8.4 for what it added.
 */

import { describe, expect, test } from "bun:test";
import { NOT_AN_INTEGER } from "../../../../src/base/ascii.ts";
import { isWord } from "../../../../src/command/core/words.ts";
import { OUT_OF_RANGE, readMoment } from "../../../../src/command/generic/expiry-time.ts";
import {
  option,
  readGetexOptions,
  readMsetexOptions,
  readSetOptions,
} from "../../../../src/command/string/set-options.ts";
import { now, request } from "../bed.ts";

function ofSet(line: string) {
  const found = readSetOptions(request("SET", "k", "v", ...line.split(" ")));
  return found === null ? null : { ...found };
}

function ofGetex(line: string) {
  const found = readGetexOptions(request("GETEX", "k", ...line.split(" ")));
  return found === null ? null : { ...found };
}

describe("an option", () => {
  test("is the word in any case and nothing else", () => {
    const is = (text: string) => isWord(Buffer.from(`<${text}>`), 1, 1 + text.length, "KEEPTTL");
    expect(["KEEPTTL", "keepttl", "KeepTtl"].filter((text) => !is(text))).toEqual([]);
    expect(["", "KEEPTT", "KEEPTTLS", "KEEPT\x14L", "kEEPTTM"].filter(is)).toEqual([]);
  });
});

describe("SET", () => {
  test("accepts a condition, GET and a time together", () => {
    expect(ofSet("get PX 1500 nx")).toMatchObject({
      flags: option.GET | option.PX | option.NX,
      timeIndex: 5,
      unitMs: 1,
      relative: true,
    });
    expect(ofSet("EXAT 5")).toMatchObject({ timeIndex: 4, unitMs: 1000, relative: false });
  });

  test("accepts an option twice; the last time counts", () => {
    expect(ofSet("EX 1 EX 2 NX NX GET GET")).toMatchObject({ timeIndex: 6 });
    expect(ofSet("KEEPTTL KEEPTTL")).toMatchObject({ flags: option.KEEPTTL, timeIndex: 0 });
  });

  test("accepts a condition on the value with GET and a time", () => {
    expect(ofSet("IFEQ old GET EX 5")).toMatchObject({
      flags: option.IFEQ | option.GET | option.EX,
      matchIndex: 4,
      timeIndex: 7,
    });
    expect(ofSet("keepttl ifdne 0123456789abcdef")).toMatchObject({
      flags: option.IFDNE | option.KEEPTTL,
      matchIndex: 5,
    });
    expect(ofSet("IFEQ NX")).toMatchObject({ flags: option.IFEQ, matchIndex: 4 });
    expect(ofSet("IFNE a IFNE b")).toMatchObject({ matchIndex: 6 });
    expect(ofSet("EX 5")).toMatchObject({ matchIndex: 0 });
  });

  const conditions = ["NX", "XX", "IFEQ a", "IFNE a", "IFDEQ a", "IFDNE a"];
  const pairs = conditions.flatMap((a) => conditions.map((b) => [a, b] as const));
  test.each(pairs.filter(([a, b]) => a !== b))("refuses %s with %s", (a, b) => {
    expect(ofSet(`${a} ${b}`)).toBeNull();
    expect(ofSet(`${a} EX 1 ${b}`)).toBeNull();
  });

  const refused = [
    "NX XX",
    "IFEQ",
    "GET IFDNE",
    "IF a",
    "XX NX",
    "EX 1 PX 1",
    "EX 1 EXAT 1",
    "KEEPTTL EX 1",
    "EX 1 KEEPTTL",
  ];
  refused.push("PERSIST", "EX", "NX PXAT", "FOO", "1", "");
  for (const line of refused) {
    test(`refuses "${line}"`, () => expect(ofSet(line)).toBeNull());
  }
});

describe("MSETEX", () => {
  const ofMsetex = (line: string) => {
    const found = readMsetexOptions(request("MSETEX", "1", "k", "v", ...line.split(" ")), 4);
    return found === null ? null : { ...found };
  };

  test("accepts a condition and a time in any order", () => {
    const wanted = { flags: option.NX | option.PX, unitMs: 1, relative: true };
    expect(ofMsetex("PX 5 NX")).toMatchObject({ ...wanted, timeIndex: 5 });
    expect(ofMsetex("nx px 5")).toMatchObject({ ...wanted, timeIndex: 6 });
  });

  const refused = ["NX XX", "EX 1 PX 1", "EXAT 1 PXAT 1", "KEEPTTL EX 1", "EX", "FOO"];
  for (const line of [...refused, "GET", "IFEQ v", "PERSIST"]) {
    test(`refuses "${line}"`, () => expect(ofMsetex(line)).toBeNull());
  }
});

describe("GETEX", () => {
  test("accepts one time, or PERSIST", () => {
    expect(ofGetex("PXAT 5")).toMatchObject({ timeIndex: 3, unitMs: 1, relative: false });
    expect(ofGetex("persist PERSIST")).toMatchObject({ flags: option.PERSIST, timeIndex: 0 });
  });

  for (const line of ["NX", "XX", "GET", "KEEPTTL", "PERSIST EX 1", "EX 1 PERSIST", "EX 1 PX 1"]) {
    test(`refuses "${line}"`, () => expect(ofGetex(line)).toBeNull());
  }
});

describe("an absolute time", () => {
  const moment = (text: string, unitMs: number, base: number) =>
    readMoment(request(text), 0, unitMs, base);

  test("is milliseconds, from now or from the epoch", () => {
    expect(moment("10", 1000, now)).toBe(now + 10_000);
    expect(moment("10", 1, 0)).toBe(10);
    expect(moment("-10", 1000, now)).toBe(now - 10_000);
  });

  test("is refused only if 64-bit milliseconds would overflow", () => {
    expect(moment("9223372036854775", 1000, 0)).toBe(Number.MAX_SAFE_INTEGER);
    expect(moment("9223372036854776", 1000, 0)).toBe(OUT_OF_RANGE);
    expect(moment("9223372036854775", 1000, now)).toBe(OUT_OF_RANGE);
    expect(moment("9223372036854775807", 1, 0)).toBe(Number.MAX_SAFE_INTEGER);
    expect(moment("9223372036854775807", 1, now)).toBe(OUT_OF_RANGE);
    expect(moment("-9223372036854775808", 1, 0)).toBe(-Number.MAX_SAFE_INTEGER);
    expect(moment("-9223372036854775808", 1000, 0)).toBe(OUT_OF_RANGE);
  });

  test("must be a whole number", () => {
    for (const text of ["", "1.5", "+1", "01", "9223372036854775808", "ten"]) {
      expect(moment(text, 1000, 0)).toBe(NOT_AN_INTEGER);
    }
  });
});
