/**
 * MSETEX, case by case from the specification of Redis 8.4 and its tests (string.tcl). Which
 * options can be combined is in set-options.test.ts.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { Bed, bulk, nil, notAnInteger, now, syntaxError } from "../bed.ts";

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

const run = (line: string) => bed.run("MSETEX", ...line.split(" "));

describe("MSETEX", () => {
  test("sets all pairs at once, without a time unless it is given", () => {
    bed.run("SET", "a", "old", "EX", 100);
    bed.recorded();
    expect(run("2 a 1 b 2")).toBe(":1\r\n");
    expect(bed.recorded()).toEqual(["MULTI", "SET a 1", "SET b 2", "EXEC"]);
    expect(bed.run("TTL", "a")).toBe(":-1\r\n");
  });

  test.each([
    ["EX 10", now + 10_000],
    ["px 1500", now + 1500],
    ["EXAT 4102444800", 4_102_444_800_000],
    ["PXAT 4102444800123", 4_102_444_800_123],
  ])("with %s gives all keys this time", (time, expiresAt) => {
    expect(run(`2 a 1 b 2 ${time}`)).toBe(":1\r\n");
    const effects = [`SET a 1 PXAT ${expiresAt}`, `SET b 2 PXAT ${expiresAt}`];
    expect(bed.recorded()).toEqual(["MULTI", ...effects, "EXEC"]);
  });

  test("with KEEPTTL keeps the time of each key", () => {
    bed.run("SET", "a", "old", "PX", 5000);
    bed.run("SET", "b", "old");
    expect(run("3 a 1 b 2 c 3 KEEPTTL")).toBe(":1\r\n");
    expect(["a", "b", "c"].map((key) => bed.run("PTTL", key))).toEqual([
      ":5000\r\n",
      ":-1\r\n",
      ":-1\r\n",
    ]);
  });

  test("with NX sets all or none: none of the keys may exist", () => {
    expect(run("2 a 1 b 2 NX EX 10")).toBe(":1\r\n");
    bed.recorded();
    expect(run("2 c 3 b 4 EX 10 nx")).toBe(":0\r\n");
    expect(bed.run("MGET", "b", "c")).toBe(`*2\r\n${bulk("2")}${nil}`);
    expect(bed.recorded()).toEqual([]);
    bed.x.now = now + 10_000;
    expect(run("2 c 3 b 4 NX")).toBe(":1\r\n");
  });

  test("with XX sets all or none: all keys must exist", () => {
    bed.run("SET", "a", "1");
    expect(run("2 a 2 b 2 XX")).toBe(":0\r\n");
    expect(bed.run("MGET", "a", "b")).toBe(`*2\r\n${bulk("1")}${nil}`);
    bed.run("SET", "b", "1");
    expect(run("2 a 2 b 2 PX 100 XX")).toBe(":1\r\n");
    expect(bed.run("PTTL", "b")).toBe(":100\r\n");
  });

  test("sets a key that is named twice to its last value", () => {
    expect(run("2 a 1 a 2 NX")).toBe(":1\r\n");
    expect(bed.run("GET", "a")).toBe(bulk("2"));
  });

  test("until a moment in the past deletes the keys", () => {
    bed.run("SET", "a", "old");
    bed.recorded();
    expect(run("2 a 1 b 2 EXAT 1")).toBe(":1\r\n");
    expect(bed.recorded()).toEqual(["DEL a"]);
    expect(bed.run("EXISTS", "a", "b")).toBe(":0\r\n");
  });

  test("takes a value that reads like an option", () => {
    expect(run("1 NX EX")).toBe(":1\r\n");
    expect(bed.run("GET", "NX")).toBe(bulk("EX"));
  });

  const count = "-ERR invalid numkeys value\r\n";
  const pairs = "-ERR wrong number of key-value pairs\r\n";
  const time = "-ERR invalid expire time in 'msetex' command\r\n";
  test.each([
    ["key1 val1 ex 10", count],
    ["0 a 1", count],
    ["-1 a 1", count],
    ["1.5 a 1", count],
    ["2147483648 a 1 EX 10", count],
    ["2147483647 a 1 EX 10", pairs],
    ["2 a 1 b", pairs],
    ["1 a 1 b 2", syntaxError],
    ["1 a 1 FOO", syntaxError],
    ["1 a 1 EX", syntaxError],
    ["1 a 1 NX XX", syntaxError],
    ["1 a 1 EX 1 KEEPTTL", syntaxError],
    ["1 a 1 EX x", notAnInteger],
    ["1 a 1 EX 0", time],
    ["1 a 1 PX -1", time],
    ["1 a 1 EX 9223372036854775807", time],
  ])("refuses %s", (line, reply) => {
    expect([run(line), bed.recorded()]).toEqual([reply, []]);
  });

  test("needs three arguments, and changes nothing on a follower", () => {
    expect(run("1 a")).toBe("-ERR wrong number of arguments for 'msetex' command\r\n");
    bed.standing.follow("127.0.0.1:1");
    expect(run("1 a 1")).toStartWith("-READONLY ");
  });

  test("stores none of the pairs if one of them can never be stored", () => {
    bed = new Bed({ valueBytesMax: 1000 });
    expect(run(`2 a 1 b ${"x".repeat(1001)}`)).toStartWith("-ERR value is larger");
    expect(run(`2 a 1 ${"x".repeat(2 ** 24)} 2`)).toStartWith("-ERR key is longer");
    expect(bed.recorded()).toEqual([]);
  });

  test("a full memory without eviction refuses it", () => {
    bed = new Bed({ memoryLimitBytes: 1024 * 1024, eviction: "none" });
    const value = "x".repeat(10_000);
    let reply = ":1\r\n";
    for (let i = 0; i < 200 && reply === ":1\r\n"; i++) reply = run(`1 k${i} ${value} EX 100`);
    expect(reply).toStartWith("-OOM ");
  });
});
