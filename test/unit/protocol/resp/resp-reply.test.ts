// The reply encoder as a table of bytes in both versions of RESP, and numbers of every length and
// sign. test/unit/command tests which reply a command gives.

import { describe, expect, test } from "bun:test";
import { errorReply } from "../../../../src/base/errors.ts";
import { Output } from "../../../../src/base/output.ts";
import { RespReply } from "../../../../src/protocol/resp/resp-reply.ts";

function encode(version: 2 | 3, answer: (reply: RespReply) => void): string {
  const out = new Output(16);
  const reply = new RespReply(out);
  reply.switchProtocol(version);
  answer(reply);
  return String.fromCharCode(...out.view());
}

const bytes = new TextEncoder().encode("xhellox");
const source = {
  copyTo(target: Uint8Array, at: number, from: number, length: number) {
    target.set(bytes.subarray(from, from + length), at);
  },
};

const table: [string, (reply: RespReply) => void, resp2: string, resp3?: string][] = [
  ["ok", (r) => r.ok(), "+OK\r\n"],
  ["a status", (r) => r.simple("PONG"), "+PONG\r\n"],
  ["an error", (r) => r.error(errorReply("a\r\nb")), "-ERR a  b\r\n"],
  ["a bulk string", (r) => r.bulk(bytes, 1, 6), "$5\r\nhello\r\n"],
  ["a bulk string from a source", (r) => r.bulkFrom(source, 1, 5), "$5\r\nhello\r\n"],
  ["text beyond ASCII by its bytes", (r) => r.text("é"), "$2\r\n\xc3\xa9\r\n"],
  ["nothing", (r) => r.nil(), "$-1\r\n", "_\r\n"],
  ["no array", (r) => r.nilArray(), "*-1\r\n", "_\r\n"],
  ["true", (r) => r.boolean(true), ":1\r\n", "#t\r\n"],
  ["a double", (r) => r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"],
  ["infinity", (r) => r.double(Number.NEGATIVE_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n"],
  ["an array", (r) => r.array(2), "*2\r\n"],
  ["a map", (r) => r.map(2), "*4\r\n", "%2\r\n"],
  ["a set", (r) => r.set(2), "*2\r\n", "~2\r\n"],
  ["a push", (r) => r.push(2), "*2\r\n", ">2\r\n"],
  ["text for people", (r) => r.verbatim("hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"],
  [
    "the same in pieces",
    (r) => r.verbatim(["h", "", "é"]),
    "$3\r\nh\xc3\xa9\r\n",
    "=7\r\ntxt:h\xc3\xa9\r\n",
  ],
  ["a big integer", (r) => r.integer(9223372036854775807n), ":9223372036854775807\r\n"],
];

describe("RespReply encodes", () => {
  for (const [name, answer, resp2, resp3 = resp2] of table) {
    test(name, () => {
      expect(encode(2, answer)).toBe(resp2);
      expect(encode(3, answer)).toBe(resp3);
    });
  }

  test("integers of every length and sign", () => {
    const numbers = [0, 1, 9, 10, 2147483647, 2147483648, 4294967296, Number.MAX_SAFE_INTEGER];
    for (let digits = 1; digits <= 15; digits++) numbers.push(10 ** digits, 10 ** digits - 1);
    for (const number of numbers.flatMap((positive) => [positive, -positive || 0])) {
      expect(encode(2, (reply) => reply.integer(number))).toBe(`:${number}\r\n`);
    }
  });
});
