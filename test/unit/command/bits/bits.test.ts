/**
 * SETBIT, GETBIT, BITCOUNT, BITPOS and BITOP: replies of redis-server 7.0 at the edges, and the
 * effects that followers get. conformance/bitmaps.test.ts compares random ones with redis-server.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { Bed, bulk, notAnInteger, now, syntaxError } from "../bed.ts";

const badOffset = "-ERR bit offset is not an integer or out of range\r\n";
const badBit = "-ERR bit is not an integer or out of range\r\n";
const MiB = 1024 * 1024;

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

describe("SETBIT and GETBIT", () => {
  test("SETBIT returns the old bit, and its effect is the byte that changed", () => {
    expect(bed.run("SETBIT", "k", 9, 1)).toBe(":0\r\n");
    expect(bed.run("SETBIT", "k", 15, 1)).toBe(":0\r\n");
    expect(bed.run("SETBIT", "k", 9, 0)).toBe(":1\r\n");
    expect(bed.run("GET", "k")).toBe(bulk("\0\x01"));
    expect(bed.recorded()).toEqual(["SETRANGE k 1 @", "SETRANGE k 1 A", "SETRANGE k 1 \x01"]);
  });

  test("a bit that is so already changes and records nothing, unless the value grows", () => {
    bed.run("SET", "k", "a");
    const version = bed.store.changes();
    expect(bed.run("SETBIT", "k", 1, 1)).toBe(":1\r\n");
    expect(bed.run("SETBIT", "k", 0, 0)).toBe(":0\r\n");
    expect([bed.store.changes(), bed.recorded()]).toEqual([version, ["SET k a"]]);
    expect(bed.run("SETBIT", "k", 16, 0)).toBe(":0\r\n");
    expect(bed.run("SETBIT", "new", 0, 0)).toBe(":0\r\n");
    expect(bed.run("GET", "k")).toBe(bulk("a\0\0"));
    expect(bed.recorded()).toEqual(["SETRANGE k 2 \0", "SETRANGE new 0 \0"]);
  });

  test("SETBIT keeps the expiry, and begins anew after it", () => {
    bed.run("SET", "k", "\xff", "EX", 10);
    bed.run("SETBIT", "k", 7, 0);
    expect(bed.run("TTL", "k")).toBe(":10\r\n");
    bed.x.now = now + 10_000;
    expect(bed.run("SETBIT", "k", 0, 1)).toBe(":0\r\n");
    expect(bed.run("GET", "k")).toBe(bulk("\x80"));
    expect(bed.recorded().slice(2)).toEqual(["DEL k", "SETRANGE k 0 \x80"]);
  });

  test("GETBIT is 0 behind the value and for a missing key", () => {
    bed.run("SET", "k", "\x01");
    const bits = [7, 6, 8, 4_294_967_295].map((offset) => bed.run("GETBIT", "k", offset));
    expect(bits).toEqual([":1\r\n", ":0\r\n", ":0\r\n", ":0\r\n"]);
    expect(bed.run("GETBIT", "none", 0)).toBe(":0\r\n");
  });

  test.each(["-1", "x", "", "4294967296", "9223372036854775807", "1.0"])(
    "the offset %j is refused",
    (offset) => {
      expect(bed.run("SETBIT", "k", offset, 1)).toBe(badOffset);
      expect(bed.run("GETBIT", "k", offset)).toBe(badOffset);
      expect(bed.recorded()).toEqual([]);
    },
  );

  test("a bit is 0 or 1", () => {
    for (const bit of ["2", "-1", "x", ""]) expect(bed.run("SETBIT", "k", 0, bit)).toBe(badBit);
    expect(bed.run("SETBIT", "k", -1, 2)).toBe(badOffset);
  });

  test("a value that would be too long is refused like a long SET", () => {
    bed.run("SET", "k", "a");
    expect(bed.run("SETBIT", "k", MiB * 8, 1)).toStartWith("-ERR value is larger");
    expect(bed.run("SETBIT", "k", 4_294_967_295, 1)).toStartWith("-ERR value is larger");
    expect(bed.run("GET", "k")).toBe(bulk("a"));
  });
});

describe("BITCOUNT", () => {
  test("counts a range of bytes or bits, from either end", () => {
    bed.run("SET", "k", "foobar");
    const counts: [number, string][] = [
      [26, ""],
      [4, "0 0"],
      [6, "1 1"],
      [6, "1 1 BYTE"],
      [17, "5 30 BIT"],
      [7, "-2 -1"],
      [0, "-1 -2"],
      [0, "-9223372036854775807 -9223372036854775808"],
      [4, "-9223372036854775808 -9223372036854775807"],
      [26, "0 9223372036854775807"],
      [0, "6 9"],
    ];
    for (const [count, range] of counts) {
      const reply = bed.run("BITCOUNT", "k", ...range.split(" ").filter(Boolean));
      expect([range, reply]).toEqual([range, `:${count}\r\n`]);
    }
  });

  test("looks at its arguments only if there is a key", () => {
    expect(bed.run("BITCOUNT", "none", "x")).toBe(":0\r\n");
    bed.run("SET", "k", "a");
    expect(bed.run("BITCOUNT", "k", 0)).toBe(syntaxError);
    expect(bed.run("BITCOUNT", "k", 0, "x", "BITS")).toBe(notAnInteger);
    expect(bed.run("BITCOUNT", "k", 0, 0, "BITS")).toBe(syntaxError);
    expect(bed.run("BITCOUNT", "k", -1, -2, "BITS")).toBe(":0\r\n");
    expect(bed.run("BITCOUNT", "k", 0, 0, "BIT", "BIT")).toBe(syntaxError);
  });
});

describe("BITPOS", () => {
  test("finds the first bit, and zeros behind a value whose end is not given", () => {
    bed.run("SET", "k", "\xff\xf0\0");
    const places: [number, string][] = [
      [12, "0"],
      [0, "1"],
      [12, "0 1"],
      [-1, "1 2"],
      [-1, "0 0 0"],
      [-1, "0 8 11 BIT"],
      [12, "0 8 12 BIT"],
      [11, "1 11 20 BIT"],
      [-1, "0 3"],
      [-1, "1 5 1"],
    ];
    for (const [place, range] of places) {
      expect([range, bed.run("BITPOS", "k", ...range.split(" "))]).toEqual([
        range,
        `:${place}\r\n`,
      ]);
    }
    bed.run("SET", "ones", "\xff\xff");
    expect(bed.run("BITPOS", "ones", 0)).toBe(":16\r\n");
    expect(bed.run("BITPOS", "ones", 0, 0, -1)).toBe(":-1\r\n");
  });

  test("a missing key is zeros, an empty value nothing", () => {
    expect([0, 1].map((bit) => bed.run("BITPOS", "none", bit, "x"))).toEqual([":0\r\n", ":-1\r\n"]);
    bed.run("SET", "k", "");
    expect([0, 1].map((bit) => bed.run("BITPOS", "k", bit))).toEqual([":-1\r\n", ":-1\r\n"]);
  });

  test("refuses what is no bit, no number and no unit, in this order", () => {
    bed.run("SET", "k", "a");
    expect(bed.run("BITPOS", "k", "x")).toBe(notAnInteger);
    expect(bed.run("BITPOS", "k", 2)).toBe("-ERR The bit argument must be 1 or 0.\r\n");
    expect(bed.run("BITPOS", "k", 1, "x", 0, "BITS")).toBe(notAnInteger);
    expect(bed.run("BITPOS", "k", 1, 0, "x", "BITS")).toBe(syntaxError);
    expect(bed.run("BITPOS", "k", 1, 0, "x", "BIT")).toBe(notAnInteger);
  });
});

describe("BITOP", () => {
  test("pads shorter sources with zeros, and its effect is the whole result", () => {
    bed.run("MSET", "a", "abc", "b", "AB");
    expect(bed.run("BITOP", "AND", "and", "a", "b")).toBe(":3\r\n");
    expect(bed.run("BITOP", "or", "or", "a", "b", "none")).toBe(":3\r\n");
    expect(bed.run("BITOP", "XOR", "xor", "a", "b")).toBe(":3\r\n");
    expect(bed.run("BITOP", "NOT", "not", "a")).toBe(":3\r\n");
    const results = ["AB\0", "abc", "  c", "\x9e\x9d\x9c"];
    expect(["and", "or", "xor", "not"].map((key) => bed.run("GET", key))).toEqual(
      results.map(bulk),
    );
    expect(bed.recorded().slice(4)).toEqual([
      "SET and AB\0",
      "SET or abc",
      "SET xor   c",
      "SET not \x9e\x9d\x9c",
    ]);
  });

  test("may replace a source, and removes the expiry", () => {
    bed.run("SET", "k", "ab", "EX", 100);
    bed.run("SET", "other", "  ");
    expect(bed.run("BITOP", "XOR", "k", "k", "other")).toBe(":2\r\n");
    expect([bed.run("GET", "k"), bed.run("TTL", "k")]).toEqual([bulk("AB"), ":-1\r\n"]);
  });

  test("of nothing but empty sources deletes the destination", () => {
    bed.run("SET", "k", "old");
    bed.run("SET", "empty", "");
    expect(bed.run("BITOP", "OR", "k", "none", "empty")).toBe(":0\r\n");
    expect(bed.run("EXISTS", "k")).toBe(":0\r\n");
    expect(bed.run("BITOP", "OR", "k", "none")).toBe(":0\r\n");
    expect(bed.recorded().slice(2)).toEqual(["DEL k"]);
  });

  test("refuses other operations, and NOT of several sources", () => {
    expect(bed.run("BITOP", "DIFF", "k", "a")).toBe(syntaxError);
    expect(bed.run("BITOP", "NOT", "k", "a", "b")).toBe(
      "-ERR BITOP NOT must be called with a single source key.\r\n",
    );
  });

  test("combines values of several pieces and of any length", () => {
    const long = Uint8Array.from({ length: 200_003 }, (_, i) => i * 7);
    bed.run("SET", "long", long);
    bed.run("SET", "short", long.slice(0, 70_001));
    expect(bed.run("BITOP", "XOR", "k", "long", "short")).toBe(":200003\r\n");
    const wanted = long.map((byte, i) => (i < 70_001 ? 0 : byte));
    expect(bed.run("GET", "k")).toBe(bulk(Buffer.from(wanted).toString("latin1")));
  });
});
