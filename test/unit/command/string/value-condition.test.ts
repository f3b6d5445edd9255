/**
 * Conditions on a value: SET with IFEQ, IFNE, IFDEQ and IFDNE, DELEX, DELIFEQ, and DIGEST. The
 * cases are those of the specification of Redis 8.4 and Valkey 9 and of their tests (string.tcl);
 * redis-server 7.0 has none of these commands. The digests were published or came from a Redis.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { Bed, bulk, nil, now, ok, syntaxError } from "../bed.ts";

const digestOfHello = "9555e8555c62dcfd";
const zeros = "0".repeat(16);
const notADigest = "-ERR must be exactly 16 hexadecimal characters\r\n";

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
  bed.run("SET", "k", "hello", "EX", 100);
  bed.recorded();
});

describe("DIGEST", () => {
  const leadingZeros =
    "v8lf0c11xh8ymlqztfd3eeq16kfn4sspw7fqmnuuq3k3t75em5wdizgcdw7uc26nnf961u2jkfzkjytls2kwlj7626sd";
  test.each([
    ["Hello world", "b6acb9d84a38ff74"],
    ["hello", digestOfHello],
    ["", "2d06800538d394c2"],
    ["123", "404a763b3f4c8c9a"],
    ["v8", "0cc76dbb41381419"],
    [leadingZeros, "00006c38adf31777"],
  ])("of %p is %s", (value, digest) => {
    bed.run("SET", "k", value);
    expect(bed.run("DIGEST", "k")).toBe(bulk(digest));
  });

  test("of a value in several segments is that of its bytes", () => {
    const value = "a".repeat(30_000);
    bed.run("SET", "large", value.repeat(30));
    bed.run("SET", "same", value);
    for (let i = 1; i < 30; i++) bed.run("APPEND", "same", value);
    expect(bed.run("DIGEST", "same")).toBe(bed.run("DIGEST", "large"));
    expect(bed.run("DELEX", "same", "IFDNE", bed.run("DIGEST", "large").slice(5, -2))).toBe(
      ":0\r\n",
    );
  });

  test("of a missing or an expired key is nil", () => {
    bed.run("PEXPIRE", "k", 1);
    bed.x.now = now + 1;
    expect([bed.run("DIGEST", "k"), bed.run("DIGEST", "none")]).toEqual([nil, nil]);
  });
});

/** Condition, what it is compared with, and whether the value "hello" meets it. */
const cases: readonly (readonly [condition: string, match: string, isMet: boolean])[] = [
  ["IFEQ", "hello", true],
  ["ifeq", "hello", true],
  ["IFEQ", "hellO", false],
  ["IFEQ", "hell", false],
  ["IFEQ", "", false],
  ["IFNE", "hello", false],
  ["IfNe", "world", true],
  ["IFDEQ", digestOfHello, true],
  ["IFDEQ", digestOfHello.toUpperCase(), true],
  ["IFDEQ", zeros, false],
  ["IFDEQ", "z".repeat(16), false],
  ["IFDNE", digestOfHello, false],
  ["IFDNE", digestOfHello.toUpperCase(), false],
  ["ifdne", zeros, true],
  ["IFDNE", "z".repeat(16), true],
];

describe("SET with a condition on the value", () => {
  test.each(cases)("%s %p", (condition, match, isMet) => {
    expect(bed.run("SET", "k", "new", condition, match)).toBe(isMet ? ok : nil);
    expect(bed.recorded()).toEqual(isMet ? ["SET k new"] : []);
    expect(bed.run("GET", "k")).toBe(bulk(isMet ? "new" : "hello"));
    expect(bed.run("TTL", "k")).toBe(isMet ? ":-1\r\n" : ":100\r\n");
  });

  test.each(cases)(
    "%s %p GET returns the old value, whether it is set or not",
    (condition, match, isMet) => {
      expect(bed.run("SET", "k", "new", "GET", condition, match)).toBe(bulk("hello"));
      expect(bed.run("GET", "k")).toBe(bulk(isMet ? "new" : "hello"));
    },
  );

  test.each([
    ["IFEQ", "", false],
    ["IFNE", "hello", true],
    ["IFDEQ", digestOfHello, false],
    ["IFDEQ", "123", false],
    ["IFDNE", digestOfHello, true],
    ["IFDNE", "123", true],
  ] as const)("%s %p sets a missing key: %p", (condition, match, isMet) => {
    expect(bed.run("SET", "none", "new", condition, match)).toBe(isMet ? ok : nil);
    expect(bed.run("EXISTS", "none")).toBe(isMet ? ":1\r\n" : ":0\r\n");
    bed.run("DEL", "none");
    expect(bed.run("SET", "none", "new", condition, match, "GET")).toBe(nil);
    expect(bed.run("EXISTS", "none")).toBe(isMet ? ":1\r\n" : ":0\r\n");
  });

  test("takes an expired key for a missing one", () => {
    bed.run("PEXPIRE", "k", 1);
    bed.x.now = now + 1;
    expect(bed.run("SET", "k", "new", "IFEQ", "hello")).toBe(nil);
    expect(bed.run("SET", "k", "new", "IFNE", "hello")).toBe(ok);
  });

  test("takes a time as well, or keeps the one there is", () => {
    bed.run("SET", "k", "2", "IFEQ", "hello", "KEEPTTL");
    expect(bed.run("TTL", "k")).toBe(":100\r\n");
    bed.run("SET", "k", "3", "PX", 5000, "IFEQ", "2");
    expect(bed.run("PTTL", "k")).toBe(":5000\r\n");
    expect(bed.run("SET", "k", "4", "IFEQ", "nothing", "EX", 9)).toBe(nil);
    expect(bed.run("PTTL", "k")).toBe(":5000\r\n");
    expect(bed.run("SET", "k", "4", "IFEQ", "3", "EXAT", 1)).toBe(ok);
    expect(bed.run("EXISTS", "k")).toBe(":0\r\n");
  });

  test("refuses a digest of another length if there is a value to compare", () => {
    for (const match of ["", "0123", digestOfHello.slice(1), `0${digestOfHello}`]) {
      expect(bed.run("SET", "k", "new", "IFDEQ", match)).toBe(notADigest);
      expect(bed.run("SET", "k", "new", "IFDNE", match, "GET")).toBe(notADigest);
    }
    expect(bed.recorded()).toEqual([]);
  });

  test("refuses two conditions, and one without a value", () => {
    for (const line of ["NX IFEQ hello", "IFEQ hello XX", "IFEQ hello IFNE x", "IFEQ"]) {
      expect([line, bed.run("SET", "k", "new", ...line.split(" "))]).toEqual([line, syntaxError]);
    }
  });

  test("is refused on a follower", () => {
    bed.standing.follow("127.0.0.1:1");
    for (const words of [
      ["SET", "k", "new", "IFEQ", "hello"],
      ["DELEX", "k"],
      ["DELIFEQ", "k", "hello"],
    ]) {
      expect(bed.run(...words)).toStartWith("-READONLY ");
    }
    expect(bed.run("DIGEST", "k")).toBe(bulk(digestOfHello));
  });
});

describe("DELEX", () => {
  test.each(cases)("%s %p", (condition, match, isMet) => {
    expect(bed.run("DELEX", "k", condition, match)).toBe(isMet ? ":1\r\n" : ":0\r\n");
    expect(bed.recorded()).toEqual(isMet ? ["DEL k"] : []);
    expect(bed.run("EXISTS", "k")).toBe(isMet ? ":0\r\n" : ":1\r\n");
  });

  test("without a condition deletes", () => {
    expect(bed.run("DELEX", "k")).toBe(":1\r\n");
    expect(bed.run("DELEX", "k")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual(["DEL k"]);
  });

  test("compares bytes, not numbers", () => {
    bed.run("SET", "k", "0123");
    expect(bed.run("DELEX", "k", "IFEQ", "123")).toBe(":0\r\n");
    bed.run("SET", "k", Buffer.from([0, 1, 255, 254]));
    expect(bed.run("DELEX", "k", "IFEQ", Buffer.from([0, 1, 255, 255]))).toBe(":0\r\n");
    expect(bed.run("DELEX", "k", "IFEQ", Buffer.from([0, 1, 255, 254]))).toBe(":1\r\n");
    bed.run("SET", "k", "");
    expect(bed.run("DELEX", "k", "IFEQ", "")).toBe(":1\r\n");
  });

  test("does not look at the condition of a missing key", () => {
    for (const condition of ["IFEQ", "IFNE", "IFDEQ", "IFDNE", "FOO"]) {
      expect(bed.run("DELEX", "none", condition, "bar")).toBe(":0\r\n");
    }
  });

  test("refuses another condition, a digest of another length, and three or five arguments", () => {
    for (const condition of ["FOO", "IF", "NX", ""]) {
      expect(bed.run("DELEX", "k", condition, "hello")).toBe(
        "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n",
      );
    }
    for (const condition of ["IFDEQ", "IFDNE"]) {
      expect(bed.run("DELEX", "k", condition, "0123")).toBe(notADigest);
    }
    const arity = "-ERR wrong number of arguments for 'delex' command\r\n";
    for (const key of ["k", "none"]) {
      expect(bed.run("DELEX", key, "IFEQ")).toBe(arity);
      expect(bed.run("DELEX", key, "IFEQ", "hello", "extra")).toBe(arity);
    }
    expect(bed.recorded()).toEqual([]);
  });
});

describe("DELIFEQ", () => {
  test("deletes a key with this value, and no other", () => {
    expect(bed.run("DELIFEQ", "k", "world")).toBe(":0\r\n");
    expect(bed.run("DELIFEQ", "none", "")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual([]);
    expect(bed.run("DELIFEQ", "k", "hello")).toBe(":1\r\n");
    expect(bed.run("DELIFEQ", "k", "hello")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual(["DEL k"]);
  });
});
