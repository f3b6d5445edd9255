// The binary protocol's decoder and encoder as byte tables. test/conformance tests its commands
// over a socket.

import { describe, expect, test } from "bun:test";
import { errorReply, readOnly } from "../../../../src/base/errors.ts";
import { Output } from "../../../../src/base/output.ts";
import { MscacheParser, opcode } from "../../../../src/protocol/mscache/mscache-parser.ts";
import { MscacheReply } from "../../../../src/protocol/mscache/mscache-reply.ts";
import { Request } from "../../../../src/protocol/request.ts";

function decode(pieces: readonly Uint8Array[]): { frames: string[][]; error: string } {
  const parser = new MscacheParser();
  const frames: string[][] = [];
  const request = new Request();
  for (const piece of pieces) {
    parser.feed(piece.slice());
    while (parser.next(request)) {
      frames.push(Array.from({ length: request.argc }, (_, i) => request.bytes(i).toHex()));
    }
    parser.release();
  }
  return { frames, error: parser.error };
}

const cases: [name: string, hex: string, frames: string[][], error?: string][] = [
  ["SET", "01 01000000 6b 02000000 7676 0a000000", [["01", "6b", "7676", "0a000000"]]],
  ["SET of nothing", "01 00000000 00000000 00000000", [["01", "", "", "00000000"]]],
  ["GET", "02 01000000 6b", [["02", "6b"]]],
  ["DEL", "03 02000000 6b6b", [["03", "6b6b"]]],
  ["JOIN", "04", [["04"]]],
  ["several frames", "04 02 01000000 6b 03 01000000 6a", [["04"], ["02", "6b"], ["03", "6a"]]],
  ["an unknown opcode", "02 01000000 6b 05", [["02", "6b"]], "unknown opcode 5"],
  ["a negative key length", "02 ffffffff", [], "length -1 is out of bounds"],
  ["a negative value length", "01 01000000 6b 000000ff", [], "length -16777216 is out of bounds"],
  ["an absurd value length", "01 01000000 6b ffffff7f", [], "length 2147483647 is out of bounds"],
];

describe("MscacheParser decodes", () => {
  for (const [name, hex, frames, error = ""] of cases) {
    test(`${name}, whole and split at every boundary`, () => {
      const whole = Uint8Array.fromHex(hex.replaceAll(" ", ""));
      expect(decode([whole])).toEqual({ frames, error });
      for (let at = 1; at < whole.length; at++) {
        expect(decode([whole.subarray(0, at), whole.subarray(at)])).toEqual({ frames, error });
      }
      expect(decode(Array.from(whole, (byte) => Uint8Array.of(byte)))).toEqual({ frames, error });
    });
  }
});

test("MscacheParser refuses a frame above the largest request as soon as its length is there", () => {
  const parser = new MscacheParser();
  parser.requestBytesMax = 19;
  parser.feed(Uint8Array.fromHex("01010000006b05000000"));
  expect(parser.next(new Request())).toBe(false);
  expect(parser.error).toBe("");
  parser.rewind(0);
  parser.feed(Uint8Array.fromHex("767676767601000000"));
  expect(parser.next(new Request())).toBe(true);
  parser.feed(Uint8Array.fromHex("01010000006b0a000000"));
  expect(parser.next(new Request())).toBe(false);
  expect(parser.error).toBe("too big request");
});

describe("MscacheReply encodes", () => {
  const value = Uint8Array.of(7, 8, 9);
  const answers: [string, number, (reply: MscacheReply) => void, string][] = [
    ["success", opcode.SET, (reply) => reply.ok(), "01"],
    ["an error", opcode.SET, (reply) => reply.error(errorReply("no")), "02"],
    ["a write on a follower", opcode.SET, (reply) => reply.error(readOnly), "04"],
    ["an error of GET", opcode.GET, (reply) => reply.error(errorReply("no")), "0200000000"],
    ["a missing key", opcode.GET, (reply) => reply.nil(), "0300000000"],
    ["a value", opcode.GET, (reply) => reply.bulk(value, 1, 3), "01020000000809"],
  ];
  for (const [name, code, answer, hex] of answers) {
    test(name, () => {
      const out = new Output();
      const reply = new MscacheReply(out);
      reply.begin(Request.of([Uint8Array.of(code)]));
      answer(reply);
      expect(out.view().toHex()).toBe(hex);
    });
  }
});

test("MscacheParser holds no memory after whole frames, even if nobody asked for one more", () => {
  const parser = new MscacheParser();
  for (let round = 0; round < 2; round++) {
    parser.feed(Uint8Array.of(opcode.GET, 1, 0, 0, 0, 0x6b));
    expect(parser.next(new Request())).toBe(true);
    parser.release();
    expect(parser.heldBytes()).toBe(0);
  }
});
