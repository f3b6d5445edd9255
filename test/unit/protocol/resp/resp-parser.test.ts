// The request decoder: every case whole, byte by byte and split at each boundary, and the texts of
// its refusals. Does not run commands.

import { describe, expect, test } from "bun:test";
import { lineBytesMax } from "../../../../src/base/limits.ts";
import { Request } from "../../../../src/protocol/request.ts";
import { RespParser } from "../../../../src/protocol/resp/resp-parser.ts";
import { encodeCommand } from "../../../support/wire.ts";

const encoder = new TextEncoder();
const bytes = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const latin1 = (part: Uint8Array) => String.fromCharCode(...part);

interface Decoded {
  commands: string[][];
  error: string;
}

/** Feeds the pieces one after the other and collects everything that comes out. */
function decode(pieces: readonly Uint8Array[], parser = new RespParser()): Decoded {
  const commands: string[][] = [];
  const request = new Request();
  for (const piece of pieces) {
    parser.feed(piece.slice());
    while (parser.next(request)) {
      commands.push(Array.from({ length: request.argc }, (_, i) => latin1(request.bytes(i))));
    }
    parser.release();
  }
  return { commands, error: parser.error };
}

function split(whole: Uint8Array, bytesEach: number): Uint8Array[] {
  const count = Math.ceil(whole.length / bytesEach);
  return Array.from({ length: count }, (_, i) =>
    whole.subarray(i * bytesEach, (i + 1) * bytesEach),
  );
}

const cases: [name: string, input: string, commands: string[][], error?: string][] = [
  ["an array of bulk strings", "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", [["GET", "k"]]],
  ["an empty argument", "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", [["ECHO", ""]]],
  ["line breaks and zero bytes in an argument", "*1\r\n$6\r\n\r\n\0$*\n\r\n", [["\r\n\0$*\n"]]],
  [
    "a pipeline",
    "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nPING x\r\n",
    [["PING"], ["ECHO", "hi"], ["PING", "x"]],
  ],
  ["empty and negative arrays as no command", "*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n", [["PING"]]],
  ["an inline command", "SET  key\tvalue \r\n", [["SET", "key", "value"]]],
  ["an inline command ended by a bare line feed", "PING\n", [["PING"]]],
  ["empty inline lines as no command", "\r\n\n\r\nPING\r\n", [["PING"]]],
  [
    "quotes and escapes in an inline command",
    `ECHO "a b\\n\\x41\\"" 'it\\'s' ""\r\n`,
    [["ECHO", 'a b\nA"', "it's", ""]],
  ],
  ["an unbalanced quote", 'ECHO "a\r\n', [], "Protocol error: unbalanced quotes in request"],
  ["text behind a quote", 'ECHO "a"b\r\n', [], "Protocol error: unbalanced quotes in request"],
  ["a count that is no number", "*x\r\n", [], "Protocol error: invalid multibulk length"],
  ["a count without digits", "*\r\n", [], "Protocol error: invalid multibulk length"],
  ["a count out of bounds", "*99999999999\r\n", [], "Protocol error: invalid multibulk length"],
  ["too many arguments", "*1048577\r\n", [], "Protocol error: invalid multibulk length"],
  ["an argument of another type", "*1\r\n:1\r\n", [], "Protocol error: expected '$', got ':'"],
  ["a negative length", "*1\r\n$-1\r\n", [], "Protocol error: invalid bulk length"],
  ["a length out of bounds", "*1\r\n$536870913\r\n", [], "Protocol error: invalid bulk length"],
  [
    "a length with a leading zero",
    "*1\r\n$03\r\nGET\r\n",
    [],
    "Protocol error: invalid bulk length",
  ],
  ["a length that is no number", "*1\r\n$1x\r\n", [], "Protocol error: invalid bulk length"],
  [
    "what was whole before a violation",
    "*1\r\n$4\r\nPING\r\n*1\r\nx",
    [["PING"]],
    "Protocol error: expected '$', got 'x'",
  ],
];

describe("RespParser decodes", () => {
  for (const [name, input, commands, error = ""] of cases) {
    const whole = bytes(input);
    const expected: Decoded = { commands, error };
    test(`${name}, whole`, () => {
      expect(decode([whole])).toEqual(expected);
    });
    test(`${name}, byte by byte`, () => {
      const single = Array.from(whole, (byte) => Uint8Array.of(byte));
      expect(decode(single)).toEqual(expected);
    });
    test(`${name}, split at every boundary`, () => {
      for (let at = 1; at < whole.length; at++) {
        expect(decode([whole.subarray(0, at), whole.subarray(at)])).toEqual(expected);
      }
    });
  }

  test("arguments of every number of digits, few and many, between other commands", () => {
    const lengths = [0, 1, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 100_000];
    for (let count = 1; count <= lengths.length; count++) {
      const args = lengths.slice(0, count).map((length) => "v".repeat(length));
      const parts = args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("");
      const input = bytes(`PING\r\n*${count}\r\n${parts}*1\r\n$4\r\nPING\r\n`);
      const expected = { commands: [["PING"], args, ["PING"]], error: "" };
      expect(decode([input])).toEqual(expected);
      expect(decode(split(input, 7))).toEqual(expected);
    }
  });

  test("a value that arrives in many pieces between other commands", () => {
    const value = "v".repeat(300_000);
    const input = bytes(`PING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$300000\r\n${value}\r\nPING\r\n`);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < input.length; at += 16_381) pieces.push(input.subarray(at, at + 16_381));
    expect(decode(pieces).commands).toEqual([["PING"], ["SET", "k", value], ["PING"]]);
  });
});

test("parsers that decode into one request keep their unfinished commands apart", () => {
  const commands = [
    ["SET", "first", "1"],
    ["GET", "second"],
    ["DEL", "k", "l", "m", "n"],
  ];
  const request = new Request();
  const parsers = commands.map(() => new RespParser());
  const encoded = commands.map((words) => encodeCommand(words));
  const decoded: string[][] = commands.map(() => []);
  const longest = Math.max(...encoded.map(({ length }) => length));
  for (let at = 0; at < longest; at++) {
    parsers.forEach((parser, i) => {
      if (at < encoded[i].length) parser.feed(encoded[i].slice(at, at + 1));
      if (!parser.next(request)) return;
      decoded[i] = Array.from({ length: request.argc }, (_, word) => latin1(request.bytes(word)));
    });
  }
  expect(decoded).toEqual(commands);
});

describe("RespParser rewinds", () => {
  test("to a command that arrived in two pieces, wherever it was cut", () => {
    const first = bytes("*2\r\n$3\r\nGET\r\n$2\r\nzz\r\n");
    const second = bytes("*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$8\r\nDEL k\r\nx\r\n");
    for (let cut = 1; cut < second.length; cut++) {
      const parser = new RespParser();
      const request = new Request();
      parser.feed(Uint8Array.from([...first, ...second.subarray(0, cut)]));
      expect(parser.next(request)).toBe(true);
      expect(parser.next(request)).toBe(false);
      parser.feed(second.slice(cut));
      expect(parser.next(request)).toBe(true);
      parser.rewind(request.origin);
      expect(parser.next(request)).toBe(true);
      const words = Array.from({ length: request.argc }, (_, i) => latin1(request.bytes(i)));
      expect(words).toEqual(["SET", "b", "DEL k\r\nx"]);
      expect(parser.next(new Request())).toBe(false);
      expect(parser.error).toBe("");
    }
  });
});

describe("RespParser bounds", () => {
  test("an endless line is refused, however it arrives", () => {
    const parser = new RespParser();
    const piece = encoder.encode("x".repeat(4096));
    for (let sent = 0; sent <= lineBytesMax && parser.error === ""; sent += piece.length) {
      parser.feed(piece);
      expect(parser.next(new Request())).toBe(false);
    }
    expect(parser.error).toBe("Protocol error: too big inline request");
  });

  test("an endless count is refused", () => {
    const input = bytes(`*${"1".repeat(lineBytesMax + 1)}`);
    expect(decode([input]).error).toBe("Protocol error: too big mbulk count string");
  });

  test("a client that has not logged in may send only ten short arguments", () => {
    const stranger = () => new RespParser({ authenticated: false });
    expect(decode([bytes("*11\r\n")], stranger()).error).toBe(
      "Protocol error: unauthenticated multibulk length",
    );
    expect(decode([bytes("*1\r\n$16385\r\n")], stranger()).error).toBe(
      "Protocol error: unauthenticated bulk length",
    );
    expect(decode([bytes("*10\r\n$16384\r\n")], stranger()).error).toBe("");
  });

  test("a request that would be too long is refused when its last argument is announced", () => {
    const small = () => new RespParser(undefined, false, 100);
    const refusal = { commands: [], error: "Protocol error: too big request" };
    expect(decode([bytes("*2\r\n$3\r\nGET\r\n$81\r\n")], small())).toEqual(refusal);
    const longest = "k".repeat(80);
    const fits = bytes(`*2\r\n$3\r\nGET\r\n$80\r\n${longest}\r\n`);
    expect(decode([fits], small())).toEqual({ commands: [["GET", longest]], error: "" });
    // Short arguments, however they arrive.
    const many = bytes(`*20\r\n${"$1\r\na\r\n".repeat(20)}`);
    expect(decode([many], small())).toEqual(refusal);
    const single = Array.from(many, (byte) => Uint8Array.of(byte));
    expect(decode(single, small())).toEqual(refusal);
    // A pipeline may have any length.
    const pipeline = bytes("*1\r\n$4\r\nPING\r\n".repeat(50));
    expect(decode([pipeline], small()).commands).toHaveLength(50);
    expect(decode(split(pipeline, 7), small()).commands).toHaveLength(50);
  });

  test("an announced length takes no memory before its bytes arrive", () => {
    const before = process.memoryUsage().arrayBuffers;
    const parsers = Array.from({ length: 64 }, () => {
      const parser = new RespParser();
      parser.feed(bytes("*1\r\n$536870912\r\nfirst"));
      expect(parser.next(new Request())).toBe(false);
      parser.feed(bytes("second"));
      expect(parser.next(new Request())).toBe(false);
      return parser;
    });
    expect(parsers.every((parser) => parser.pendingBytes() === 11)).toBe(true);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 128 * 1024);
  });
});

describe("memory at rest", () => {
  test("is that of the unfinished command, not of the chunk in which it began", () => {
    const parser = new RespParser();
    const ping = "*1\r\n$4\r\nPING\r\n";
    const begun = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nva";
    parser.feed(bytes(ping.repeat(30_000) + begun));
    while (parser.next(new Request()));
    parser.release();
    expect(parser.heldBytes()).toBeLessThanOrEqual(4096);
    expect(decode([bytes("lue\r\n"), bytes(ping)], parser)).toEqual({
      commands: [["SET", "key", "value"], ["PING"]],
      error: "",
    });
  });

  test("is nothing after whole commands, even if nobody asked for one more", () => {
    const parser = new RespParser();
    for (const round of [1, 2, 3]) {
      parser.feed(bytes("*1\r\n$4\r\nPING\r\n".repeat(round)));
      for (let i = 0; i < round; i++) expect(parser.next(new Request())).toBe(true);
      parser.release();
      expect(parser.heldBytes()).toBe(0);
    }
  });

  test("includes the room that an unfinished command of many arguments needs, until it ends", () => {
    const parser = new RespParser();
    parser.feed(bytes(`*200002\r\n$3\r\nDEL\r\n${"$0\r\n\r\n".repeat(200_000)}`));
    expect(parser.next(new Request())).toBe(false);
    parser.release();
    expect(parser.heldBytes()).toBeGreaterThan(200_000 * 8);
    const request = new Request();
    parser.feed(bytes("$1\r\nk\r\n"));
    expect(parser.next(request)).toBe(true);
    expect(request.argc).toBe(200_002);
    parser.release();
    expect(parser.heldBytes()).toBe(0);
  });
});
