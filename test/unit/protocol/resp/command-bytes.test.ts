// A command as bytes, as parts and as text: the same in all three, and its lengths count bytes.
// That servers understand it is shown by the tests of whatever sends one.

import { describe, expect, test } from "bun:test";
import {
  commandBytes,
  commandParts,
  commandText,
} from "../../../../src/protocol/resp/command-bytes.ts";

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

describe("a command", () => {
  test("has as many words as it says, each with its length in bytes", () => {
    const bytes = commandBytes(["SET", "é", Uint8Array.of(0, 13, 10, 255), ""]);
    expect(latin1(bytes)).toBe(
      "*4\r\n$3\r\nSET\r\n$2\r\n\xc3\xa9\r\n$4\r\n\0\r\n\xff\r\n$0\r\n\r\n",
    );
  });

  test("is the same in parts, of which the words are the caller's own arrays", () => {
    const value = new Uint8Array(1000);
    const parts = commandParts(["ECHO", value]);
    expect(latin1(Buffer.concat(parts))).toBe(latin1(commandBytes(["ECHO", value])));
    expect(parts).toContain(value);
  });

  test("is the same as text of one character a byte", () => {
    expect(commandText(["ECHO", "\xc3\xa9"])).toBe(latin1(commandBytes(["ECHO", "é"])));
  });
});
