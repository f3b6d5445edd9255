/**
 * The snapshot format: what the writer writes, the reader reads, at every split; every encoding and
 * type that a Redis may send; checksums; broken input.
 * Files of real servers are judged in test/persistence/redis.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { Crc64 } from "../../../src/rdb/crc64.ts";
import { RdbError } from "../../../src/rdb/format.ts";
import { decompress } from "../../../src/rdb/lzf.ts";
import { RdbReader } from "../../../src/rdb/reader.ts";
import { RdbWriter } from "../../../src/rdb/writer.ts";
import { Random, seedFor } from "../../support/seed.ts";

const header = {
  serverVersion: "7.2.4",
  replid: "a".repeat(40),
  offset: 1234,
  streamDatabase: 0,
  usedMemoryBytes: 100_000,
  createdAtMs: 1_700_000_000_999,
  items: 3,
  expiringItems: 1,
};

interface Found {
  items: string[];
  aux: Map<string, string>;
  skipped: Record<string, number>;
}

/** Reads bytes pushed in the given pieces; every piece is wiped afterwards, as a socket's buffer may be. */
function read(bytes: Uint8Array, pieces: readonly number[] = [bytes.length]): Found {
  const items: string[] = [];
  const aux = new Map<string, string>();
  const reader = new RdbReader({
    item: (key, ks, ke, value, vs, ve, expiresAt) => {
      items.push(`${latin1(key, ks, ke)}=${latin1(value, vs, ve)}@${expiresAt}`);
    },
    auxiliary: (name, value) => void aux.set(name, value),
  });
  let at = 0;
  for (const length of pieces) {
    const piece = new Uint8Array(bytes.subarray(at, at + length));
    const taken = reader.push(piece);
    piece.fill(0xee);
    at += taken;
    if (taken < length) break;
  }
  reader.finish();
  expect(reader.offset).toBe(at);
  return { items, aux, skipped: Object.fromEntries(reader.skipped) };
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString("latin1");
}

function write(items: readonly (readonly [string, string, number])[]): Buffer {
  const writer = new RdbWriter();
  const parts: Buffer[] = [];
  const take = () => {
    writer.sum();
    parts.push(Buffer.from(writer.output.view()));
    writer.clear();
  };
  writer.header(header);
  for (const [key, value, expiresAt] of items) {
    const name = Buffer.from(`#${key}#`, "latin1");
    const bytes = Buffer.from(value, "latin1");
    const source = {
      copyTo: (target: Uint8Array, at: number, from: number, length: number) =>
        target.set(bytes.subarray(from, from + length), at),
    };
    writer.item(name, 1, name.length - 1, source, bytes.length, expiresAt);
    take();
  }
  writer.end();
  take();
  return Buffer.concat(parts);
}

/** A file made by hand: magic, parts, end, no checksum. */
function file(...parts: (string | number[] | Uint8Array)[]): Buffer {
  return Buffer.concat([...parts, [0xff], new Uint8Array(8)].map(part));
}

function part(bytes: string | number[] | Uint8Array): Buffer {
  return typeof bytes === "string" ? Buffer.from(bytes, "latin1") : Buffer.from(bytes);
}

/** A short string in the format. */
function str(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, "latin1")]);
}

function everySplit(bytes: Buffer): void {
  const whole = read(bytes);
  expect(read(bytes, new Array(bytes.length).fill(1))).toEqual(whole);
  for (let at = 1; at < bytes.length; at++) {
    expect(read(bytes, [at, bytes.length - at])).toEqual(whole);
  }
}

describe("crc64", () => {
  test("has the check value of the Jones polynomial", () => {
    const crc = new Crc64();
    crc.update(Buffer.from("123456789"), 0, 9);
    expect(String(crc)).toBe("e9c6d914c4b8d9ca");
  });

  test("does not depend on how the bytes are cut", () => {
    const bytes = new Random(1).bytes(1000);
    const whole = new Crc64();
    whole.update(bytes, 0, bytes.length);
    for (const step of [1, 3, 7, 8, 9, 64, 333]) {
      const cut = new Crc64();
      for (let at = 0; at < 1000; at += step) cut.update(bytes, at, Math.min(1000, at + step));
      expect(String(cut)).toBe(String(whole));
    }
  });
});

describe("lzf", () => {
  test("literals, back references and overlapping references", () => {
    // "abc" as a literal, then 9 bytes from 3 back, then one literal
    const packed = Buffer.from([2, 0x61, 0x62, 0x63, (7 << 5) | 0, 0, 2, 0, 0x21]);
    expect(Buffer.from(decompress(packed, 0, packed.length, 13) ?? []).toString()).toBe(
      "abcabcabcabc!",
    );
  });

  test("input that reads before the start, past the end or to another length is refused", () => {
    expect(decompress(Buffer.from([0x20, 5]), 0, 2, 3)).toBeNull();
    expect(decompress(Buffer.from([5, 1, 2]), 0, 3, 6)).toBeNull();
    expect(decompress(Buffer.from([0, 1]), 0, 2, 2)).toBeNull();
    expect(decompress(Buffer.from([1, 1, 2]), 0, 3, 1)).toBeNull();
    expect(decompress(Buffer.from([0, 1, 0xe0]), 0, 3, 300)).toBeNull();
  });
});

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

  test("auxiliary fields arrive", () => {
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

  test("a value that comes in many pieces is put together", () => {
    const bytes = write(items);
    const pieces = new Array(Math.ceil(bytes.length / 997)).fill(997);
    expect(read(bytes, pieces).items).toEqual(expected);
  });

  test("bytes behind the end are left to others", () => {
    const reader = new RdbReader({ item: () => {} });
    const bytes = write([["k", "v", 0]]);
    expect(reader.push(Buffer.concat([bytes, Buffer.from("stream")]))).toBe(bytes.length);
    expect(reader.done).toBe(true);
    expect(reader.push(Buffer.from("more"))).toBe(0);
  });

  test("a flipped bit is noticed, and where", () => {
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

describe("rdb reader", () => {
  test("integer encodings become their decimal text", () => {
    const bytes = file(
      "REDIS0011",
      [0],
      str("a"),
      [0xc0, 0x85],
      [0],
      str("b"),
      [0xc1, 0x00, 0x80],
      [0, 0xc0, 7],
      [0xc2, 0xff, 0xff, 0xff, 0x7f],
    );
    expect(read(bytes).items).toEqual(["a=-123@0", "b=-32768@0", "7=2147483647@0"]);
    everySplit(bytes);
  });

  test("compressed strings are unpacked", () => {
    const packed = Buffer.from([2, 0x61, 0x62, 0x63, (7 << 5) | 0, 0, 2]);
    const bytes = file("REDIS0009", [0], str("k"), [0xc3, packed.length, 12], packed);
    expect(read(bytes).items).toEqual(["k=abcabcabcabc@0"]);
    everySplit(bytes);
  });

  test("lengths of every width are understood", () => {
    const value = "v".repeat(70);
    const bytes = file(
      "REDIS0009",
      [0],
      str("14"),
      [0x40, 70],
      value,
      [0],
      str("32"),
      [0x80, 0, 0, 0, 70],
      value,
      [0],
      str("64"),
      [0x81, 0, 0, 0, 0, 0, 0, 0, 70],
      value,
    );
    expect(read(bytes).items).toEqual([`14=${value}@0`, `32=${value}@0`, `64=${value}@0`]);
    everySplit(bytes);
  });

  test("expiry in seconds and milliseconds belongs to the next key only", () => {
    const bytes = file(
      "REDIS0003",
      [0xfd, 100, 0, 0, 0, 0],
      str("a"),
      str("1"),
      [0xfc, 1, 2, 0, 0, 0, 0, 0, 0, 0xf8, 5, 0xf9, 9, 0],
      str("b"),
      str("2"),
      [0],
      str("c"),
      str("3"),
    ).subarray(0, -8); // version 3 has no checksum
    expect(read(bytes).items).toEqual(["a=1@100000", "b=2@513", "c=3@0"]);
  });

  test("every other type is stepped over and counted, at every split", () => {
    const id = "i".repeat(16);
    const ms = "t".repeat(8);
    const group = (extra: number[], active: string) =>
      Buffer.concat(
        [
          [1],
          str("group"),
          [1, 2],
          extra,
          [1],
          id,
          ms,
          [3],
          [1],
          str("consumer"),
          ms,
          active,
          [1],
          id,
        ].map(part),
      );
    const five = [1, 2, 3, 4, 5];
    const bytes = file(
      "REDIS0012",
      [0xf5],
      str("function code"),
      [0xf4, 1, 2, 3],
      [0xf7, 9, 2, 1, 1, 7, 2, 8, 3, 1, 2, 3, 4, 4, 1, 2, 3, 4, 5, 6, 7, 8, 5],
      str("text"),
      [0],
      [1],
      str("list"),
      [2],
      str("x"),
      [0xc0, 5],
      [3],
      str("zset"),
      [3],
      str("m"),
      [3],
      "1.5",
      str("n"),
      [254],
      str("o"),
      [253],
      [4],
      str("hash"),
      [1],
      str("f"),
      str("v"),
      [5],
      str("zset2"),
      [1],
      str("m"),
      ms,
      [7],
      str("module"),
      [9, 1, 5, 0],
      [18],
      str("quicklist"),
      [1, 2],
      str("pack"),
      [20],
      str("setpack"),
      str("pack"),
      [15],
      str("stream"),
      [1],
      str(id),
      str("pack"),
      [1, 2, 3],
      group([], ""),
      [19],
      str("stream2"),
      [0, 1, 2, 3],
      five,
      group([4], ""),
      [21],
      str("stream3"),
      [0, 1, 2, 3],
      five,
      group([4], ms),
      [24],
      str("hash ttl"),
      ms,
      [1, 5],
      str("f"),
      str("v"),
      [0xfe, 3, 0],
      str("elsewhere"),
      str("x"),
      [0xfe, 0, 0],
      str("k"),
      str("v"),
    );
    expect(read(bytes)).toEqual({
      items: ["k=v@0"],
      aux: new Map(),
      skipped: {
        function: 1,
        list: 2,
        zset: 2,
        hash: 2,
        module: 1,
        set: 1,
        stream: 3,
        "other database": 1,
      },
    });
    everySplit(bytes);
  });

  test("a Valkey file is read, and its types are its own", () => {
    const bytes = file(
      "VALKEY080",
      [22],
      str("hash"),
      [1],
      str("f"),
      str("v"),
      "12345678",
      [0],
      str("k"),
      str("v"),
    );
    expect(read(bytes)).toMatchObject({ items: ["k=v@0"], skipped: { hash: 1 } });
  });

  test.each([
    ["no snapshot", Buffer.from("HTTP/1.1 "), /these bytes are no snapshot at byte 0/],
    ["version 0", file("REDIS0000"), /version 0 is not known/],
    [
      "an unknown type",
      file("REDIS0011", [99], str("k")),
      /type 99 of Redis is not known at byte 9/,
    ],
    ["module values of the first kind", file("REDIS0009", [6], str("k")), /type 6/],
    ["slot imports", file("VALKEY080", [0xf3]), /type 243 of Valkey/],
    ["a string where a length belongs", file("REDIS0009", [0xfe, 0xc0, 1]), /a length is expected/],
    ["an unknown length byte", file("REDIS0009", [0, 0x82]), /length byte 130 at byte 10/],
    ["an unknown string encoding", file("REDIS0009", [0, 0xc4]), /string encoding 196/],
    ["a length beyond 53 bits", file("REDIS0009", [0, 0x81, 1, 0, 0, 0, 0, 0, 0, 0]), /53 bits/],
    ["a packed string that lies", file("REDIS0009", [0, 0xc3, 2, 0x7f, 0xff, 1, 2]), /cannot give/],
    ["a packed string that is longer", file("REDIS0009", [0, 0xc3, 9, 7, 1, 2]), /cannot give/],
    ["an unknown element of an array", file("REDIS0014", [28, 1, 97, 1, 0, 0, 4]), /no element 4/],
    ["an array's head with a flag of 2", file("REDIS0014", [28, 1, 97, 1, 2]), /no form 2/],
    ["a hash without its template", file("REDIS0015", [32, 1, 97, 5]), /unknown template 5/],
    ["a packed string that is broken", file("REDIS0009", [0, 0xc3, 2, 3, 0xe0, 5]), /is broken/],
    ["an unknown part of a module", file("REDIS0009", [7], str("m"), [1, 9]), /has no part 9/],
  ] as const)("%s is refused with a reason", (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow(RdbError);
  });
});

describe("rdb reader fuzz", () => {
  const seed = seedFor("RDB_SEED");

  test("mutated and truncated files end in an RdbError or are read, and never in anything else", () => {
    const random = new Random(seed);
    const original = write([
      ["key", "value", 0],
      ["expiring", "x".repeat(300), 1_700_000_000_000],
      ["n", "123", 0],
    ]);
    for (let round = 0; round < 5_000; round++) {
      const bytes = Buffer.from(original.subarray(0, random.between(0, original.length)));
      const mutated = random.chance(0.5) ? Buffer.from(original) : bytes;
      for (let i = random.below(4); i > 0 && mutated.length > 0; i--) {
        mutated[random.below(mutated.length)] = random.below(256);
      }
      expectOrderly(mutated, random);
    }
  });

  test("random types and lengths behind a good header are orderly too", () => {
    const random = new Random(seed ^ 0x5eed);
    for (let round = 0; round < 5_000; round++) {
      const type = random.pick([
        1, 2, 3, 4, 5, 7, 15, 18, 21, 24, 26, 27, 28, 31, 32, 0xf7, 0xf3, 0xf2, 0,
      ]);
      const bytes = Buffer.concat([
        part("REDIS0011"),
        Buffer.from([type]),
        random.bytes(random.between(0, 80)),
      ]);
      expectOrderly(bytes, random);
    }
  });
});

function expectOrderly(bytes: Buffer, random: Random): void {
  const reader = new RdbReader({ item: () => {} });
  try {
    for (let at = 0; at < bytes.length && !reader.done; ) {
      at += reader.push(bytes.subarray(at, at + random.between(1, 200)));
    }
    reader.finish();
  } catch (error) {
    expect(error).toBeInstanceOf(RdbError);
  }
}
