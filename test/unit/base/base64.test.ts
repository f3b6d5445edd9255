/**
 * Base64 that somebody else wrote: read with its padding or without, and refused if it is none.
 * Lines and requests that hold some are judged elsewhere.
 */

import { expect, test } from "bun:test";
import { base64Bytes } from "../../../src/base/base64.ts";

test("padding may be there or not", () => {
  for (const text of ["", "/w==", "/w", "YWI=", "YWI", "YWJj"]) {
    expect(base64Bytes(text)).toEqual(Buffer.from(text, "base64"));
  }
});

test("what is no base64 is refused", () => {
  for (const text of [
    "Y",
    "YWJjY",
    "=",
    "==",
    "/w=",
    "YW==J",
    "YWJj=",
    "YWJj==",
    "YWI==",
    "Y Q=",
    "-_8=",
  ]) {
    expect(base64Bytes(text)).toBeNull();
  }
});

test("a text of many megabytes is read", () => {
  const bytes = Buffer.alloc(12 * 1024 * 1024 + 1, "mscache");
  expect(base64Bytes(bytes.toString("base64"))?.equals(bytes)).toBe(true);
});
