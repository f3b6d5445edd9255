// The reader alone: every kind of record, whole and cut at every byte. Unknown and broken input
// ends in an RdbError with a reason, and in no other exception.

import { describe, expect, test } from "bun:test";
import { RdbError } from "../../../src/rdb/format.ts";
import { RdbReader } from "../../../src/rdb/reader.ts";
import { Random, seedFor } from "../../support/seed.ts";
import { everySplit, file, part, read, str, write } from "./snapshots.ts";

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

  test("lengths of every width are read", () => {
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

  test("every other type is skipped and counted, at every split", () => {
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

  test("a Valkey file is read with Valkey's meaning of its types", () => {
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
    ["no snapshot", Buffer.from("HTTP/1.1 "), /these bytes are not a snapshot at byte 0/],
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

  test("mutated and truncated files are read or end in an RdbError, never in another exception", () => {
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

  test("random types and lengths after a good header end the same way", () => {
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
