/**
 * How many dictionaries a process remembers, over a server that is a Map: more than the bound are
 * asked for again, and nothing is read wrongly meanwhile. Who makes and replaces them is in
 * test/client/cache-dictionary.test.ts.
 */
import { expect, test } from "bun:test";
import { constants, zstdCompressSync } from "node:zlib";
import { cacheDictionariesMax } from "../../../../src/base/limits.ts";
import type { CacheServer } from "../../../../src/client/cache/cache-server.ts";
import { Dictionaries } from "../../../../src/client/cache/dictionaries.ts";
import type { Envelope } from "../../../../src/client/cache/envelope.ts";

/** The commands that reading sends, and how many keys were asked for. */
function serverOf(stored: ReadonlyMap<string, Uint8Array>) {
  const asked: string[] = [];
  const ask = async (name: string, ...keys: string[]) => {
    if (name !== "MGET") throw new Error(`reading sent ${name}`);
    asked.push(...keys);
    return keys.map((key) => stored.get(key) ?? null);
  };
  return { server: { ask } as unknown as CacheServer, asked };
}

const text = Buffer.from("what all of them have in common, and what each has alone");
const idOf = (bytes: Uint8Array) => Bun.hash.xxHash64(bytes).toString(16).padStart(16, "0");

function entryWith(dictionary: Uint8Array): Envelope {
  const params = { [constants.ZSTD_c_compressionLevel]: 1 };
  const payload = zstdCompressSync(text, { params, dictionary });
  return { payload, isCompressed: true, dictionary: idOf(dictionary) } as unknown as Envelope;
}

test("a process remembers so many dictionaries, and asks again for those that it forgot", async () => {
  const all = Array.from({ length: 3 * cacheDictionariesMax }, (_, i) =>
    Buffer.from(`\0${i} what all of them have in common`),
  );
  const stored = new Map(all.map((bytes) => [`p:d:${idOf(bytes)}`, bytes]));
  const { server, asked } = serverOf(stored);
  const dictionaries = new Dictionaries(server, "p:");
  for (let round = 0; round < 2; round++) {
    for (const bytes of all) {
      await dictionaries.meet([idOf(bytes)]);
      const expanded = dictionaries.expand(entryWith(bytes));
      expect(Buffer.from(expanded?.payload ?? [])).toEqual(text);
      // biome-ignore lint/complexity/useLiteralKeys: the bound is of what nobody else can see
      expect(dictionaries["known"].size).toBeLessThanOrEqual(cacheDictionariesMax);
    }
  }
  expect(asked).toHaveLength(2 * all.length);
});

test("an entry whose dictionary is unknown, evicted or another program's is a miss", async () => {
  const dictionary = Buffer.from("\0 what all of them have in common");
  const other = Buffer.from("\0 something else");
  const { server } = serverOf(new Map([[`p:d:${idOf(other)}`, dictionary]]));
  const dictionaries = new Dictionaries(server, "p:");
  expect(dictionaries.expand(entryWith(dictionary))).toBeNull();
  await dictionaries.meet([idOf(dictionary), idOf(other)]);
  expect(dictionaries.expand(entryWith(dictionary))).toBeNull();
  expect(dictionaries.expand(entryWith(other))).toBeNull();
});
