/**
 * BITFIELD and BITFIELD_RO: replies of redis-server 7.0, their order of errors, and the effects
 * that followers get. bitfield-arithmetic.test.ts covers the numbers.
 */
import { beforeEach, expect, test } from "bun:test";
import { Bed, bulk, nil, notAnInteger, syntaxError } from "../bed.ts";

const badOffset = "-ERR bit offset is not an integer or out of range\r\n";
const badType =
  "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.\r\n";
const MiB = 1024 * 1024;

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

const run = (line: string) => bed.run(...line.split(" "));
const integers = (...values: number[]) => {
  return `*${values.length}\r\n${values.map((value) => `:${value}\r\n`).join("")}`;
};

test("SET returns the old number, INCRBY the new one, GET the present one", () => {
  expect(run("BITFIELD k SET u8 0 200 INCRBY i5 #2 -3 GET u8 0 GET i4 100")).toBe(
    integers(0, -3, 200, 0),
  );
  expect(bed.run("GET", "k")).toBe(bulk("\xc8\x3a"));
  expect(run("BITFIELD k")).toBe("*0\r\n");
  expect(run("BITFIELD_RO k GET u8 0 GET i5 #2")).toBe(integers(200, -3));
  expect(run("BITFIELD_RO none GET u8 0 OVERFLOW SAT")).toBe(integers(0));
});

test("an overflow wraps, saturates, or fails with a null", () => {
  bed.run("SET", "k", "\xff");
  expect(run("BITFIELD k INCRBY u4 0 1 OVERFLOW SAT INCRBY u4 4 1")).toBe(integers(0, 15));
  expect(run("BITFIELD k OVERFLOW FAIL INCRBY u4 4 1")).toBe(`*1\r\n${nil}`);
  expect(bed.run("GET", "k")).toBe(bulk("\x0f"));
});

test("the effect is the bytes that changed", () => {
  bed.run("SET", "k", "abcd");
  run("BITFIELD k SET u8 #1 66");
  run("BITFIELD k SET u8 #1 66 SET u8 #3 100");
  expect(bed.recorded()).toEqual(["SET k abcd", "SETRANGE k 1 B"]);
  run("BITFIELD k SET u8 #0 65 INCRBY u8 #2 -32");
  expect(bed.recorded()).toEqual(["SETRANGE k 0 ABC"]);
  run("BITFIELD new SET u8 #2 65 GET u8 #2");
  expect(bed.recorded()).toEqual(["SETRANGE new 0 \0\0A"]);
  run("BITFIELD new GET u8 0");
  expect(bed.recorded()).toEqual([]);
});

test("of a long value it is the bytes of each field, in one group", () => {
  bed.run("SET", "k", "x".repeat(10_000));
  bed.recorded();
  run("BITFIELD k SET u8 #100 65 GET u8 #5000 SET u8 #9999 66 SET u8 #9999 66");
  expect(bed.recorded()).toEqual(["MULTI", "SETRANGE k 100 A", "SETRANGE k 9999 B", "EXEC"]);
  run("BITFIELD k SET u8 #7 65");
  expect(bed.recorded()).toEqual(["SETRANGE k 7 A"]);
  run("BITFIELD k SET u8 #20000 65 OVERFLOW FAIL INCRBY u8 #20001 256");
  expect(bed.recorded()).toEqual(["MULTI", "SETRANGE k 20001 \0", "SETRANGE k 20000 A", "EXEC"]);
  expect(bed.run("STRLEN", "k")).toBe(":20002\r\n");
});

test("a long key is not repeated for each field", () => {
  const key = "k".repeat(100_000);
  bed.run("SET", key, "x".repeat(10_000));
  bed.recorded();
  const fields = Array.from({ length: 1_000 }, (_, i) => ["SET", "u8", `#${8 * i}`, "65"]).flat();
  expect(bed.run("BITFIELD", key, ...fields)).toStartWith("*1000\r\n:120\r\n");
  const effects = bed.recorded();
  expect(effects.map((effect) => effect.slice(0, 9))).toEqual(["SETRANGE "]);
  expect(bed.run("GET", key)).toBe(bulk(`A${"x".repeat(7)}`.repeat(1_000) + "x".repeat(2_000)));
});

test("a value reaches to the last field to be written, even if the write fails", () => {
  expect(run("BITFIELD k OVERFLOW FAIL INCRBY u2 14 5")).toBe(`*1\r\n${nil}`);
  expect(bed.run("GET", "k")).toBe(bulk("\0\0"));
  expect(run("BITFIELD k OVERFLOW FAIL INCRBY u2 30 5 INCRBY u2 22 5")).toBe(`*2\r\n${nil}${nil}`);
  expect(bed.run("GET", "k")).toBe(bulk("\0\0\0\0"));
  expect(bed.recorded()).toEqual(["SETRANGE k 0 \0\0", "SETRANGE k 2 \0\0"]);
});

test("a single write is one change, though the value grows", () => {
  const changes = bed.store.changes();
  expect(run("BITFIELD k INCRBY u16 #1 258")).toBe(integers(258));
  expect(run("BITFIELD k SET u8 #4 0")).toBe(integers(0));
  expect(run("BITFIELD k SET u8 #4 0")).toBe(integers(0));
  expect(bed.recorded()).toEqual(["SETRANGE k 0 \0\0\x01\x02", "SETRANGE k 4 \0"]);
  expect(bed.store.changes() - changes).toBe(2);
});

test("the expiry is kept", () => {
  bed.run("SET", "k", "a", "EX", 100);
  run("BITFIELD k SET u8 #5 1");
  expect(bed.run("TTL", "k")).toBe(":100\r\n");
});

test.each([
  ["GET u8", syntaxError],
  ["SET u8 0", syntaxError],
  ["OVERFLOW", syntaxError],
  ["OVERFLOW NONE", "-ERR Invalid OVERFLOW type specified\r\n"],
  ["NONSENSE u8 0", syntaxError],
  ["GET u64 0", badType],
  ["GET i65 0", badType],
  ["GET U8 0", badType],
  ["GET u08 x", badType],
  ["GET u8 -1", badOffset],
  ["GET u8 #", badOffset],
  ["GET u8 4294967296", badOffset],
  ["GET u2 #9223372036854775807", badOffset],
  ["SET u8 0 x", notAnInteger],
  ["SET u8 0 9223372036854775808", notAnInteger],
])("%s is refused before anything changes", (words, error) => {
  expect(run(`BITFIELD k SET u8 0 1 ${words}`)).toBe(error);
  expect(run(`BITFIELD_RO k ${words}`)).toBe(error);
  expect(bed.run("EXISTS", "k")).toBe(":0\r\n");
  expect(bed.recorded()).toEqual([]);
});

test("a multiple of 2^64 bits is the offset 0, as in redis 7.0", () => {
  bed.run("SET", "k", "\xf0");
  expect(run("BITFIELD_RO k GET u4 #4611686018427387904")).toBe(integers(15));
});

test("BITFIELD_RO refuses to write", () => {
  const onlyGets = "-ERR BITFIELD_RO only supports the GET subcommand\r\n";
  expect(run("BITFIELD_RO k GET u8 0 SET u8 0 1")).toBe(onlyGets);
});

test("a value that would be too long is refused, and nothing of the command happens", () => {
  bed.run("SET", "k", "a");
  const refusal = /^-ERR value is larger than this cache accepts[^\r]*\r\n$/;
  expect(run(`BITFIELD k SET u8 0 1 SET u8 ${MiB * 8} 1`)).toMatch(refusal);
  expect(bed.run("GET", "k")).toBe(bulk("a"));
  expect(bed.recorded()).toEqual(["SET k a"]);
});
