/**
 * The arguments that random commands draw from: few keys, so that commands meet; values, numbers,
 * patterns and times chosen for their edges.
 * Draws no time that could run out during a test, and no length that would cost real memory.
 * Invariant: the same Random gives the same arguments.
 */
import type { Random } from "./seed.ts";
import type { Argument } from "./wire.ts";

/** Few, so that commands interact; binary, empty, glob and long ones among them. */
export const keys: readonly Buffer[] = [
  Buffer.from("a"),
  Buffer.from("b"),
  Buffer.from("key:1"),
  Buffer.from("key:2"),
  Buffer.from(""),
  Buffer.from("with space"),
  Buffer.from("gl*b?[x]\\"),
  Buffer.from([0, 1, 2, 13, 10, 255, 128]),
  Buffer.from("k".repeat(300)),
];

const texts: readonly Buffer[] = [
  Buffer.from(""),
  Buffer.from("x"),
  Buffer.from("hello world"),
  Buffer.from([0, 255, 13, 10, 36, 45, 49]),
  Buffer.from("v".repeat(1000)),
  Buffer.from("w".repeat(5000)),
];

/** Texts that are, nearly are, or only look like numbers. */
export const numbers: readonly string[] = [
  "0",
  "1",
  "-1",
  "10",
  "42",
  "-7",
  "100000",
  "3.0",
  "1.5",
  "-0.25",
  "0.1",
  "5e3",
  "1e-3",
  "3.14159",
  "2147483648",
  "4294967296",
  "9007199254740993",
  "9223372036854775806",
  "9223372036854775807",
  "-9223372036854775808",
  "9223372036854775808",
  "-9223372036854775809",
  "18446744073709551616",
  "99999999999999999999999999",
  "00",
  "01",
  "+1",
  "-0",
  " 1",
  "1 ",
  "",
  "-",
  "+",
  ".",
  ".5",
  "1.",
  "1_0",
  "0x10",
  "1e",
  "nan",
  "inf",
  "-inf",
  "Infinity",
  "one",
];

/** Magnitudes at which long double arithmetic and its formatting show themselves. */
export const extremeFloats: readonly string[] = [
  "1e17",
  "1e-17",
  "1e20",
  "-1e25",
  "1e-20",
  "0.1234567890123456789",
  "123456789.123456789",
  "17179869184.000001",
  "1e300",
  "1e4931",
  "1e5000",
  "4.94e-324",
];

export const patterns: readonly string[] = [
  "*",
  "a",
  "?",
  "key:*",
  "k*:[0-9]",
  "key:[^1]",
  "[a-b]",
  "[b-a]",
  "gl\\*b*",
  "*\\\\",
  "",
  "**",
  "[",
  "[]",
  "[^]",
  "a\\",
  "*[x]*",
  "K*",
];

export function key(random: Random): Buffer {
  return random.pick(keys);
}

export function value(random: Random): Argument {
  return random.weighted<() => Argument>([
    [4, () => random.pick(texts)],
    [4, () => random.pick(numbers)],
    [1, () => random.bytes(random.below(40))],
    [2, () => String(random.between(-1000, 1000))],
  ])();
}

/** A number for a command that wants an integer: mostly one that it will take. */
export function integer(random: Random): string {
  if (random.chance(0.7)) return String(random.between(-20, 20));
  return random.pick(numbers);
}

export function float(random: Random): string {
  return random.weighted<() => string>([
    [4, () => (random.between(-100_000, 100_000) / 1000).toString()],
    [3, () => random.pick(numbers)],
    [1, () => random.pick(extremeFloats)],
  ])();
}

/** Indices around both ends of short values, and absurd ones. */
export function index(random: Random): string {
  if (random.chance(0.8)) return String(random.between(-8, 8));
  return random.pick(["0", "-1", "999", "-999", "5000", "-5000", ...numbers]);
}

/** Offsets for SETRANGE: never between 5,000 and the size limit, which would only cost memory. */
export function offset(random: Random): string {
  if (random.chance(0.85)) return String(random.below(20));
  return random.pick(["-1", "4999", "536870912", "9223372036854775807", "x", "", "1.5"]);
}

const relativeStepS = 100;
const relativeSteps = 1_000_000;
const farAwayS = 4_102_444_800;

const largest = "9223372036854775807";

/** In the past, out of range or no number: answered at once and the same whenever it runs. */
const oddTimes: readonly string[] = [
  "0",
  "-1",
  "-1000",
  largest,
  "-9223372036854775808",
  "9223372036854775808",
  "1.5",
  "",
  "soon",
  "10x",
];

/** Around the largest number of seconds that fits into milliseconds: too much, counted from now. */
const halfwaySeconds: readonly string[] = ["9223372036854775", "9223372036854776"];

/**
 * Times for the EXPIRE family and the options of SET and GETEX. A relative time is drawn once per
 * sequence only: two equal ones, set a millisecond apart on one server and within the same one on
 * the other, would make GT and LT differ without anybody being wrong.
 */
export class Times {
  private readonly random: Random;
  private readonly used = new Set<number>();

  constructor(random: Random) {
    this.random = random;
  }

  relative(unit: "s" | "ms"): string {
    if (this.random.chance(0.25)) {
      return this.random.pick(unit === "s" ? [...oddTimes, ...halfwaySeconds] : oddTimes);
    }
    let step = 0;
    do step = this.random.between(10, relativeSteps);
    while (this.used.has(step));
    this.used.add(step);
    return String(step * relativeStepS * (unit === "s" ? 1 : 1000));
  }

  absolute(unit: "s" | "ms"): string {
    if (this.random.chance(0.25)) {
      // The largest number of milliseconds is a valid moment in Redis; ours end at 2^53 - 1.
      const odd = oddTimes.filter((time) => unit === "s" || time !== largest);
      return this.random.pick([...odd, unit === "s" ? "9007199254740" : "9007199254740991"]);
    }
    // Few distinct moments, far beyond every relative one, so that equal ones do meet.
    const moment = farAwayS + this.random.below(6) * 1000;
    return unit === "s" ? String(moment) : `${moment}${this.random.pick(["000", "001", "999"])}`;
  }
}
