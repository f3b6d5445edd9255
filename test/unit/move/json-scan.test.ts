/**
 * The quick reader of lines of JSON: what it accepts is what the slow one reads, byte for byte, for
 * lines of any kind and with any mistake; and the lines that we and others usually write are plain
 * to it. What a wrong line is refused with is in json-item.test.ts.
 */

import { expect, test } from "bun:test";
import { readItem, writeItem } from "../../../src/move/json-item.ts";
import { JsonScanner } from "../../../src/move/json-scan.ts";
import type { ItemBytes } from "../../../src/move/moved-item.ts";
import { numberFromEnvironment, Random } from "../../support/seed.ts";

const now = 1_700_000_000_000;
const bytes = (text: string) => new TextEncoder().encode(text);

interface Facts {
  readonly database: number;
  readonly key: string;
  readonly value: string;
  readonly expiresAt: number;
}

function factsOf(item: ItemBytes): Facts {
  const { database, expiresAt } = item;
  const text = (of: Uint8Array, start: number, end: number) =>
    Buffer.from(of.subarray(start, end)).toString("latin1");
  const key = text(item.key, item.keyStart, item.keyEnd);
  return { database, key, value: text(item.value, item.valueStart, item.valueEnd), expiresAt };
}

/** Between bytes that belong to other lines. Null: it is not plain. */
function scanned(scanner: JsonScanner, line: Uint8Array): Facts | null {
  const chunk = Buffer.concat([bytes('{"key":"b'), line, bytes('","value":"c"}')]);
  const start = 9;
  return scanner.scan(chunk, start, start + line.length, now) ? factsOf(scanner) : null;
}

function read(line: Uint8Array): Facts | null {
  try {
    const { database, key, value, expiresAt } = readItem(line, now);
    const text = (of: Uint8Array) => Buffer.from(of).toString("latin1");
    return { database, key: text(key), value: text(value), expiresAt };
  } catch {
    return null;
  }
}

test.each([
  '{"key":"a","value":"b"}',
  '{"key":"a","value":"b","expires":1893456000000,"db":2}',
  '{"key": "a", "value": "b", "ttl": 60000}',
  ' { "value" : "" , "key" : "клюöч😀" } ',
  '{"key":"a","value":"{\\"id\\":1,\\"name\\":\\"Ada\\",\\"path\\":\\"\\/a\\\\b\\"}"}',
  '{"key":"\\n\\r\\t\\b\\f","value":"a\\"b","expires":0,"db":0}',
])("%s is plain", (text) => {
  const line = bytes(text);
  const found = scanned(new JsonScanner(), line);
  expect(found).not.toBeNull();
  expect(found).toEqual(read(line));
});

test("a line of more than a mebibyte is left to the slow reader", () => {
  const line = (length: number) => bytes(`{"key":"a","value":"${"\\n".repeat(length)}"}`);
  expect(scanned(new JsonScanner(), line(1000))).toEqual(read(line(1000)));
  expect(scanned(new JsonScanner(), line(600_000))).toBeNull();
});

test("whatever is scanned is what is read", () => {
  const seed = numberFromEnvironment("MSCACHE_TEST_SEED", Date.now() >>> 0);
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  const scanner = new JsonScanner();
  const pieces = [
    ...['{"key":"', '"value":"', '"', ",", ":", "{", "}", "\\", "\\u0041", "\\ud800", '\\"'],
    ...['"expires":', '"ttl":', '"db":', '"key64":"YQ=="', '"tll":1', "null", "-1", "1.5", "1e3"],
    ...["0", "01", "999999999", "1234567890", "123456789012345", "1234567890123456", " ", "\t"],
    ...["\r", "\u0000", "ключ", "\uFEFF", "[", "]"],
  ];
  let plain = 0;
  for (let i = 0; i < 20_000; i++) {
    const line = someLine(random, pieces);
    const found = scanned(scanner, line);
    if (found === null) continue;
    plain++;
    expect({ line: Buffer.from(line).toString(), ...found }).toEqual({
      line: Buffer.from(line).toString(),
      ...(read(line) as Facts),
    });
  }
  expect(plain).toBeGreaterThan(2_000);
});

/** An item's line, with up to three mistakes. */
function someLine(random: Random, pieces: readonly string[]): Uint8Array {
  const texts = ["", "a", "user:1", '{"id":1}', "ключ", "line\nend", "\u0001", "back\\slash"];
  const binary = () => (random.chance(0.1) ? random.bytes(8) : bytes(random.pick(texts)));
  const item = { database: random.below(3), key: binary(), value: binary(), expiresAt: 0 };
  const expiresAt = random.chance(0.5) ? 0 : random.between(1, 2 ** 42);
  let line = bytes(writeItem({ ...item, expiresAt }).trimEnd());
  for (let mistakes = random.below(4); mistakes > 0; mistakes--) {
    const at = random.below(line.length + 1);
    const [until, piece] = [
      Math.min(line.length, at + random.below(3)),
      random.chance(0.2) ? random.bytes(1) : bytes(random.pick(pieces)),
    ];
    line = new Uint8Array(Buffer.concat([line.subarray(0, at), piece, line.subarray(until)]));
  }
  return line;
}
