/**
 * The arithmetic of INCRBYFLOAT. The expected digits of the tables are those that redis-server 7.0
 * answered on x86-64; where it is installed, random numbers are compared with it as well.
 */
import { describe, expect, test } from "bun:test";
import { RedisClient } from "bun";
import {
  addLongDoubles,
  formatLongDouble,
  readLongDouble,
} from "../../src/command/string/float.ts";
import { noRedis, redisInstalled, startRedis } from "../harness.ts";
import { Random, seedFor } from "../support/seed.ts";

const noFloat = "ERR value is not a valid float";
const notFinite = "ERR increment would produce NaN or Infinity";

function sum(a: string, b: string): string {
  const left = read(a);
  const right = read(b);
  if (left === null || right === null) return noFloat;
  const total = addLongDoubles(left, right);
  return total === null ? notFinite : formatLongDouble(total);
}

function read(text: string) {
  const bytes = Buffer.from(`9${text}9`, "latin1");
  return readLongDouble(bytes, 1, bytes.length - 1);
}

const sums: [a: string, b: string, sum: string][] = [
  ["0.1", "0.2", "0.3"],
  ["10.50", "0.1", "10.6"],
  ["5.0e3", "0", "5000"],
  ["3.0e3", "200", "3200"],
  ["1", "-1", "0"],
  ["-0", "-0", "0"],
  ["0", "-1e-30", "0"],
  ["-1.5", "0.25", "-1.25"],
  ["1e-17", "0", "0.00000000000000001"],
  ["18446744073709551615", "0", "18446744073709551615"],
  // 2^64 + 1 needs 65 bits: ties go to the even neighbour.
  ["18446744073709551616", "1", "18446744073709551616"],
  ["18446744073709551616", "3", "18446744073709551620"],
  [".5", "1.", "1.5"],
  ["+1", "0x1.8p1", "4"],
  ["-0xA", "0", "-10"],
  ["1e4932", "1e4932", notFinite],
  ["inf", "1", notFinite],
  ["-Infinity", "1", notFinite],
];

describe("a sum of long doubles", () => {
  for (const [a, b, expected] of sums) {
    test(`of ${a} and ${b} is ${expected}`, () => expect(sum(a, b)).toBe(expected));
  }

  test("of the largest number keeps all of its digits", () => {
    const digits = sum("1.18973149535723176502e4932", "0");
    expect(digits).toHaveLength(4933);
    expect(digits.slice(0, 21)).toBe("118973149535723176502");
  });

  test("is exact where a double is not", () => {
    expect(sum("9007199254740993", "0.5")).toBe("9007199254740993.5");
  });
});

describe("no number is", () => {
  const texts = [
    "",
    " ",
    " 1",
    "1 ",
    ".",
    "+",
    "e5",
    "1e",
    "1e+",
    "0x",
    "0x1p",
    "1,5",
    "1_0",
    "nan",
  ];
  texts.push("infinit", "1\x002", "1e4933", "1e-5000", "0x1p16384", "0x1p-16447", "--1", "\xb2");
  for (const text of texts) {
    test(JSON.stringify(text), () => expect(read(text)).toBeNull());
  }

  test("a text of more than 5,119 bytes", () => {
    expect(read("0".repeat(5119))).not.toBeNull();
    expect(read("0".repeat(5120))).toBeNull();
  });

  test("one whose exponent alone is absurd, and finding out takes no time", () => {
    expect(read("1e999999999999999999999")).toBeNull();
    expect(read("1e-999999999999999999999")).toBeNull();
    expect(read("0e999999999999999999999")).toEqual({ mantissa: 0n, exponent: 0, infinite: false });
  });
});

// Elsewhere than on x86-64 a long double of redis has other bits.
const skipped = process.arch !== "x64" ? "not on x86-64" : redisInstalled() ? "" : noRedis;

test.skipIf(skipped !== "")(
  `random sums are those of redis-server${skipped === "" ? "" : ` (${skipped})`}`,
  async () => {
    await using redis = await startRedis();
    const client = new RedisClient(`redis://127.0.0.1:${redis.port}`);
    const random = new Random(seedFor("float"));
    const pairs = Array.from({ length: 2_000 }, () => [someNumber(random), someNumber(random)]);
    const expected = await Promise.all(
      pairs.map(async ([a, b]) => {
        client.send("SET", ["n", a]);
        return client.send("INCRBYFLOAT", ["n", b]).catch((error: Error) => error.message);
      }),
    );
    client.close();
    const differing = pairs.flatMap(([a, b], i) => (sum(a, b) === expected[i] ? [] : [[a, b]]));
    expect(differing).toEqual([]);
  },
);

function someNumber(random: Random): string {
  const digits = (max: number) =>
    Array.from({ length: random.between(1, max) }, () => random.below(10)).join("");
  const sign = random.pick(["", "-", "+"]);
  switch (random.below(6)) {
    case 0:
      return `${sign}${digits(6)}.${digits(3)}`;
    case 1:
      return `${sign}${digits(25)}.${digits(30)}`;
    case 2:
      return `${sign}${digits(3)}e${random.between(-5000, 5000)}`;
    case 3:
      return `${sign}0x${random.below(2 ** 31).toString(16)}p${random.between(-100, 100)}`;
    case 4:
      return `${sign}0.${"0".repeat(random.below(25))}${digits(4)}`;
    default:
      return String((random.next() - 0.5) * 10 ** random.below(25));
  }
}
