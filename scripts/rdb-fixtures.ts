/**
 * Small RDB files of every version from 1 to 15 and of Valkey, most of which no current program
 * writes: each has strings, and values of the other types that its version introduced.
 *
 *     bun scripts/rdb-fixtures.ts DIRECTORY     # writes them, for redis-check-rdb and the like
 *
 * Origin: made here byte by byte, following the loaders in Redis's `rdb.c` and `rdb.h` (up to 7.4;
 * from version 13 on, other readers and the notes of librdb) and Valkey's (9.0), which still read
 * all earlier versions; no file contains real data. It shares no code with `src`, which it tests.
 * A test asserts that redis-check-rdb 7.0 accepts the files up to version 10.
 */
import { join } from "node:path";

export interface RdbFixture {
  readonly name: string;
  /** Which program wrote such files, and what was new in them. */
  readonly origin: string;
  readonly bytes: Buffer;
  /** The strings in it, as `key=value@expiry`. */
  readonly strings: readonly string[];
  /** The number of its other values by kind. */
  readonly skipped: Readonly<Record<string, number>>;
}

type Part = string | readonly number[] | Buffer;

function join8(...parts: readonly Part[]): Buffer {
  const bytes = parts.map((it) => (typeof it === "string" ? Buffer.from(it, "latin1") : it));
  return Buffer.concat(bytes.map((it) => Buffer.from(it)));
}

/** A string of fewer than 16,384 bytes, in the short form if fewer than 64. */
function text(content: Part): Buffer {
  const bytes = join8(content);
  const { length } = bytes;
  return join8(length < 64 ? [length] : [0x40 | (length >> 8), length & 0xff], bytes);
}

function value(type: number, key: string, ...parts: readonly Part[]): Buffer {
  return join8([type], text(key), ...parts);
}

function little(bytes: number, number: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(number / 256 ** i) & 0xff);
}

// ---- the compact forms of small collections -----------------------------------------------------

/** Entries of one character; each has the length of the one before it. */
function ziplist(entries: string): Buffer {
  const body = [...entries].flatMap((it, i) => [i === 0 ? 0 : 3, 1, it.charCodeAt(0)]);
  const tail = 10 + body.length - 3;
  const head = [
    ...little(4, 10 + body.length + 1),
    ...little(4, tail),
    ...little(2, entries.length),
  ];
  return text([...head, ...body, 0xff]);
}

/** As above for listpacks; each entry ends with its own length. */
function listpack(entries: string): Buffer {
  const body = [...entries].flatMap((it) => [0x81, it.charCodeAt(0), 2]);
  return text([...little(4, 6 + body.length + 1), ...little(2, entries.length), ...body, 0xff]);
}

const zipmap = text([1, 1, 0x66, 1, 0, 0x76, 0xff]); // f=v
const intset = text([...little(4, 2), ...little(4, 2), ...little(2, 1), ...little(2, 2)]);
const emptyStream = [0, 0, 0, 0];
/**
 * Redis 8.6: how long producers are remembered and how many; one of them with one entry; two
 * counters.
 */
const producers = join8([0x40, 100, 10, 1], text("p"), [1], text("iid"), [5, 1, 3, 0]);
/** A group with one pending entry of one consumer; `rest` follows the consumers. */
const group = (...rest: readonly Part[]) =>
  join8(
    ...[[1], text("g"), [0, 0, 0]],
    ...[[1], little(16, 1), little(8, 2), [1]],
    ...[[1], text("c"), little(8, 3), little(8, 4), [1], little(16, 1)],
    ...rest,
  );
/** Module metadata of the key that follows: two classes, with a part of every kind. */
const metadata = join8(
  ...[[0xf3, 2], [1, 2, 3, 4], [1, 7], [2, 0x40, 0xff], [0]],
  ...[[4, 3, 2, 1], [3, ...little(4, 0)], [4, ...little(8, 0)], [5], text("level"), [0]],
);

// ---- whole files --------------------------------------------------------------------------------

const expirySeconds = 4_102_444_800;
const select = [0xfe, 0];
const aux = join8([0xfa], text("redis-bits"), [0xc0, 64]);
const resize = [0xfb, 3, 1];
/** "abc" three times over, packed: three literal bytes, then six more from three back. */
const packed = [0xc3, 6, 9, 2, 0x61, 0x62, 0x63, 4 << 5, 2];

/** What every version has: plain, integer and packed strings, and a key that expires. */
const strings = [
  value(0, "plain", text("value")),
  value(0, "int8", [0xc0, 0x85]),
  value(0, "int16", [0xc1, 0x00, 0x80]),
  value(0, "int32", [0xc2, 0xff, 0xff, 0xff, 0x7f]),
  value(0, "packed", packed),
  value(0, "long", text("x".repeat(100))),
];
const inSeconds = join8([0xfd, ...little(4, expirySeconds)], value(0, "timed", text("1")));
const inMilliseconds = join8(
  [0xfc, ...little(8, expirySeconds * 1000 + 123)],
  value(0, "timed", text("1")),
);
const wanted = [
  "int16=-32768@0",
  "int32=2147483647@0",
  "int8=-123@0",
  `long=${"x".repeat(100)}@0`,
  "packed=abcabcabc@0",
  "plain=value@0",
];

interface Recipe {
  readonly magic: string;
  readonly origin: string;
  readonly parts: readonly Part[];
  readonly skipped: Readonly<Record<string, number>>;
}

const plainTypes = [
  value(1, "list", [1], text("a")),
  value(2, "set", [1], text("a")),
  value(3, "zset", [1], text("m"), [1], "1"),
  value(4, "hash", [1], text("f"), text("v")),
];

const recipes: readonly Recipe[] = [
  {
    magic: "REDIS0001",
    origin: "Redis 1.0 to 2.2: plain types, times in seconds, no checksum",
    parts: [select, ...plainTypes, ...strings, inSeconds],
    skipped: { list: 1, set: 1, zset: 1, hash: 1 },
  },
  {
    magic: "REDIS0002",
    origin: "Redis 2.4: zipmaps, ziplists and intsets",
    parts: [
      select,
      value(9, "zipmap", zipmap),
      value(10, "ziplist", ziplist("a")),
      value(11, "intset", intset),
      value(12, "zset", ziplist("m1")),
      ...strings,
      inSeconds,
    ],
    skipped: { hash: 1, list: 1, set: 1, zset: 1 },
  },
  {
    magic: "REDIS0003",
    origin: "Redis 2.6 before its release: times in milliseconds",
    parts: [select, ...strings, inMilliseconds],
    skipped: {},
  },
  {
    magic: "REDIS0004",
    origin: "Redis 2.6 before its release: hashes as ziplists",
    parts: [select, value(13, "hash", ziplist("fv")), ...strings, inMilliseconds],
    skipped: { hash: 1 },
  },
  {
    magic: "REDIS0005",
    origin: "Redis 2.6 before its release: a checksum at the end",
    parts: [select, ...plainTypes, ...strings, inMilliseconds],
    skipped: { list: 1, set: 1, zset: 1, hash: 1 },
  },
  {
    magic: "REDIS0006",
    origin: "Redis 2.6 to 3.0: more integers in ziplists",
    parts: [select, value(10, "ziplist", ziplist("ab")), ...strings, inMilliseconds],
    skipped: { list: 1 },
  },
  {
    magic: "REDIS0007",
    origin: "Redis 3.2: auxiliary fields, sizes, lists as ziplists in a row",
    parts: [aux, select, resize, value(14, "list", [1], ziplist("a")), ...strings, inMilliseconds],
    skipped: { list: 1 },
  },
  {
    magic: "REDIS0008",
    origin: "Redis 4.0: scores as eight bytes, lengths of 64 bits",
    parts: [
      aux,
      select,
      resize,
      value(5, "zset", [1], text("m"), little(8, 0)),
      ...strings.slice(1),
      value(0, "plain", [0x81, 0, 0, 0, 0, 0, 0, 0, 5], "value"),
      inMilliseconds,
    ],
    skipped: { zset: 1 },
  },
  {
    magic: "REDIS0009",
    origin: "Redis 5.0 to 6.2: streams, idle times and frequencies",
    parts: [
      aux,
      select,
      resize,
      value(15, "stream", emptyStream, [0]),
      [0xf8, 5],
      ...strings,
      [0xf9, 9],
      inMilliseconds,
    ],
    skipped: { stream: 1 },
  },
  {
    magic: "REDIS0010",
    origin: "Redis 7.0: listpacks, functions, more about streams",
    parts: [
      aux,
      [0xf5],
      text("#!lua name=lib\nredis.register_function('f', function() end)"),
      select,
      resize,
      value(16, "hash", listpack("fv")),
      value(17, "zset", listpack("m1")),
      value(18, "list", [1, 2], listpack("a")),
      value(19, "stream", emptyStream, [0, 0, 0, 0, 0], [0]),
      ...strings,
      inMilliseconds,
    ],
    skipped: { function: 1, hash: 1, zset: 1, list: 1, stream: 1 },
  },
  {
    magic: "REDIS0011",
    origin: "Redis 7.2 and Valkey 7.2 to 8.1: sets as listpacks, when a consumer was last active",
    parts: [
      aux,
      select,
      resize,
      value(20, "set", listpack("a")),
      value(21, "stream", emptyStream, [0, 0, 0, 0, 0], [0]),
      ...strings,
      inMilliseconds,
    ],
    skipped: { set: 1, stream: 1 },
  },
  {
    magic: "REDIS0012",
    origin: "Redis 7.4: hashes whose fields expire, the sizes of slots",
    parts: [
      aux,
      select,
      resize,
      [0xf4, 1, 1, 0],
      value(24, "hash", little(8, 1), [1, 1], text("f"), text("v")),
      value(25, "hash2", little(8, 1), listpack("fv1")),
      ...strings,
      inMilliseconds,
    ],
    skipped: { hash: 2 },
  },
  {
    magic: "REDIS0013",
    origin: "Redis 8.6: metadata of keys, streams that know their producers",
    parts: [
      aux,
      select,
      resize,
      value(26, "stream", emptyStream, [0, 0, 0, 0, 0], group(), producers),
      [0xfc, ...little(8, expirySeconds * 1000)],
      metadata,
      value(2, "set", [1], text("a")),
      metadata,
      ...strings,
      inMilliseconds.subarray(0, 9),
      [0xf9, 9],
      metadata,
      inMilliseconds.subarray(9),
    ],
    skipped: { stream: 1, set: 1, "key metadata": 3 },
  },
  {
    magic: "REDIS0014",
    origin: "Redis 8.8: streams with entries given back, arrays",
    parts: [
      aux,
      select,
      resize,
      value(27, "stream", emptyStream, [0, 0, 0, 0, 0], group([1], little(16, 1)), producers),
      value(28, "array", [2, 0], [0, 0], text("long"), [5, 1], little(8, 7)),
      value(28, "array2", [2, 1, 9], [0, 2], little(8, 0), [0x40, 0xff, 3], text("s")),
      value(28, "array3", [0, 0]),
      ...strings,
      inMilliseconds,
    ],
    skipped: { stream: 1, array: 3 },
  },
  {
    magic: "REDIS0015",
    origin: "Redis 8.10: hashes that share the names of their fields",
    parts: [
      aux,
      [0xf2, 1, 2],
      text("f"),
      text("g"),
      [0xf2, 0x40, 0xff, 1],
      text("h"),
      select,
      resize,
      value(29, "hash", [2], text("f"), text("g"), listpack("vw")),
      value(30, "hash2", listpack("1vw")),
      value(31, "hash3", [2], text("f"), text("v"), text("g"), text("w")),
      value(32, "hash4", [1], text("v"), text("w")),
      value(32, "hash5", [0x40, 0xff], text("v")),
      ...strings,
      inMilliseconds,
    ],
    skipped: { hash: 5 },
  },
  {
    magic: "VALKEY080",
    origin: "Valkey 9.0: hashes whose fields expire, in a form of its own",
    parts: [
      aux,
      select,
      resize,
      value(22, "hash", [1], text("f"), text("v"), little(8, 1)),
      ...strings,
      inMilliseconds,
    ],
    skipped: { hash: 1 },
  },
];

function fixture({ magic, origin, parts, skipped }: Recipe): RdbFixture {
  const body = join8(magic, ...parts, [0xff]);
  const isOld = /^REDIS000[1-4]$/.test(magic);
  const moment = expirySeconds * 1000 + (/^REDIS000[12]$/.test(magic) ? 0 : 123);
  return {
    name: `${magic.toLowerCase()}.rdb`,
    origin,
    bytes: isOld ? body : Buffer.concat([body, checksum(body)]),
    strings: [...wanted, `timed=1@${moment}`],
    skipped,
  };
}

/** CRC-64 (Jones), one bit at a time: slow, short, and independent of `src`. */
function checksum(bytes: Buffer): Buffer {
  let crc = 0n;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? 0x95ac9329ac4bc9b5n : 0n);
  }
  const result = Buffer.alloc(8);
  result.writeBigUInt64LE(crc);
  return result;
}

export const rdbFixtures: readonly RdbFixture[] = recipes.map(fixture);

if (import.meta.main) {
  const directory = process.argv[2];
  if (directory === undefined) throw new Error("usage: bun scripts/rdb-fixtures.ts DIRECTORY");
  for (const { name, origin, bytes } of rdbFixtures) {
    await Bun.write(join(directory, name), bytes);
    console.log(`${name}  ${origin}`);
  }
}
