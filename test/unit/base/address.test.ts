/**
 * What an error about an address shows: the text, but no login that may stand in it. The options
 * that take addresses are tested elsewhere.
 */
import { expect, test } from "bun:test";
import { parseAddress } from "../../../src/base/address.ts";

test("an address that is a URL is refused without showing its login", () => {
  expect(() => parseAddress("redis://user:secret@cache:1")).toThrow('"...@cache:1" is not an');
  expect(() => parseAddress("cache")).toThrow('"cache" is not an address');
});
