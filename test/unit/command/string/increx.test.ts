/**
 * INCREX, case by case from the documentation of Redis 8.8 and its tests (increx.tcl), and for
 * infinite bounds from Valkey's, which agree with them. Replies are RESP2's: decimals as text.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { repetitions } from "../../../support/repetitions.ts";
import { Random, seedFor } from "../../../support/seed.ts";
import { extremeFloats, float, integer, numbers } from "../../../support/values.ts";
import { Bed, bulk, notAnInteger, now, ok, syntaxError } from "../bed.ts";

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

const run = (line: string) => bed.run("INCREX", ...`k ${line}`.trim().split(" "));
const integers = (value: string, applied: string) => `*2\r\n:${value}\r\n:${applied}\r\n`;
const decimals = (value: string, applied: string) => `*2\r\n${bulk(value)}${bulk(applied)}`;

/** What the key holds before (null: nothing), the options, the reply, and what it holds then. */
type Case = readonly [before: string | null, options: string, value: string, applied: string];

const most = "9223372036854775807";
const least = "-9223372036854775808";
const beyond = "9223372036854775800";

const integerCases: readonly Case[] = [
  [null, "", "1", "1"],
  ["10", "", "11", "1"],
  ["100", "BYINT 5", "105", "5"],
  ["105", "byint -10", "95", "-10"],
  ["95", "BYINT 0", "95", "0"],
  ["5", "BYINT 1 LBOUND 0 UBOUND 10", "6", "1"],
  ["50", "BYINT 100 UBOUND 80 SATURATE", "80", "30"],
  ["10", "BYINT -100 LBOUND 0 SATURATE", "0", "-10"],
  ["10", "BYINT 10 UBOUND 15", "10", "0"],
  ["10", "BYINT -10 LBOUND 5", "10", "0"],
  ["10", "BYINT 3 UBOUND 20", "13", "3"],
  ["5", "BYINT 5 UBOUND 10", "10", "5"],
  ["10", "BYINT -10 LBOUND 0", "0", "-10"],
  ["5", "LBOUND 0 BYINT 100 UBOUND 10 SATURATE", "10", "5"],
  [null, "BYINT 5 UBOUND 10", "5", "5"],
  [null, "BYINT 15 UBOUND 10", "0", "0"],
  [null, "BYINT 5 LBOUND 10", "0", "0"],
  [null, "UBOUND 0 SATURATE", "0", "0"],
  [null, "LBOUND 5 SATURATE", "5", "5"],
  // A value that is out of bounds already.
  ["50", "BYINT 5 UBOUND 30", "50", "0"],
  ["50", "BYINT 5 UBOUND 30 SATURATE", "30", "-20"],
  ["-50", "BYINT -5 LBOUND -30 SATURATE", "-30", "20"],
  ["50", "BYINT -25 UBOUND 30", "25", "-25"],
  ["10", "BYINT 5 LBOUND 20", "10", "0"],
  ["10", "BYINT -5 LBOUND 20 SATURATE", "20", "10"],
  ["10", "BYINT 5 LBOUND 10 UBOUND 10 SATURATE", "10", "0"],
  // The ends of 64 bits are bounds as well.
  [beyond, `BYINT ${beyond}`, beyond, "0"],
  [beyond, `BYINT ${beyond} SATURATE`, most, "7"],
  [beyond, `BYINT ${beyond} UBOUND ${most} SATURATE`, most, "7"],
  [`-${beyond}`, `BYINT -${beyond} SATURATE`, least, "-8"],
  [`-${beyond}`, `BYINT -${beyond} LBOUND ${least}`, `-${beyond}`, "0"],
  [most, "SATURATE", most, "0"],
  ["9007199254740993", "", "9007199254740994", "1"],
  ["10", `BYINT ${most} UBOUND 100 SATURATE`, "100", "90"],
];

const decimalCases: readonly Case[] = [
  ["1.5", "BYFLOAT 0.25", "1.75", "0.25"],
  ["1.75", "byfloat 1", "2.75", "1"],
  ["6", "BYFLOAT 0.5", "6.5", "0.5"],
  [null, "BYFLOAT 2.5", "2.5", "2.5"],
  ["0.1", "BYFLOAT 0.2", "0.3", "0.2"],
  ["10", "BYFLOAT 100 UBOUND 42.5 SATURATE", "42.5", "32.5"],
  ["0", "BYFLOAT -100 LBOUND -5.5 SATURATE", "-5.5", "-5.5"],
  ["10.0", "BYFLOAT 10.0 UBOUND 15.5", "10", "0"],
  ["10.0", "BYFLOAT -10.0 LBOUND 5.5 SATURATE", "5.5", "-4.5"],
  ["5.0", "BYFLOAT 5.0 UBOUND 10.0", "10", "5"],
  ["50.5", "BYFLOAT 5.5 UBOUND 30", "50.5", "0"],
  ["50.5", "BYFLOAT 5.5 UBOUND 30 SATURATE", "30", "-20.5"],
  ["-50.5", "BYFLOAT -5.5 LBOUND -30 SATURATE", "-30", "20.5"],
  ["50", "BYFLOAT -25 UBOUND 30", "25", "-25"],
  [null, "BYFLOAT 15.5 UBOUND 10", "0", "0"],
  [null, "BYFLOAT -0.5 UBOUND -1.5", "0", "0"],
  ["10", "BYFLOAT 1 UBOUND inf", "11", "1"],
  ["10", "BYFLOAT 1 LBOUND -inf", "11", "1"],
  ["10", "BYFLOAT 1 LBOUND -inf UBOUND -inf", "10", "0"],
  ["10", "BYFLOAT 1e4932 UBOUND 100 SATURATE", "100", "90"],
  ["10", "BYFLOAT -1e4932 LBOUND -100", "10", "0"],
];

describe("INCREX", () => {
  test.each(integerCases)("of %p with %p is %s, by %s", (before, options, value, applied) => {
    check(before, options, integers(value, applied), value);
  });

  test.each(decimalCases)("of %p with %p is %s, by %s", (before, options, value, applied) => {
    check(before, options, decimals(value, applied), value);
  });

  function check(before: string | null, options: string, reply: string, value: string): void {
    if (before !== null) bed.run("SET", "k", before);
    bed.recorded();
    expect(run(options)).toBe(reply);
    const effects = bed.recorded();
    if (effects.length > 0) expect(effects).toEqual([`SET k ${value}`]);
    // What was refused has not been written, and no key was made.
    else expect(bed.run("GET", "k")).toBe(before === null ? "$-1\r\n" : bulk(before));
  }

  test("refuses a result out of bounds without any change, and stores one that saturates", () => {
    bed.run("SET", "k", "10", "EX", 100);
    bed.recorded();
    expect(run("BYINT 100 UBOUND 15 EX 500")).toBe(integers("10", "0"));
    expect(run("BYINT 100 UBOUND 15 PERSIST")).toBe(integers("10", "0"));
    expect([bed.run("TTL", "k"), bed.recorded()]).toEqual([":100\r\n", []]);
    expect(run("BYINT 100 UBOUND 15 SATURATE EX 500")).toBe(integers("15", "5"));
    expect(bed.recorded()).toEqual([`SET k 15 PXAT ${now + 500_000}`]);
  });

  test("saturates at the largest number of 80 bits", () => {
    bed.run("SET", "k", "1e4932");
    const reply = run("BYFLOAT 1e4932 SATURATE");
    const stored = bed.run("GET", "k");
    expect(stored).toStartWith("$4933\r\n11897314953572317650");
    expect(reply).toStartWith(`*2\r\n${stored}`);
    expect(run("BYFLOAT 1e4932")).toBe(`*2\r\n${stored}${bulk("0")}`);
  });

  const time = "-ERR invalid expire time in 'increx' command\r\n";
  const enx = "-ERR ENX flag requires an expiration\r\n";
  const crossed = "-ERR LBOUND can't be greater than UBOUND\r\n";
  test.each([
    ["FOO", syntaxError],
    ["BYINT 1 FOO", syntaxError],
    ["BYINT", syntaxError],
    ["LBOUND", syntaxError],
    ["UBOUND", syntaxError],
    ["EX", syntaxError],
    ["BYINT 1 BYFLOAT 1.5", syntaxError],
    ["BYFLOAT 1.5 BYINT 1", syntaxError],
    ["BYINT 1 BYINT 2", syntaxError],
    ["LBOUND 0 LBOUND 1", syntaxError],
    ["UBOUND 9 UBOUND 8", syntaxError],
    ["SATURATE SATURATE", syntaxError],
    ["SAT LBOUND 0", syntaxError],
    ["ENX ENX EX 10", syntaxError],
    ["PERSIST PERSIST", syntaxError],
    ["EX 10 EX 20", syntaxError],
    ["EX 10 PX 5000", syntaxError],
    ["EX 10 EXAT 9999999999", syntaxError],
    ["PX 5000 PXAT 9999999999000", syntaxError],
    ["EX 10 PERSIST", syntaxError],
    ["PERSIST EX 10", syntaxError],
    ["PERSIST ENX", syntaxError],
    ["ENX PERSIST", syntaxError],
    ["ENX PERSIST EX 10", syntaxError],
    ["ENX", enx],
    ["BYINT 1 ENX", enx],
    ["BYINT abc", "-ERR Increment is not an integer or out of range\r\n"],
    ["BYINT 1.5", "-ERR Increment is not an integer or out of range\r\n"],
    ["BYINT 9223372036854775808", "-ERR Increment is not an integer or out of range\r\n"],
    ["BYFLOAT abc", "-ERR Increment is not a valid float\r\n"],
    ["BYFLOAT +inf", "-ERR BYFLOAT increment cannot be Infinity\r\n"],
    ["BYFLOAT -inf", "-ERR BYFLOAT increment cannot be Infinity\r\n"],
    ["LBOUND 1.5", "-ERR LBOUND is not an integer or out of range\r\n"],
    ["UBOUND inf", "-ERR UBOUND is not an integer or out of range\r\n"],
    ["BYFLOAT 1.5 LBOUND abc", "-ERR LBOUND is not a valid float\r\n"],
    ["UBOUND abc BYFLOAT 1.5", "-ERR UBOUND is not a valid float\r\n"],
    ["LBOUND 10 UBOUND 5", crossed],
    ["LBOUND 10 UBOUND 5 SATURATE", crossed],
    ["BYFLOAT 0.5 LBOUND 10.5 UBOUND 1.5", crossed],
    ["BYFLOAT 1 LBOUND inf", crossed],
    ["BYFLOAT 1 UBOUND -inf", crossed],
    ["EX 0", time],
    ["PX 0", time],
    ["EX -1", time],
    ["EX 9223372036854775807", time],
    ["EX x", notAnInteger],
  ])("refuses %s", (options, reply) => {
    bed.run("SET", "k", "5");
    bed.recorded();
    expect([run(options), bed.recorded()]).toEqual([reply, []]);
  });

  test.each([
    ["hello", "", notAnInteger],
    ["1.5", "BYINT 1", notAnInteger],
    [" 1", "", notAnInteger],
    ["x".repeat(100_000), "", notAnInteger],
    ["hello", "BYFLOAT 1.5", "-ERR value is not a valid float\r\n"],
    ["1".repeat(100_000), "BYFLOAT 1.5", "-ERR value is not a valid float\r\n"],
    ["inf", "BYFLOAT 1", "-ERR value cannot be Infinity\r\n"],
    ["-inf", "BYFLOAT 0 LBOUND -100", "-ERR value cannot be Infinity\r\n"],
    [beyond, `SATURATE UBOUND ${least}`, "-ERR applied increment would overflow\r\n"],
    [
      "10",
      "BYFLOAT 1 LBOUND inf UBOUND inf SATURATE",
      "-ERR applied increment would be Infinity\r\n",
    ],
    ["-1e4932", "BYFLOAT 1 LBOUND 1e4932 SATURATE", "-ERR applied increment would be Infinity\r\n"],
  ])("of a value like %.20s with %s is an error", (value, options, reply) => {
    bed.run("SET", "k", value);
    bed.recorded();
    expect([run(options), bed.recorded()]).toEqual([reply, []]);
  });

  test("keeps the time of the key unless an option says otherwise", () => {
    bed.run("SET", "k", "5", "EX", 1000);
    bed.recorded();
    run("");
    run("BYFLOAT 0.5");
    expect(bed.recorded()).toEqual([
      `SET k 6 PXAT ${now + 1_000_000}`,
      `SET k 6.5 PXAT ${now + 1_000_000}`,
    ]);
  });

  test.each([
    ["EX 100", now + 100_000],
    ["PX 1500", now + 1500],
    ["EXAT 4102444800", 4_102_444_800_000],
    ["PXAT 4102444800123", 4_102_444_800_123],
  ])("with %s sets the time of a new key and of an old one", (option, expiresAt) => {
    expect(run(`${option} BYINT 5`)).toBe(integers("5", "5"));
    bed.run("SET", "k", "5", "EX", 7);
    bed.recorded();
    expect(run(option)).toBe(integers("6", "1"));
    expect(bed.recorded()).toEqual([`SET k 6 PXAT ${expiresAt}`]);
  });

  test("with PERSIST removes the time", () => {
    bed.run("SET", "k", "5", "EX", 1000);
    bed.recorded();
    expect(run("PERSIST")).toBe(integers("6", "1"));
    expect(run("PERSIST")).toBe(integers("7", "1"));
    expect(bed.recorded()).toEqual(["SET k 6", "SET k 7"]);
  });

  test("with ENX sets the time only if there is none", () => {
    expect(run("EX 100 ENX")).toBe(integers("1", "1"));
    bed.x.now = now + 1000;
    expect(run("EX 100 ENX")).toBe(integers("2", "1"));
    expect(bed.run("TTL", "k")).toBe(":99\r\n");
    bed.run("PERSIST", "k");
    expect(run("ENX PX 5000")).toBe(integers("3", "1"));
    expect(bed.run("PTTL", "k")).toBe(":5000\r\n");
  });

  test("until a moment in the past deletes the key, and tells what it was", () => {
    bed.run("SET", "k", "10");
    bed.recorded();
    expect(run("EXAT 1")).toBe(integers("11", "1"));
    expect(bed.recorded()).toEqual(["DEL k"]);
    expect(run("PXAT 1 BYINT 7")).toBe(integers("7", "7"));
    expect(bed.recorded()).toEqual([]);
    bed.run("SET", "k", "10", "EX", 500);
    expect(run("EXAT 1 ENX")).toBe(integers("11", "1"));
    expect(bed.run("TTL", "k")).toBe(":500\r\n");
  });

  test("takes an expired key for a missing one", () => {
    bed.run("SET", "k", "10", "PX", 1);
    bed.x.now = now + 1;
    expect(run("EX 100 ENX")).toBe(integers("1", "1"));
    expect(bed.run("TTL", "k")).toBe(":100\r\n");
  });

  test.each([
    ["INCRBY", "BYINT", integer],
    ["INCRBYFLOAT", "BYFLOAT", float],
  ] as const)("without bounds counts as %s does, which redis-server judges", (plain, by, draw) => {
    const random = new Random(seedFor("INCREX_SEED"));
    for (let i = 0; i < repetitions(300, 2_000); i++) {
      const [value, increment] = [random.pick([...numbers, ...extremeFloats]), draw(random)];
      bed.run("MSET", "a", value, "k", value);
      const isRefused = bed.run(plain, "a", increment).startsWith("-");
      const reply = bed.run("INCREX", "k", by, increment);
      const told = [plain, value, increment, reply];
      expect([...told, bed.run("GET", "k")]).toEqual([...told, bed.run("GET", "a")]);
      if (!isRefused) expect(reply).toStartWith("*2\r\n");
    }
  });

  test("limits a rate in one command", () => {
    const replies = Array.from({ length: 5 }, () => run("UBOUND 3 EX 60 ENX"));
    const allowed = ["1", "2", "3"].map((count) => integers(count, "1"));
    expect(replies).toEqual([...allowed, integers("3", "0"), integers("3", "0")]);
    bed.x.now = now + 60_000;
    expect(run("UBOUND 3 EX 60 ENX")).toBe(integers("1", "1"));
  });

  test("needs a key, and changes nothing on a follower", () => {
    expect(bed.run("INCREX")).toBe("-ERR wrong number of arguments for 'increx' command\r\n");
    expect(bed.run("SET", "k", "5")).toBe(ok);
    bed.standing.follow("127.0.0.1:1");
    expect(run("")).toStartWith("-READONLY ");
  });
});
