// Keys as the dashboard names them: in the path of a request, in a command, and in one line of
// text.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { argumentOf, bytesOf, lineOf, pathOf } from "../../../src/dashboard/key-bytes.ts";
import { keyIn } from "../../../src/node/admin/keys-api.ts";

test("the node finds in a path the bytes of the key", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), (key) => {
      const path = pathOf(key, 0);
      if (path === null) return expect(Buffer.from(key).toString()).toMatch(/^\.{1,2}$/);
      const { pathname } = new URL(path, "http://node");
      expect(keyIn(pathname.slice("/v1/keys/".length))).toEqual(Uint8Array.from(key));
    }),
  );
});

test("no URL names the empty key, . and ..", () => {
  expect(["", ".", ".."].map((key) => pathOf(Buffer.from(key), 0))).toEqual([null, null, null]);
});

test("a database other than 0 is named", () => {
  expect(pathOf(Buffer.from("a/b?"), 3)).toBe("/v1/keys/a%2fb%3f?db=3");
});

test("arguments come back as the same bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(bytesOf(argumentOf(bytes))).toEqual(Uint8Array.from(bytes));
    }),
  );
});

test("a line shows every byte, and different keys are different lines", () => {
  expect(lineOf(Buffer.from("a\nü\\x00"))).toBe("a\\x0aü\\\\x00");
  expect(lineOf(Uint8Array.of(0x61, 0xff, 0x5c))).toBe(String.raw`a\xff\\`);
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      if (!Buffer.from(a).equals(b)) expect(lineOf(a)).not.toBe(lineOf(b));
    }),
  );
});
