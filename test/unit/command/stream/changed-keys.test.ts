// Which keys a JOIN link sends again after a command of the stream: at least those that may have
// changed, also if the leader is a Redis, whose commands have their keys in different positions.

import { expect, test } from "bun:test";
import { changedKeys } from "../../../../src/command/stream/changed-keys.ts";
import { request } from "../bed.ts";

const selected = 3;

function keysOf(...words: string[]): string[] | "all" {
  const keys: string[] = [];
  const visitor = {
    key: (bytes: Uint8Array, start: number, end: number, database: number) => {
      const key = Buffer.from(bytes.subarray(start, end)).toString();
      keys.push(database === selected ? key : `${key} in ${database}`);
    },
  };
  return changedKeys(request(...words), selected, visitor) === null ? keys : "all";
}

test.each([
  ["SET a 1", ["a"]],
  ["MSET a 1 b 2", ["a", "b"]],
  ["DEL a b", ["a", "b"]],
  ["SETBIT a 7 1", ["a"]],
  ["PFMERGE a b c", ["a"]],
  ["PFCOUNT a", ["a"]],
  ["RESTORE a 0 payload", ["a"]],
  ["MSETEX 2 a 1 b 2 NX EX 10", ["a", "b"]],
  ["INCREX a EX 10", ["a"]],
  ["MOVE a 1", ["a", "a in 1"]],
  ["COPY b a DB 5", ["a", "a in 5"]],
  ["COPY b a DB 3", ["a"]],
  ["SUNIONSTORE a b", ["a"]],
  ["SORT a STORE b", ["a", "b"]],
  ["BITOP AND a b", ["a"]],
  ["COPY b a", ["a"]],
  ["NEWCOMMAND a b", ["a", "b"]],
  ["SPUBLISH a b", []],
  ["GET a", []],
])("%s changes no more than it may", (line, keys) => {
  expect(keysOf(...line.split(" "))).toEqual(keys);
});

test.each([
  "RENAME b a",
  "RENAME a b",
  "COPY b a REPLACE",
  "BITOP AND a b",
  "SORT b STORE a",
  "PFDEBUG GETREG a",
])("%s may change a", (line) => expect(keysOf(...line.split(" "))).toContain("a"));

test("a command that empties the database changes everything, one without data nothing", () => {
  expect(keysOf("FLUSHALL")).toBe("all");
  expect(keysOf("PUBLISH", "channel", "message")).toEqual([]);
});
