// The reply parser against a table of replies, each one whole, byte by byte and split at every
// boundary; against bytes that are not a reply; and against random trees of replies, cut at random.
// The encoder of the fuzzer is written from the RESP3 specification and shares nothing with src.

import { describe, expect, test } from "bun:test";
import {
  PushReply,
  type Reply,
  ReplyError,
  ReplyFormatError,
  type ReplyLimits,
  ReplyParser,
} from "../../../../src/protocol/resp/reply-parser.ts";
import { numberFromEnvironment, Random, seedFor } from "../../../support/seed.ts";

/** All replies in the chunks; what is incomplete at the end is left out. */
function parse(
  chunks: readonly Uint8Array[],
  { asBytes = false, limits = {} }: { asBytes?: boolean; limits?: ReplyLimits } = {},
): Reply[] {
  const parser = new ReplyParser(limits);
  const replies: Reply[] = [];
  for (const chunk of chunks) {
    parser.feed(chunk);
    for (let reply = parser.next(asBytes); reply !== undefined; reply = parser.next(asBytes)) {
      replies.push(reply);
    }
  }
  return replies;
}

/** One byte for each character. */
const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const bytes = (text: string): Uint8Array => new Uint8Array(latin1(text));

function singleBytes(whole: Uint8Array): Uint8Array[] {
  return Array.from(whole, (_, at) => whole.subarray(at, at + 1));
}

const cases: [name: string, wire: string, ...replies: Reply[]][] = [
  ["a status", "+OK\r\n", "OK"],
  ["an empty status", "+\r\n", ""],
  ["an error with a code", "-WRONGTYPE no\r\n", new ReplyError("WRONGTYPE no")],
  ["an error of one word", "-ERR\r\n", new ReplyError("ERR")],
  ["integers", ":0\r\n:7\r\n:-12\r\n:+3\r\n", 0, 7, -12, 3],
  ["minus zero as zero", ":-0\r\n", 0],
  ["the largest exact integer", ":9007199254740991\r\n", 9007199254740991],
  ["an integer beyond 2^53", ":9007199254740993\r\n", 9007199254740993n],
  ["the smallest 64-bit integer", ":-9223372036854775808\r\n", -9223372036854775808n],
  ["a value", "$5\r\nhello\r\n", "hello"],
  ["an empty value", "$0\r\n\r\n", ""],
  ["a value with line breaks", "$6\r\na\r\n$1\r\r\n", "a\r\n$1\r"],
  ["a value in UTF-8", "$4\r\n\xc3\xa9\xc3\xa8\r\n", "éè"],
  ["a value with a byte order mark", "$4\r\n\xef\xbb\xbfa\r\n", "\ufeffa"],
  ["bytes that are not UTF-8", "$2\r\n\xff\x00\r\n", "\ufffd\0"],
  ["RESP2's null value", "$-1\r\n", null],
  ["RESP2's null array", "*-1\r\n", null],
  ["null", "_\r\n", null],
  ["booleans", "#t\r\n#f\r\n", true, false],
  ["doubles", ",1.5\r\n,-2\r\n,1e3\r\n,2.\r\n", 1.5, -2, 1000, 2],
  ["infinities", ",inf\r\n,-inf\r\n", Infinity, -Infinity],
  ["not a number", ",nan\r\n", Number.NaN],
  ["big numbers", "(123456789012345678901\r\n(-5\r\n(+5\r\n", 123456789012345678901n, -5n, 5n],
  ["an error with a length", "!8\r\nERR a\r\nb\r\n", new ReplyError("ERR a\r\nb")],
  ["verbatim text without its format", "=8\r\ntxt:a\r\nb\r\n", "a\r\nb"],
  ["empty verbatim text", "=4\r\nmkd:\r\n", ""],
  ["an empty array", "*0\r\n", []],
  ["an array", "*3\r\n$1\r\na\r\n:1\r\n$-1\r\n", ["a", 1, null]],
  ["an error inside an array", "*2\r\n-ERR x\r\n+y\r\n", [new ReplyError("ERR x"), "y"]],
  ["nested arrays", "*2\r\n*2\r\n:1\r\n*0\r\n*1\r\n:2\r\n", [[1, []], [2]]],
  ["a map", "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n", mapOf(["a", 1], ["b", [2]])],
  ["an empty map", "%0\r\n", new Map()],
  ["a set", "~2\r\n+a\r\n+b\r\n", new Set(["a", "b"])],
  ["an empty set", "~0\r\n", new Set()],
  ["a push between replies", ">2\r\n+kind\r\n:1\r\n+x\r\n", new PushReply(["kind", 1]), "x"],
  ["an empty push", ">0\r\n", new PushReply([])],
  ["a reply after its attributes", "|1\r\n+ttl\r\n:9\r\n$1\r\nv\r\n", "v"],
  ["attributes inside an array", "*2\r\n|1\r\n+a\r\n*1\r\n:1\r\n:5\r\n:6\r\n", [5, 6]],
  ["empty attributes", "|0\r\n:1\r\n", 1],
  ["a pipeline", "+OK\r\n$1\r\na\r\n*1\r\n:1\r\n_\r\n", "OK", "a", [1], null],
];

function mapOf(...entries: [Reply, Reply][]): Map<Reply, Reply> {
  return new Map(entries);
}

describe("the reply parser reads", () => {
  for (const [name, wire, ...expected] of cases) {
    const whole = latin1(wire);
    test(`${name}, whole`, () => expect(parse([whole])).toEqual(expected));
    test(`${name}, byte by byte`, () => expect(parse(singleBytes(whole))).toEqual(expected));
    test(`${name}, split at every boundary`, () => {
      for (let at = 1; at < whole.length; at++) {
        expect(parse([whole.subarray(0, at), whole.subarray(at)])).toEqual(expected);
      }
    });
  }

  test("nothing from an empty chunk", () => {
    expect(parse([latin1(""), latin1("+O"), latin1(""), latin1("K\r\n")])).toEqual(["OK"]);
  });

  test("a plain Uint8Array that views part of a larger buffer", () => {
    const larger = bytes("....$1\r\na\r\n....");
    expect(parse([larger.subarray(4, 11)])).toEqual(["a"]);
  });
});

describe("as bytes", () => {
  const long = "\x81".repeat(70);
  const values = "*5\r\n$3\r\na\xff\0\r\n$0\r\n\r\n$-1\r\n=5\r\ntxt:\x80\r\n";
  const whole = latin1(`${values}$70\r\n${long}\r\n+OK\r\n-ERR x\r\n`);
  const expected = [
    [bytes("a\xff\0"), bytes(""), null, bytes("\x80"), bytes(long)],
    "OK",
    new ReplyError("ERR x"),
  ];

  test("values are byte arrays; statuses and errors stay text", () => {
    expect(parse([whole], { asBytes: true })).toEqual(expected);
    expect(parse(singleBytes(whole), { asBytes: true })).toEqual(expected);
    for (let at = 1; at < whole.length; at++) {
      const chunks = [whole.subarray(0, at), whole.subarray(at)];
      expect(parse(chunks, { asBytes: true })).toEqual(expected);
    }
  });

  test("a value owns its memory, so a small one does not keep a large chunk alive", () => {
    const chunk = latin1("$5\r\nhello\r\n$5\r\nwor");
    const [first] = parse([chunk], { asBytes: true });
    const [, second] = parse([latin1("$5\r\nhello\r\n$5\r\nwor"), latin1("ld\r\n")], {
      asBytes: true,
    });
    chunk.fill(0);
    expect(first).toEqual(bytes("hello"));
    expect(second).toEqual(bytes("world"));
    for (const value of [first, second]) expect((value as Uint8Array).buffer.byteLength).toBe(5);
  });
});

describe("the reply parser is bounded", () => {
  test("an announced length takes no memory before the bytes arrive", () => {
    const before = process.memoryUsage().arrayBuffers;
    const parsers = Array.from({ length: 20 }, () => {
      const parser = new ReplyParser();
      parser.feed(latin1(`$${512 * 1024 * 1024}\r\nx`));
      expect(parser.next(true)).toBeUndefined();
      return parser;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
    expect(parsers).toHaveLength(20);
  });

  test("a value and a line that arrive byte by byte take linear time", () => {
    const value = "v".repeat(300_000);
    const line = "l".repeat(60_000);
    const whole = latin1(`$${value.length}\r\n${value}\r\n+${line}\r\n`);
    expect(parse(singleBytes(whole))).toEqual([value, line]);
  });

  test.each([
    ["a value", "$11\r\n", { bulkBytes: 10 }],
    ["a line", `+${"x".repeat(11)}\r\n`, { lineBytes: 10 }],
    ["a line without an end", "x".repeat(11), { lineBytes: 10 }],
    ["an aggregate", "*11\r\n", { elements: 10 }],
    ["nesting", "*1\r\n*1\r\n*1\r\n", { depth: 2 }],
  ])("%s beyond its limit is refused", (_name, wire, limits) => {
    expect(() => parse([latin1(wire)], { limits })).toThrow(ReplyFormatError);
    expect(() => parse(singleBytes(latin1(wire)), { limits })).toThrow(ReplyFormatError);
  });

  test("a reply exactly at a limit is accepted", () => {
    const limits = { bulkBytes: 3, lineBytes: 6, elements: 2, depth: 2 };
    const wire = latin1("*2\r\n*1\r\n$3\r\nabc\r\n+lin\r\n");
    expect(parse([wire], { limits })).toEqual([[["abc"], "lin"]]);
    expect(parse(singleBytes(wire), { limits })).toEqual([[["abc"], "lin"]]);
  });
});

describe("the reply parser refuses", () => {
  test.each([
    ["an unknown type", "@1\r\n"],
    ["an HTTP answer", "HTTP/1.1 400 Bad Request\r\n"],
    ["an empty line", "\r\n"],
    ["a bare line feed", "+OK\n"],
    ["a length below -1", "$-2\r\n"],
    ["an absurd length", "$99999999999999999999\r\n"],
    ["a length that is no number", "$x\r\n"],
    ["a missing length", "$\r\n"],
    ["a streamed value", "$?\r\n"],
    ["a negative map", "%-1\r\n"],
    ["an integer without digits", ":-\r\n"],
    ["an integer with a fraction", ":1.5\r\n"],
    ["a value that is longer than announced", "$1\r\nab\r\n"],
    ["a value that ends in CR and something else", "$1\r\na\rx"],
    ["a boolean that is neither", "#x\r\n"],
    ["a null with content", "_x\r\n"],
    ["a double that is none", ",abc\r\n"],
    ["a big number with a fraction", "(1.5\r\n"],
    ["verbatim text without its format", "=3\r\ntxt\r\n"],
    ["a push inside an array", "*1\r\n>1\r\n:1\r\n"],
  ])("%s", (_name, wire) => {
    expect(() => parse([latin1(wire)])).toThrow(ReplyFormatError);
    expect(() => parse(singleBytes(latin1(wire)))).toThrow(ReplyFormatError);
  });

  test("a second chunk before the first was read, since that is a caller's mistake", () => {
    const parser = new ReplyParser();
    parser.feed(latin1("+OK\r\n"));
    expect(() => parser.feed(latin1("+OK\r\n"))).toThrow("feed() before");
  });
});

describe("random replies", () => {
  const random = new Random(seedFor("MSCACHE_REPLY_SEED"));
  const rounds = numberFromEnvironment("MSCACHE_REPLY_ROUNDS", 300);

  test("are decoded unchanged, however the stream is cut", () => {
    for (let round = 0; round < rounds; round++) {
      const expected = Array.from({ length: random.between(1, 5) }, () => randomReply(random, 3));
      const whole = Buffer.concat(expected.map(encode));
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < whole.length; ) {
        const end = Math.min(whole.length, at + random.between(1, random.pick([3, 20, 500])));
        chunks.push(whole.subarray(at, end));
        at = end;
      }
      expect(parse(chunks, { asBytes: true })).toEqual(expected);
    }
  });
});

function randomReply(random: Random, depth: number): Reply {
  const scalars: (() => Reply)[] = [
    () => new Uint8Array(random.bytes(random.pick([0, 1, 2, 13, 64, 65, 400]))),
    () => `status ${random.below(1000)}`,
    () => random.between(-1_000_000, 1_000_000),
    () => random.chance(0.5),
    () => null,
    () => 2n ** 70n + BigInt(random.below(1000)),
    () => new ReplyError(`ERR ${random.below(1000)}`),
  ];
  if (depth === 0 || random.chance(0.5)) return random.pick(scalars)();
  const items = Array.from({ length: random.below(4) }, () => randomReply(random, depth - 1));
  if (random.chance(0.7)) return items;
  return mapOf(...items.map((item, index): [Reply, Reply] => [index, item]));
}

function encode(reply: Reply): Buffer {
  if (reply instanceof Uint8Array) {
    return Buffer.concat([latin1(`$${reply.length}\r\n`), reply, latin1("\r\n")]);
  }
  if (reply instanceof ReplyError) return latin1(`-${reply.text}\r\n`);
  if (Array.isArray(reply)) {
    return Buffer.concat([latin1(`*${reply.length}\r\n`), ...reply.map(encode)]);
  }
  if (reply instanceof Map) {
    const flat = [...reply].flat().map(encode);
    return Buffer.concat([latin1(`%${reply.size}\r\n`), ...flat]);
  }
  if (reply === null) return latin1("_\r\n");
  if (typeof reply === "boolean") return latin1(reply ? "#t\r\n" : "#f\r\n");
  if (typeof reply === "bigint") return latin1(`(${reply}\r\n`);
  return latin1(typeof reply === "number" ? `:${reply}\r\n` : `+${reply}\r\n`);
}
