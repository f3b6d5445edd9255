// The writer's output, read back by the reader, whole and cut at every byte.
// test/persistence/redis.test.ts uses the files of real servers.

import { describe, expect, test } from "bun:test";
import { RdbReader } from "../../../src/rdb/reader.ts";
import { everySplit, read, write } from "./snapshots.ts";

describe("rdb writer and reader", () => {
  const items = [
    ["key", "value", 0],
    ["", "", 1_700_000_000_123],
    ["\x00\xff\r\n", "\xfa\xfe\xff".repeat(40), 0],
    ["long", "x".repeat(70_000), 2 ** 41 + 7],
    ["middle", "y".repeat(300), 0],
  ] as const;
  const expected = items.map(([key, value, at]) => `${key}=${value}@${at}`);

  test("what is written is read", () => {
    const found = read(write(items));
    expect(found.items).toEqual(expected);
    expect(found.skipped).toEqual({});
  });

  test("auxiliary fields are read back", () => {
    expect(Object.fromEntries(read(write([])).aux)).toEqual({
      "redis-ver": "7.2.4",
      ctime: "1700000000",
      "used-mem": "100000",
      "repl-stream-db": "0",
      "repl-id": "a".repeat(40),
      "repl-offset": "1234",
    });
  });

  test("every split of a small file reads the same", () => {
    everySplit(write(items.filter(([, value]) => value.length < 1000)));
  });

  test("a value that arrives in many pieces is joined", () => {
    const bytes = write(items);
    const pieces = new Array(Math.ceil(bytes.length / 997)).fill(997);
    expect(read(bytes, pieces).items).toEqual(expected);
  });

  test("bytes after the end are not consumed", () => {
    const reader = new RdbReader({ item: () => {} });
    const bytes = write([["k", "v", 0]]);
    expect(reader.push(Buffer.concat([bytes, Buffer.from("stream")]))).toBe(bytes.length);
    expect(reader.done).toBe(true);
    expect(reader.push(Buffer.from("more"))).toBe(0);
  });

  test("a flipped bit is noticed with its offset", () => {
    const bytes = write([["key", "value", 0]]);
    bytes[bytes.indexOf("value")] ^= 1;
    expect(() => read(bytes)).toThrow(/^snapshot: the checksum is wrong, .* at byte \d+$/);
  });

  test("a truncated file is noticed at every length", () => {
    const bytes = write([["key", "value", 0]]);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => read(bytes.subarray(0, length))).toThrow("it ends in the middle");
    }
  });
});
