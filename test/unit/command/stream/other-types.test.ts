// Which key a command of another type replaces: a fixed argument, or one after options whose own
// arguments may look like options.

import { expect, test } from "bun:test";
import { destinationOf, otherTypeOf } from "../../../../src/command/stream/other-types.ts";
import { request } from "../bed.ts";

const cases: readonly (readonly [line: string, destination: string])[] = [
  ["sunionstore dst a b", "dst"],
  ["zrangestore dst src 0 -1", "dst"],
  ["geosearchstore dst src FROMMEMBER m BYRADIUS 1 km", "dst"],
  ["sort key", ""],
  ["sort key ALPHA DESC", ""],
  ["sort key STORE dst", "dst"],
  ["sort key BY store LIMIT 0 5 GET store GET # store dst", "dst"],
  ["sort key STORE first STORE dst", "dst"],
  ["sort key STORE", ""],
  ["georadius key 1 2 3 km", ""],
  ["georadius store 1 2 3 km COUNT 5 ANY ASC STORE dst", "dst"],
  ["georadius key 1 2 3 km STOREDIST dst", "dst"],
  ["georadiusbymember key store 3 km", ""],
  ["georadiusbymember key store 3 km STOREDIST first STORE dst", "dst"],
  ["lpush key value", ""],
  ["constructor key", ""],
];

test.each(cases)("%s replaces: %s", (line, destination) => {
  const words = line.split(" ");
  const index = destinationOf(words[0] as string, request(...words));
  expect(index === 0 ? "" : words[index]).toBe(destination);
});

test("a command belongs to one type, and commands on strings or on any type to none", () => {
  expect(["rpush", "sadd", "zadd", "hset", "xadd", "sort"].map(otherTypeOf)).toEqual([
    ...["list", "set", "zset", "hash", "stream", "list"],
  ]);
  expect(["evalsha", "script"].map(otherTypeOf)).toEqual(["script", "none"]);
  for (const name of ["set", "setbit", "rename", "json.set", "constructor"]) {
    expect(otherTypeOf(name)).toBeUndefined();
  }
});
