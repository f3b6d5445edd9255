/**
 * Draws literals of Lua for random scripts: numbers at the edges of integers and formats, strings
 * with any byte, patterns, formats and JSON, many of them damaged.
 * Invariant: a literal means the same on every server; none depends on an address or on time.
 */
import type { Random } from "../support/seed.ts";

const edges = [
  ...["0", "1", "-1", "2", "3", "7", "10", "255", "256", "-128", "0.5", "-0.5", "1.5", "2.5"],
  ...["3.14159", "0.1", "1e14", "1e15", "123456789012345", "12345678901234.5", "1e100", "1e-5"],
  ...["1e308", "-1e300", "5e-324", "2^31", "2^31-1", "-2^31", "-2^31-1", "2^32", "2^32+7"],
  ...["2^53", "2^53+1", "-2^53", "2^63", "-2^63", "2^64", "1/0", "-1/0", "100000", "65536"],
];
const numericTexts = ["10", "0x10", "0x", "1e3", " 5 ", "-7", "3.5", "1e", "+1", "1_0", "inf"];
const words = [
  ...["", "a", "b", "abc", "key", "hello world", "x=1, y=2", "The (quick) brown", "aXbXc", "%d"],
  ...["a,b,,c", "00ff", "foo.bar", "\\0", "\\0a\\0", "\\255\\254", "\\r\\n", "\\n", "ERR x", "OK"],
];
const patternItems = [
  ...["a", "b", "c", ".", "%a", "%d", "%s", "%w", "%p", "%l", "%u", "%x", "%z", "%c", "%A", "%D"],
  ...["%S", "%W", "[abc]", "[^abc]", "[a-z]", "[%d_]", "[^%s]", "[]]", "%.", "%%", "X", ",", "="],
  ...["%b()", "%f[%w]", "%bxy"],
];
const brokenPatterns = [
  "%",
  "[",
  "[a",
  "(",
  ")",
  "%1",
  "(()",
  "[^",
  "%b",
  "%f",
  "[%",
  "(%1)",
  "a)",
];

export function integer(random: Random): string {
  return String(random.between(-3, 12));
}

export function number(random: Random): string {
  return random.weighted<() => string>([
    [6, () => integer(random)],
    [5, () => `(${random.pick(edges)})`],
    [2, () => String(random.between(-2_000_000, 2_000_000))],
    [2, () => `(${(random.next() * 200 - 100).toPrecision(random.between(1, 17))})`],
    [1, () => `(${random.between(1, 999)}e${random.between(-20, 20)})`],
  ])();
}

/** Any byte, as Lua escapes it. */
export function bytes(random: Random, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += `\\${String(random.below(256)).padStart(3, "0")}`;
  return text;
}

export function string(random: Random): string {
  return random.weighted<() => string>([
    [6, () => `"${random.pick(words)}"`],
    [2, () => `"${random.pick(numericTexts)}"`],
    [2, () => `"${bytes(random, random.below(12))}"`],
    [2, () => `"${letters(random, random.below(20))}"`],
    [1, () => `"${letters(random, random.between(40, 300))}"`],
    [1, () => json(random)],
  ])();
}

function letters(random: Random, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++)
    text += random.pick(["a", "b", "c", "X", " ", "1", ",", "(", ")"]);
  return text;
}

// ---- patterns -----------------------------------------------------------------------------------

export function pattern(random: Random): string {
  if (random.chance(0.05)) return `"${random.pick(brokenPatterns)}"`;
  let text = random.chance(0.2) ? "^" : "";
  let open = 0;
  for (let n = random.between(1, 4); n > 0; n--) {
    if (random.chance(0.25)) {
      text += "(";
      open++;
    }
    if (!random.chance(0.1))
      text += random.pick(patternItems) + random.pick(["", "", "*", "+", "-", "?"]);
    if (open > 0 && random.chance(0.6)) {
      text += ")";
      open--;
    }
    if (random.chance(0.03)) text += "%1";
  }
  text += ")".repeat(open);
  return `"${text}${random.chance(0.15) ? "$" : ""}"`;
}

export function replacement(random: Random): string {
  return random.weighted<() => string>([
    [4, () => `"${random.pick(["", "x", "<%0>", "%1", "%1%1", "%%", "%2", "%", "\\0"])}"`],
    [1, () => `{a="A", b=1, c=false, ["1"]="one"}`],
    [
      1,
      () =>
        `function(s, t) return ${random.pick(["nil", "false", "s", "#s", "t", "'<'..s..'>'"])} end`,
    ],
    [0.3, () => `function(s) return {} end`],
  ])();
}

// ---- formats ------------------------------------------------------------------------------------

/** A format for string.format() and the arguments that go with it. */
export function format(random: Random): string {
  let text = "";
  const args: string[] = [];
  for (let n = random.between(1, 3); n > 0; n--) {
    const letter = random.pick([..."ddiuxXoceEfgGqsss"]);
    const flags = letter === "q" ? "" : formatFlags(random);
    text += `${random.pick(["", "", "a", "%%", "\\0"])}%${flags}${letter}`;
    args.push(formatArgument(random, letter));
  }
  if (random.chance(0.04)) text += random.pick(["%", "%y", "%123d", "%.123f", "%0000000d", "%5"]);
  if (random.chance(0.04)) args.pop();
  return [`"${text}"`, ...args].join(", ");
}

function formatFlags(random: Random): string {
  let flags = "";
  for (const flag of "-+ #0") if (random.chance(0.12)) flags += flag;
  if (random.chance(0.4)) flags += random.pick(["1", "5", "12", "20", "30"]);
  if (random.chance(0.3)) flags += random.pick([".", ".0", ".1", ".3", ".10", ".14", ".20"]);
  return flags;
}

function formatArgument(random: Random, letter: string): string {
  if (random.chance(0.05)) return random.pick(["nil", "{}", "true", '"x"']);
  if (letter === "q") return string(random);
  if (letter === "s") return random.chance(0.7) ? string(random) : number(random);
  if (letter === "c") return String(random.between(0, 300));
  return random.chance(0.1) ? '"12"' : number(random);
}

// ---- JSON, struct, MessagePack ------------------------------------------------------------------

/** A text that is JSON, or nearly. */
export function json(random: Random): string {
  let text = jsonValue(random, 0);
  if (random.chance(0.25)) {
    const at = random.below(text.length + 1);
    const inserted = random.pick([
      "",
      ",",
      "]",
      "}",
      "x",
      "\\",
      '"',
      "\0",
      "1",
      " ",
      ":",
      "-",
      "\x80",
    ]);
    text = text.slice(0, at) + inserted + text.slice(at + random.below(3));
  }
  return `"${escaped(text)}"`;
}

function escaped(text: string): string {
  return text.replace(/[^ !#-[\]-~]/g, (char) => {
    return `\\${String(char.charCodeAt(0) & 255).padStart(3, "0")}`;
  });
}

function jsonValue(random: Random, depth: number): string {
  const simple = () => random.pick(jsonSimple);
  if (depth > 3) return simple();
  const space = () => random.pick(["", "", " ", "\n", "\t "]);
  const list = (draw: () => string) => {
    return Array.from({ length: random.below(4) }, () => space() + draw() + space()).join(",");
  };
  return random.weighted<() => string>([
    [4, simple],
    [2, () => `[${list(() => jsonValue(random, depth + 1))}]`],
    [2, () => `{${list(() => `"k${random.below(5)}":${jsonValue(random, depth + 1)}`)}}`],
  ])();
}

const jsonSimple = [
  ...["0", "1", "-1", "1.5", "-0", "1e5", "1E-3", "01", "0x1F", "-0x.8p2", "1.", "-.5", "1e999"],
  ...["12345678901234567890", "0.1", "true", "false", "null", "nan", "inf", "-Infinity", "+1"],
  ...[
    '""',
    '"a"',
    '"\\n\\t\\u0041"',
    '"\\u00e9\\ud83d\\ude00"',
    '"\\ud83d"',
    '"a/b\\/"',
    '"\x80\xff"',
  ],
  ...["9007199254740993", "123456789012345", "1e-400", "[]", "{}", "tru", "nulll"],
];

export function structFormat(random: Random): string {
  const options = [
    ...["b", "B", "h", "H", "l", "L", "T", "i", "I", "i3", "I5", "i8", "I16", "f", "d", "s"],
    ...["x", "c0", "c1", "c3", " ", "<", ">", "!", "!2", "!4", "!8", "!16"],
  ];
  let text = "";
  for (let n = random.between(1, 5); n > 0; n--) text += random.pick(options);
  if (random.chance(0.03)) text += random.pick(["!3", "i33", "=", "q", "\\0b", "c99999999999"]);
  return `"${text}"`;
}

/** Bytes that begin as MessagePack does. */
export function message(random: Random): string {
  let text = "";
  for (let n = random.between(1, 8); n > 0; n--) {
    const byte = random.chance(0.6)
      ? random.pick([0xc0, 0xc2, 0xca, 0xcb, 0xcc, 0xcd]) + random.below(25)
      : random.below(256);
    text += `\\${String(Math.min(255, byte)).padStart(3, "0")}`;
    if (random.chance(0.3)) text += bytes(random, random.below(6));
  }
  return `"${text}"`;
}
