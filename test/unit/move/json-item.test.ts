/**
 * Items as lines of JSON: whatever bytes an item has, its line gives them back, and a line that is
 * no item is refused in words.
 */

import { describe, expect, test } from "bun:test";
import { LineError, readItem, writeItem } from "../../../src/move/json-item.ts";
import { numberFromEnvironment, Random } from "../../support/seed.ts";

const now = 1_700_000_000_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const read = (line: string) => readItem(bytes(line), now);

test("text is written as text, other bytes as base64, and what is usual is left out", () => {
  const item = { database: 0, key: bytes("клю\nч"), value: bytes('a"b'), expiresAt: 0 };
  expect(writeItem(item)).toBe('{"key":"клю\\nч","value":"a\\"b"}\n');
  const binary = {
    database: 3,
    key: Uint8Array.of(255),
    value: Uint8Array.of(0, 200),
    expiresAt: 5,
  };
  expect(writeItem(binary)).toBe('{"key64":"/w==","value64":"AMg=","expires":5,"db":3}\n');
});

test("any item comes back as it was", () => {
  const seed = numberFromEnvironment("MSCACHE_TEST_SEED", Date.now() >>> 0);
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  const texts = ["", "a", "\u0000", "\uFEFFmark", "\u2028", "😀", "\\u0041", '{"key":1}', "\r\n"];
  const some = () =>
    random.chance(0.5) ? random.bytes(random.below(40)) : bytes(random.pick(texts));
  for (let i = 0; i < 2_000; i++) {
    const expiresAt = random.chance(0.5) ? 0 : random.between(1, 2 ** 40);
    const item = { database: random.below(16), key: some(), value: some(), expiresAt };
    const line = writeItem(item);
    expect(line.indexOf("\n")).toBe(line.length - 1);
    const { key, value, ...rest } = readItem(bytes(line), now);
    expect(rest).toEqual({ database: item.database, expiresAt });
    expect(Buffer.from(key).equals(item.key) && Buffer.from(value).equals(item.value)).toBe(true);
  }
});

test("a ttl counts from now on, and null is absent", () => {
  expect(read('{"key":"a","value":"","ttl":5}').expiresAt).toBe(now + 5);
  expect(read('{"key":"a","value":"","expires":null,"db":null}')).toMatchObject({
    ...{ expiresAt: 0, database: 0 },
  });
});

describe("a line is refused", () => {
  test.each([
    ["{", "it is no JSON"],
    ["[1]", "it is no object"],
    ["null", "it is no object"],
    ['{"value":"b"}', 'it needs "key" or "key64"'],
    ['{"key":"a","key64":"YQ==","value":"b"}', 'it needs "key" or "key64"'],
    ['{"key":"a"}', 'it needs "value" or "value64"'],
    ['{"key":"a","value":1}', "its value is no string"],
    ['{"key":"a","value64":"Y"}', "its value64 is no base64"],
    ['{"key":"a","value64":"YQ-="}', "its value64 is no base64"],
    ['{"key":"\\ud800","value":"b"}', "its key has half a character"],
    ['{"key":"a","value":"b","expires":"soon"}', "its expires is no whole number from 0 on"],
    ['{"key":"a","value":"b","expires":1.5}', "its expires is no whole number from 0 on"],
    ['{"key":"a","value":"b","ttl":0}', "its ttl is no whole number from 1 on"],
    ['{"key":"a","value":"b","ttl":1,"expires":1}', 'it has "expires" and "ttl"'],
    ['{"key":"a","value":"b","db":-1}', "its db is no whole number from 0 on"],
    ['{"key":"a","value":"b","tll":5}', 'it has a field "tll", which none knows'],
  ])("%s: %s", (line, words) => {
    expect(() => read(line)).toThrow(new LineError(words));
  });

  test("that is no UTF-8", () => {
    expect(() => readItem(Uint8Array.of(0x7b, 0xff, 0x7d), now)).toThrow("it is no UTF-8");
  });
});
