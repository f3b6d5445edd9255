// The bytes that the load generator sends, and the choice of keys.
// Invariant: assertions about random choices hold for every seed, or with a margin that
// no seed in use can miss.

import { describe, expect, test } from "bun:test";
import { Random, Zipf } from "../../../src/bench/random.ts";
import { encodeValue, keyText, RequestSource } from "../../../src/bench/requests.ts";
import {
  defaultWorkload,
  keyPatterns,
  valueLength,
  type Workload,
} from "../../../src/bench/workload.ts";

const smallShape: Workload = {
  ...defaultWorkload,
  ...{ keys: 1000, pattern: "sequential", valueBytesMin: 5, valueBytesMax: 5 },
};

function nextText(source: RequestSource): string {
  const block = source.next();
  return new TextDecoder().decode(block.bytes.subarray(0, block.size));
}

describe("request blocks", () => {
  test("RESP reads and writes with fixed keys and values", () => {
    const source = new RequestSource({ ...smallShape, gets: 1, sets: 1, depth: 2 });
    expect(nextText(source)).toBe(
      "*2\r\n$3\r\nGET\r\n$20\r\nkey:0000000000000000\r\n" +
        "*3\r\n$3\r\nSET\r\n$20\r\nkey:0000000000000001\r\n$5\r\nabcde\r\n",
    );
    expect(nextText(source)).toContain("key:0000000000000003");
  });

  test("RESP writes with an expiry", () => {
    const source = new RequestSource({ ...smallShape, gets: 0, sets: 1, ttlSeconds: 3600 });
    expect(nextText(source)).toBe(
      "*5\r\n$3\r\nSET\r\n$20\r\nkey:0000000000000000\r\n$5\r\nabcde\r\n" +
        "$2\r\nEX\r\n$4\r\n3600\r\n",
    );
  });

  test("memcached reads and writes", () => {
    const source = new RequestSource({
      ...{ ...smallShape, protocol: "memcache", gets: 1, sets: 1, depth: 2, ttlSeconds: 7 },
    });
    expect(nextText(source)).toBe(
      "get key:0000000000000000\r\nset key:0000000000000001 0 7 5\r\nabcde\r\n",
    );
  });

  test("checked values begin with their key, in every later block too", () => {
    const shape = { ...smallShape, gets: 0, sets: 1, verify: true, valueBytesMin: 22 };
    const workload = { ...shape, valueBytesMax: 22 };
    const source = new RequestSource(workload);
    for (let id = 0; id < 300; id++) {
      const value = new TextDecoder().decode(encodeValue(workload, id));
      expect(value.startsWith(keyText(workload, id))).toBeTrue();
      expect(nextText(source)).toEndWith(`\r\n$22\r\n${value}\r\n`);
    }
  });

  test("values of mixed sizes have the length derived from the key", () => {
    const workload = { ...smallShape, gets: 0, sets: 1, valueBytesMin: 0, valueBytesMax: 2000 };
    const source = new RequestSource({ ...workload, depth: 3 });
    for (let id = 0; id < 300; id += 3) {
      const wanted = [id, id + 1, id + 2].map((key) => {
        const value = new TextDecoder().decode(encodeValue(workload, key));
        const name = keyText(workload, key);
        return `*3\r\n$3\r\nSET\r\n$20\r\n${name}\r\n$${value.length}\r\n${value}\r\n`;
      });
      expect(nextText(source)).toBe(wanted.join(""));
    }
  });

  test("short keys have no prefix and are still distinct", () => {
    const workload = { ...smallShape, keyLengthBytes: 4, keys: 1000 };
    expect(keyText(workload, 7)).toBe("0007");
  });
});

describe("value lengths", () => {
  test("stay within their bounds and reach both halves of the magnitudes", () => {
    const workload = { ...smallShape, valueBytesMin: 10, valueBytesMax: 1_000_000 };
    const lengths = Array.from({ length: 5000 }, (_, key) => valueLength(workload, key));
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(10);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(1_000_000);
    const small = lengths.filter((length) => length < 3162).length;
    expect(Math.abs(small / 5000 - 0.5)).toBeLessThan(0.05);
  });
});

describe("keys", () => {
  test.each([...keyPatterns])("%s keys stay in range and repeat with the seed", (pattern) => {
    const draw = (seed: number) => {
      const source = new RequestSource({ ...smallShape, keys: 7, pattern, seed, depth: 100 });
      return [...source.next().keys];
    };
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5).every((key) => key >= 0 && key < 7)).toBeTrue();
    expect(new Set(draw(5)).size).toBe(7);
  });

  test("zipf ranks have the frequencies of the distribution", () => {
    for (const exponent of [0.6, 0.99, 1, 1.4]) {
      const zipf = new Zipf(new Random(3), 100, exponent);
      const counts = new Array<number>(100).fill(0);
      for (let i = 0; i < 200_000; i++) counts[zipf.next()]++;
      const weights = counts.map((_, rank) => (rank + 1) ** -exponent);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (const rank of [0, 1, 9, 99]) {
        const share = weights[rank] / total;
        expect(Math.abs(counts[rank] / 200_000 - share)).toBeLessThan(0.005 + share * 0.02);
      }
    }
  });
});
