// Room for commands that add more to the store than their arguments are long: it is made before the
// command runs, or the command is refused as a SET of that length would be.

import { describe, expect, test } from "bun:test";
import { type Argument, Bed, ok } from "../bed.ts";

const MiB = 1024 * 1024;

describe("a full store without eviction", () => {
  const full = () => {
    const bed = new Bed({ reserveBytes: 8 * MiB, journalBytes: 8 * MiB, eviction: "none" });
    expect(bed.run("SET", "source", "x".repeat(900_000))).toBe(ok);
    for (let i = 0; bed.run("SET", `fill ${i}`, "x".repeat(100_000)) === ok; i++);
    bed.recorded();
    return bed;
  };
  const oom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

  test.each<[string, ...Argument[]]>([
    ["SETBIT", "k", 7_000_000, 1],
    ["SETRANGE", "k", 900_000, "x"],
    ["BITFIELD", "k", "SET", "u8", 7_000_000, 1],
    ["BITOP", "NOT", "k", "source"],
    ["COPY", "source", "k"],
  ])("refuses %s that needs more than its arguments", (...command) => {
    const bed = full();
    const used = bed.store.memoryUsed();
    expect(bed.run(...command)).toBe(oom);
    expect([bed.run("EXISTS", "k"), bed.store.memoryUsed()]).toEqual([":0\r\n", used]);
    expect(bed.recorded()).toEqual([]);
  });

  test("still changes bits of the values that it has", () => {
    const bed = full();
    bed.run("DEL", "fill 0"); // room for the arguments
    expect(bed.run("SETBIT", "source", 7_000_000, 1)).toBe(":0\r\n");
    expect(bed.run("SETBIT", "source", 7_000_000, 0)).toBe(":1\r\n");
    expect(bed.run("BITFIELD", "source", "GET", "u8", 7_000_000)).toMatch(/^\*1\r\n:\d+\r\n$/);
  });
});

test("with eviction, room is made below the limit before the value grows", () => {
  const bed = new Bed({ reserveBytes: 8 * MiB });
  for (let i = 0; i < 100; i++) bed.run("SET", i, "x".repeat(100_000));
  const limit = 4 * MiB;
  for (let i = 0; i < 20; i++) {
    expect(bed.run("SETBIT", `bits ${i}`, 7_000_000, 1)).toBe(":0\r\n");
    expect(bed.store.memoryUsed()).toBeLessThanOrEqual(limit);
  }
});

test.each<[string, ...Argument[]]>([
  ["SET", "k", "x".repeat(900_000)],
  ["APPEND", "k", "x".repeat(900_000)],
  ["SETRANGE", "k", 0, "x".repeat(900_000)],
  ["MSET", "a", "1", "k", "x".repeat(900_000)],
])("%s of a value beyond --max-value-size, which is refused, evicts nothing", (...command) => {
  const bed = new Bed({ valueBytesMax: 65_536 });
  for (let i = 0; bed.store.statistics().evictions === 0; i++) bed.run("SET", i, "x".repeat(1_000));
  const before = bed.run("DBSIZE");
  expect(bed.run(...command)).toStartWith("-ERR value is larger than this cache accepts");
  expect(bed.run("DBSIZE")).toBe(before);
});
