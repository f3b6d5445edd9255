// Which shard has a key: that the hash is the one of the books, that {tags} count, that a new shard
// takes from all others and nothing else moves, and that each has its share.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { murmur3, murmur3OfNumber } from "../../../../src/client/shards/murmur3.ts";
import { Rendezvous } from "../../../../src/client/shards/rendezvous.ts";
import { repetitions } from "../../../support/repetitions.ts";

const keys = Array.from({ length: 100_000 }, (_, i) => `user:${i}`);
const namesOf = (count: number) => Array.from({ length: count }, (_, i) => `shard-${i}`);

describe("the hash", () => {
  test("is MurmurHash3 x86_32 of the UTF-8 of any text, and of bytes", () => {
    const seeds = fc.nat(2 ** 32 - 1);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), seeds, (text, seed) => {
        const bytes = Buffer.from(text, "utf8");
        const hash = Bun.hash.murmur32v3(bytes, seed);
        return murmur3(text, seed) === hash && murmur3(bytes, seed) === hash;
      }),
    );
    const four = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
    fc.assert(
      fc.property(seeds, seeds, (value, seed) => {
        return murmur3OfNumber(value, seed) === Bun.hash.murmur32v3(four(value), seed);
      }),
    );
  });

  test("takes half of a surrogate pair for what is sent in its place", () => {
    expect(murmur3("a\ud800", 0)).toBe(murmur3("a\ufffd", 0));
  });
});

describe("the place of a key", () => {
  // Whatever changes here loses the keys of everybody: the guide states these, too.
  test("is for ever the same", () => {
    const shards = new Rendezvous(["a", "b", "c"]);
    const places = ["user:1", "user:2", "user:3", "user:4", "{user:1}:name", "ключ", ""].map(
      (key) => shards.indexOf(key),
    );
    expect(places).toEqual([0, 2, 2, 1, 0, 1, 1]);
  });

  test("is the shard with the highest score of the formula", () => {
    const names = namesOf(9);
    const shards = new Rendezvous(names);
    for (const key of keys.slice(0, 1_000)) {
      const hash = new Uint8Array(Uint32Array.of(Bun.hash.murmur32v3(key, 0)).buffer);
      const scores = names.map((name) => Bun.hash.murmur32v3(hash, Bun.hash.murmur32v3(name, 0)));
      expect(scores[shards.indexOf(key)]).toBe(Math.max(...scores));
    }
  });

  test("is that of its tag: what the first braces enclose, if it is anything", () => {
    const shards = new Rendezvous(namesOf(1_000));
    const same = (one: string, other: string) =>
      shards.indexOf(one) === shards.indexOf(other) &&
      shards.indexOf(Buffer.from(one)) === shards.indexOf(other);
    expect(same("{user:1}:name", "user:1")).toBe(true);
    expect(same("cart:{user:1}", "{user:1}:name")).toBe(true);
    expect(same("x{ä}y", "ä")).toBe(true);
    expect(same("a{b}{c}", "b")).toBe(true);
    expect(same("a{{b}c", "{b")).toBe(true);
    // No tag: the whole key counts.
    for (const plain of ["a{}b", "a}b{", "{", "}{", "a{b", "{}{b}"]) {
      expect(shards.indexOf(plain)).toBe(shards.indexOf(new Uint8Array(Buffer.from(plain))));
      expect(murmur3(plain, 0)).not.toBe(murmur3("b", 0));
    }
    expect(same("{}{b}", "b")).toBe(false);
    expect(same("a{b", "b")).toBe(false);
  });

  test("is the same for text, its bytes, and a number as text", () => {
    const shards = new Rendezvous(namesOf(1_000));
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (key) => {
        return shards.indexOf(key) === shards.indexOf(Buffer.from(key, "utf8"));
      }),
    );
    expect(shards.indexOf(123)).toBe(shards.indexOf("123"));
  });

  test("does not depend on the order of the shards", () => {
    const names = namesOf(7);
    const turned = [...names].reverse();
    const [one, other] = [new Rendezvous(names), new Rendezvous(turned)];
    for (const key of keys.slice(0, 10_000)) {
      expect(names[one.indexOf(key)]).toBe(turned[other.indexOf(key)] as string);
    }
  });
});

describe("another shard", () => {
  test.each([1, 2, 3, 8, 15])("beside %d takes its share, and no other key moves", (count) => {
    const [before, after] = [new Rendezvous(namesOf(count)), new Rendezvous(namesOf(count + 1))];
    let moved = 0;
    let strays = 0;
    for (const key of keys) {
      const place = after.indexOf(key);
      if (place === before.indexOf(key)) continue;
      moved++;
      if (place !== count) strays++;
    }
    expect(strays).toBe(0);
    const share = keys.length / (count + 1);
    expect(Math.abs(moved - share) / share).toBeLessThan(0.05);
  });

  test("that leaves gives its keys to the others, and no other key moves", () => {
    const names = namesOf(5);
    const rest = names.filter((name) => name !== "shard-2");
    const [before, after] = [new Rendezvous(names), new Rendezvous(rest)];
    for (const key of keys.slice(0, 20_000)) {
      const place = names[before.indexOf(key)];
      if (place !== "shard-2") expect(rest[after.indexOf(key)]).toBe(place as string);
    }
  });
});

describe("the shares", () => {
  const families: readonly (readonly [string, (i: number) => string])[] = [
    ["numbered keys", (i) => `user:${i}`],
    ["tags", (i) => `cart:{${i}}:items`],
    ["digests", (i) => Bun.hash(`${i}`).toString(16)],
    ["bare numbers", (i) => `${i}`],
  ];
  for (const [what, keyOf] of families) {
    for (const count of [3, 16, 2, 10].slice(0, repetitions(2, 4))) {
      test(`of 100,000 ${what} in ${count} shards are equal within 5 %`, () => {
        const shards = new Rendezvous(namesOf(count));
        const counts = new Array<number>(count).fill(0);
        for (let i = 0; i < 100_000; i++) (counts[shards.indexOf(keyOf(i))] as number)++;
        const share = 100_000 / count;
        for (const held of counts) expect(Math.abs(held - share) / share).toBeLessThan(0.05);
      });
    }
  }
});
