// What a dictionary saves of small values of JSON and what it costs: as the cache compresses them,
// and as other sizes of dictionary, zstd alone and deflate do. The values resemble each other as
// those of one namespace do: the same fields, and words, numbers and identifiers by chance.
// Invariant: every value is read back and compared before it is timed, and none of those that are
// measured is in a dictionary.

import {
  constants,
  deflateRawSync,
  inflateRawSync,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import type { CacheServer } from "../../src/client/cache/cache-server.ts";
import { Dictionaries } from "../../src/client/cache/dictionaries.ts";
import { decodeEnvelope, encodeEnvelope } from "../../src/client/cache/envelope.ts";
import { packValue } from "../../src/client/cache/value-codec.ts";
import { alternate, type Benchmark, type Cell, fixed, median, type Table } from "./suite.ts";

interface Way {
  readonly name: string;
  pack(value: Buffer): Uint8Array;
  unpack(packed: Uint8Array): Uint8Array;
}

interface Sample {
  readonly name: string;
  readonly ratio: number;
  readonly packMicros: number;
  readonly unpackMicros: number;
}

const trainingCount = 100;

export const dictionaries: Benchmark = {
  name: "dictionaries",
  summary: "the size of small values with a dictionary, and its CPU",
  async run(context) {
    const count = context.smoke ? 50 : 4_000;
    const values = makeValues(trainingCount + count);
    const [training, measured] = [values.slice(0, trainingCount), values.slice(trainingCount)];
    const ways = [await asTheCache(training), ...alternatives(training)];
    const samples: Sample[] = [];
    for (let round = -1; round < context.rounds; round++) {
      for (const way of alternate(ways, round + 1)) {
        const sample = measure(way, measured);
        if (round >= 0) samples.push(sample); // the first round compiles
      }
    }
    const bytes = measured.reduce((sum, { length }) => sum + length, 0) / count;
    return [tableOf(Math.round(bytes), samples)];
  },
};

/** The dictionary that a cache makes of these values, and its way to write and read with it. */
async function asTheCache(training: readonly Buffer[]): Promise<Way> {
  const keys = new Map<string, unknown>();
  const server = {
    async ask(name: string, key: string, value: unknown) {
      if (name === "SET") keys.set(key, value);
      return null;
    },
  } as unknown as CacheServer;
  const all = new Dictionaries(server, "");
  const book = all.book("");
  for (const value of training) packValue(value, "bytes", 0, book);
  await Bun.sleep(0); // the answers of the server above
  if (book.present === null) throw new Error("the values made no dictionary");
  const times = { writtenAt: 0, freshUntil: 0, grace: 0, cost: 0, generations: new Map() };
  return {
    name: `as the cache: zstd 1, ${book.present.bytes.length} bytes`,
    pack: (value) => encodeEnvelope({ ...packValue(value, "bytes", 0, book), ...times }),
    unpack(packed) {
      const entry = decodeEnvelope(packed);
      const expanded = entry === null ? null : all.expand(entry);
      if (expanded === null) throw new Error("an entry cannot be read");
      return expanded.payload;
    },
  };
}

function alternatives(training: readonly Buffer[]): Way[] {
  const whole = Buffer.concat(training);
  const ways: Way[] = [
    {
      name: "zstd 1, none",
      pack: (value) => Bun.zstdCompressSync(value, { level: 1 }),
      unpack: (packed) => Bun.zstdDecompressSync(packed),
    },
  ];
  for (const bytes of [4_096, 8_192, 16_384, 32_768]) {
    const dictionary = whole.subarray(0, bytes);
    const params = { [constants.ZSTD_c_compressionLevel]: 1 };
    ways.push({
      name: `zstd 1, ${bytes} bytes`,
      pack: (value) => zstdCompressSync(value, { params, dictionary }),
      unpack: (packed) => zstdDecompressSync(packed, { dictionary }),
    });
  }
  const dictionary = whole.subarray(0, 8_192);
  ways.push({
    name: "deflate 6, 8192 bytes",
    pack: (value) => deflateRawSync(value, { level: 6, dictionary }),
    unpack: (packed) => inflateRawSync(packed, { dictionary }),
  });
  return ways;
}

function measure({ name, pack, unpack }: Way, values: readonly Buffer[]): Sample {
  let began = performance.now();
  const packed = values.map(pack);
  const packMicros = ((performance.now() - began) * 1_000) / values.length;
  began = performance.now();
  const unpacked = packed.map(unpack);
  const unpackMicros = ((performance.now() - began) * 1_000) / values.length;
  let before = 0;
  let after = 0;
  values.forEach((value, i) => {
    if (!value.equals(unpacked[i])) throw new Error(`${name}: another value came back`);
    before += value.length;
    after += packed[i].length;
  });
  return { name, ratio: before / after, packMicros, unpackMicros };
}

function tableOf(bytes: number, samples: readonly Sample[]): Table {
  const names = [...new Set(samples.map(({ name }) => name))].sort();
  return {
    title: `Values of JSON of ${bytes} bytes, microseconds a value`,
    columns: ["", "ratio", "compress", "rounds", "read", "rounds "],
    rows: names.map((name): Cell[] => {
      const own = samples.filter((sample) => sample.name === name);
      const packs = own.map(({ packMicros }) => packMicros);
      const reads = own.map(({ unpackMicros }) => unpackMicros);
      const raw = (all: readonly number[]) => all.map((one) => fixed(one, 0)).join(" ");
      return [
        ...[name, fixed(median(own.map(({ ratio }) => ratio)), 2)],
        ...[fixed(median(packs), 1), raw(packs), fixed(median(reads), 1), raw(reads)],
      ];
    }),
    notes: ["the cache's own figures include the header of an entry, of 38 bytes"],
    raw: samples,
  };
}

// ---- values -------------------------------------------------------------------------------------

const words = `account address available battery beautiful bottle bright camera ceramic classic
  comfortable compact cotton delivery design durable edition electric elegant fabric family finish
  garden glass handle indoor kitchen leather light limited lovely magnetic material metal modern
  natural office original outdoor package paper pattern plastic portable pocket premium quality
  quiet recycled round season silver simple small smart solid special stainless steel strong
  summer table travel useful vintage warranty water weight white wireless wooden`.split(/\s+/);

function makeValues(count: number): Buffer[] {
  const random = seeded(1);
  const below = (n: number) => Math.floor(random() * n);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)];
  const text = (n: number) => Array.from({ length: n }, () => pick(words)).join(" ");
  const hex = (n: number) => Array.from({ length: n }, () => below(16).toString(16)).join("");
  const date = () => new Date(1.7e12 + below(5e10)).toISOString();
  return Array.from({ length: count }, (_, id) =>
    Buffer.from(
      JSON.stringify({
        ...{ id, sku: `SKU-${below(1e6)}`, title: text(6), description: text(57) },
        price: { amount: below(1e5) / 100, currency: pick(["EUR", "USD", "GBP"]) },
        stock: { warehouse: pick(["berlin-1", "paris-2"]), available: below(500) },
        ...{ tags: [text(1), text(1), text(1)], createdAt: date(), updatedAt: date() },
        attributes: { color: pick(["red", "green", "blue"]), size: pick(["S", "M", "L"]) },
        images: [0, 1, 2].map((i) => ({
          url: `https://cdn.example.com/products/${hex(16)}/${i}.webp`,
          ...{ width: 1_200, height: 800, alternativeText: text(3) },
        })),
        rating: { average: below(50) / 10, count: below(2_000) },
        seller: { id: below(1e5), name: `${text(2)} GmbH`, country: pick(["DE", "FR", "NL"]) },
        related: Array.from({ length: 6 }, () => below(1e6)),
      }),
    ),
  );
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
