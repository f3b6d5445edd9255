// Lines as redis-cli splits them, and what of them no history may keep. Lines over a pipe are
// compared with redis-cli itself in test/cli/redis-cli.test.ts.

import { describe, expect, test } from "bun:test";
import { hasSecret, kindOf } from "../../../../src/cli/prompt/command-kinds.ts";
import { bytesText, splitLine } from "../../../../src/cli/prompt/redis-line.ts";

describe("the words of a line", () => {
  test.each([
    ["", []],
    ["  GET   a  ", ["GET", "a"]],
    ["GET\ta\r", ["GET", "a"]],
    [String.raw`"a\x00\xff\n\q" 'it\'s \n' ""`, ["a\0\xff\nq", "it's \\n", ""]],
    ['"unclosed', null],
    ["'unclosed", null],
    ['"a"b', null],
    ["a'b'", ["ab"]],
  ])("%p", (line, words) => {
    expect(splitLine(line)).toEqual(words);
  });

  test("are one character a byte, as what the terminal typed", () => {
    expect(splitLine(bytesText("ECHO é"))).toEqual(["ECHO", "\xc3\xa9"]);
  });
});

describe("a password is in", () => {
  test.each([
    ["AUTH secret"],
    ["auth user secret"],
    ["3 AUTH secret"],
    ["HELLO 3 AUTH user secret"],
    ["hello 3 setname me auth user secret"],
    ["ACL SETUSER a on >secret"],
    ["CONFIG SET requirepass secret"],
    ["config set maxmemory 1gb masterauth secret"],
    ["CONFIG SET leader-password secret"],
    ["MIGRATE host 6379 key 0 100 AUTH secret"],
    ["MIGRATE host 6379 key 0 100 AUTH2 user secret"],
    ["SENTINEL SET mymaster auth-pass secret"],
  ])("%p", (line) => {
    expect(hasSecret(line.split(" "))).toBe(true);
  });

  test.each([["GET auth"], ["HELLO 3"], ["ACL LIST"], ["CONFIG SET maxmemory 1gb"], ["3 GET a"]])(
    "not in %p",
    (line) => {
      expect(hasSecret(line.split(" "))).toBe(false);
    },
  );
});

test("CLEAR and CONNECT are the prompt's own only in their form", () => {
  expect(kindOf(["clear"])).toBe("local");
  expect(kindOf(["clear", "x"])).toBe("plain");
  expect(kindOf(["connect", "host", "1"])).toBe("local");
  expect(kindOf(["connect"])).toBe("plain");
});
