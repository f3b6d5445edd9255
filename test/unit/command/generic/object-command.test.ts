/**
 * OBJECT and MEMORY USAGE on single keys: encodings by redis-server's rules for the bytes of a
 * value, uses as the eviction counts them, and what an item costs.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { Bed, bulk, nil, now } from "../bed.ts";

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

const lfuSelected = /^-ERR An LFU maxmemory policy is selected, idle time not tracked\./;
const lfuNotSelected = /^-ERR An LFU maxmemory policy is not selected, access frequency not/;

describe("OBJECT ENCODING", () => {
  test.each([
    ["0", "int"],
    ["-9223372036854775808", "int"],
    ["9223372036854775807", "int"],
    ["9223372036854775808", "embstr"],
    ["-0", "embstr"],
    ["007", "embstr"],
    ["1.5", "embstr"],
    ["", "embstr"],
    ["x".repeat(44), "embstr"],
    ["x".repeat(45), "raw"],
    ["x".repeat(1_000_000), "raw"],
  ])("of %s is %s", (value, encoding) => {
    bed.run("SET", "k", value);
    expect(bed.run("OBJECT", "ENCODING", "k")).toBe(bulk(encoding));
  });

  test("of a missing or an expired key is nil, as all of OBJECT is", () => {
    bed.run("SET", "k", "1", "PX", 1);
    bed.x.now = now + 1;
    for (const word of ["ENCODING", "FREQ", "IDLETIME", "REFCOUNT"]) {
      expect([word, bed.run("OBJECT", word, "k")]).toEqual([word, nil]);
    }
  });
});

describe("OBJECT FREQ and IDLETIME", () => {
  test("FREQ counts the uses that protect a key from eviction, and is none itself", () => {
    bed.run("SET", "k", "v");
    expect(bed.run("OBJECT", "FREQ", "k")).toBe(":0\r\n");
    bed.run("GET", "k");
    bed.run("OBJECT", "ENCODING", "k");
    expect(bed.run("OBJECT", "FREQ", "k")).toBe(":1\r\n");
    for (let i = 0; i < 5; i++) bed.run("GET", "k");
    expect(bed.run("OBJECT", "FREQ", "k")).toBe(":3\r\n");
    expect(bed.run("OBJECT", "IDLETIME", "k")).toMatch(lfuSelected);
  });

  test("with eviction off, neither is known", () => {
    bed = new Bed({ eviction: "none" });
    bed.run("SET", "k", "v");
    expect(bed.run("OBJECT", "FREQ", "k")).toMatch(lfuNotSelected);
    expect(bed.run("OBJECT", "IDLETIME", "k")).toMatch(/^-ERR idle time not tracked/);
  });

  test("REFCOUNT is 1, as nothing is shared", () => {
    bed.run("SET", "k", "7");
    expect(bed.run("OBJECT", "REFCOUNT", "k")).toBe(":1\r\n");
  });
});

describe("MEMORY USAGE", () => {
  const usageOf = (key: string) => Number(bed.run("MEMORY", "USAGE", key).slice(1));

  test("is the item with its header and its entry in the index", () => {
    bed.run("SET", "key", "v".repeat(100));
    expect(usageOf("key")).toBeWithin(103, 103 + 32);
    bed.run("SET", "key", "v".repeat(100), "EX", 100);
    expect(usageOf("key")).toBeWithin(103 + 8, 103 + 40);
  });

  test("includes the chain of a large value", () => {
    bed.run("SET", "key", "v".repeat(1_000_000));
    expect(usageOf("key")).toBeWithin(1_000_000, 1_100_000);
  });

  test("of a missing key is nil", () => {
    expect(bed.run("MEMORY", "USAGE", "none", "SAMPLES", "0")).toBe(nil);
  });
});
