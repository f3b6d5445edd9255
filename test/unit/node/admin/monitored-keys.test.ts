/**
 * The keys of lines of MONITOR: those that the row of a command says, unquoted again, and no more
 * than the first few.
 */
import { describe, expect, test } from "bun:test";
import { monitorLine } from "../../../../src/command/terms/monitor-line.ts";
import { monitoredKeys } from "../../../../src/node/admin/monitored-keys.ts";
import { Request } from "../../../../src/protocol/request.ts";

function lineOf(...args: readonly string[]): string {
  const request = new Request();
  request.buf = Buffer.from(args.join(""), "latin1");
  let at = 0;
  for (const { length } of args) {
    request.push(at, at + length);
    at += length;
  }
  const shown = { name: args[0].toLowerCase(), flags: 0, row: {} };
  return monitorLine({ database: 3, address: "[::1]:80" }, shown, request, 1_700_000_000_000);
}

describe("keys in lines of MONITOR", () => {
  test.each([
    [["GET", "key"], ["key"]],
    [
      ["mget", "a", "b", "c"],
      ["a", "b", "c"],
    ],
    [
      ["MSET", "a", "1", "b", "2"],
      ["a", "b"],
    ],
    [
      ["SET", 'sp ace "quoted" \\ \n\r\t\x07\b\x00\xff', "v"],
      ['sp ace "quoted" \\ \n\r\t\x07\b\x00\xff'],
    ],
    [["GET", ""], [""]],
    [
      ["EVAL", "return 1", "2", "a", "b", "argument"],
      ["a", "b"],
    ],
  ])("of %j are %j", (args, keys) => {
    expect(monitoredKeys(lineOf(...args))).toEqual({ database: 3, keys });
  });

  test("a command without keys, or one that is not known, has none", () => {
    for (const args of [["PING"], ["EVAL", "return 1", "0", "argument"], ["nonsense", "key"]]) {
      expect(monitoredKeys(lineOf(...args))).toBeNull();
    }
    expect(monitoredKeys("no line")).toBeNull();
  });

  test("of very many keys only the first count", () => {
    const keys = Array.from({ length: 1000 }, (_, i) => `key${i}`);
    expect(monitoredKeys(lineOf("DEL", ...keys))?.keys).toEqual(keys.slice(0, 16));
  });
});
