/**
 * The counters: exact over all 64 bits, with Redis's errors at the limits; the expiry is kept, and
 * followers get the result. float.test.ts covers the arithmetic of decimals.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { repetitions } from "../../../support/repetitions.ts";
import { Random, seedFor } from "../../../support/seed.ts";
import { Bed, bulk, notAnInteger, now } from "../bed.ts";

const max = "9223372036854775807";
const min = "-9223372036854775808";
const overflow = "-ERR increment or decrement would overflow\r\n";

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

describe("an integer counter", () => {
  test("starts at 0", () => {
    expect(bed.run("INCR", "a")).toBe(":1\r\n");
    expect(bed.run("DECR", "b")).toBe(":-1\r\n");
    expect(bed.run("INCRBY", "c", 5)).toBe(":5\r\n");
    expect(bed.run("DECRBY", "d", 5)).toBe(":-5\r\n");
    expect(bed.recorded()).toEqual(["SET a 1", "SET b -1", "SET c 5", "SET d -5"]);
  });

  test("keeps its expiry, and followers get it with the result", () => {
    bed.run("SET", "k", "10", "EX", 10);
    expect(bed.run("DECRBY", "k", 10)).toBe(":0\r\n");
    expect(bed.run("TTL", "k")).toBe(":10\r\n");
    expect(bed.recorded()[1]).toBe(`SET k 0 PXAT ${now + 10_000}`);
  });

  test("is exact where doubles are not", () => {
    bed.run("SET", "k", "9007199254740991");
    expect(bed.run("INCR", "k")).toBe(":9007199254740992\r\n");
    expect(bed.run("INCR", "k")).toBe(":9007199254740993\r\n");
    expect(bed.run("DECRBY", "k", "9007199254740993")).toBe(":0\r\n");
    bed.run("SET", "k", min);
    expect(bed.run("INCRBY", "k", max)).toBe(":-1\r\n");
    expect(bed.run("GET", "k")).toBe(bulk("-1"));
  });

  test("refuses to exceed 64 bits and does not change", () => {
    bed.run("SET", "k", max);
    expect(bed.run("INCR", "k")).toBe(overflow);
    expect(bed.run("DECRBY", "k", `-${max}`)).toBe(overflow);
    expect(bed.run("DECRBY", "k", min)).toBe("-ERR decrement would overflow\r\n");
    expect(bed.run("GET", "k")).toBe(bulk(max));
    bed.run("SET", "k", min);
    expect(bed.run("DECR", "k")).toBe(overflow);
    expect(bed.recorded()).toEqual([`SET k ${max}`, `SET k ${min}`]);
  });

  const noIntegers = ["", " 1", "1 ", "+1", "01", "-0", "1.0", "x", "9223372036854775808"];
  noIntegers.push("123456789012345678901");
  for (const text of noIntegers) {
    test(`does not accept "${text}" as a number`, () => {
      bed.run("SET", "k", text);
      expect(bed.run("INCR", "k")).toBe(notAnInteger);
      expect(bed.run("INCRBY", "k", max)).toBe(notAnInteger);
      expect(bed.run("INCRBY", "none", text)).toBe(notAnInteger);
      expect(bed.run("DECRBY", "none", text)).toBe(notAnInteger);
      expect(bed.run("GET", "k")).toBe(bulk(text));
      expect(bed.run("EXISTS", "none")).toBe(":0\r\n");
    });
  }

  test("adds like a bigint at any size", () => {
    const random = new Random(seedFor("counter"));
    let value = 0n;
    bed.run("SET", "k", "0");
    for (let i = 0; i < repetitions(2_000, 20_000); i++) {
      const delta = someDelta(random);
      const down = random.chance(0.5);
      const sum = down ? value - delta : value + delta;
      const fits = sum === BigInt.asIntN(64, sum);
      const reply = bed.run(down ? "DECRBY" : "INCRBY", "k", String(delta));
      if (fits) value = sum;
      expect([delta, reply]).toEqual([delta, fits ? `:${sum}\r\n` : overflow]);
    }
  });
});

function someDelta(random: Random): bigint {
  const bits = random.between(0, 62);
  const word = (BigInt(random.below(2 ** 32)) << 31n) | BigInt(random.below(2 ** 31));
  const size = word & ((1n << BigInt(bits)) - 1n);
  return random.chance(0.5) ? -size : size;
}

describe("INCRBYFLOAT", () => {
  test("returns and stores the sum as decimal digits", () => {
    bed.run("SET", "k", "10.50");
    expect(bed.run("INCRBYFLOAT", "k", "0.1")).toBe(bulk("10.6"));
    expect(bed.run("GET", "k")).toBe(bulk("10.6"));
    expect(bed.run("INCRBYFLOAT", "new", "3.0e3")).toBe(bulk("3000"));
    expect(bed.recorded()).toEqual(["SET k 10.50", "SET k 10.6", "SET new 3000"]);
  });

  test("keeps the expiry", () => {
    bed.run("SET", "k", "1", "EX", 10);
    bed.run("INCRBYFLOAT", "k", "-1");
    expect(bed.recorded()[1]).toBe(`SET k 0 PXAT ${now + 10_000}`);
  });

  test("refuses a value that is not a number or not finite", () => {
    bed.run("SET", "k", "abc");
    expect(bed.run("INCRBYFLOAT", "k", "1")).toBe("-ERR value is not a valid float\r\n");
    expect(bed.run("INCRBYFLOAT", "none", "x")).toBe("-ERR value is not a valid float\r\n");
    bed.run("SET", "long", "1".repeat(6_000));
    expect(bed.run("INCRBYFLOAT", "long", "1")).toBe("-ERR value is not a valid float\r\n");
    expect(bed.run("INCRBYFLOAT", "none", "inf")).toBe(
      "-ERR increment would produce NaN or Infinity\r\n",
    );
    expect(bed.run("EXISTS", "none")).toBe(":0\r\n");
  });
});
