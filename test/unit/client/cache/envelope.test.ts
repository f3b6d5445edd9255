// The form of an entry in the server, and of its values: what goes in comes out, and whatever else
// is found under a key is no entry. What is read and when is tested in test/client/cache.test.ts.

import { describe, expect, test } from "bun:test";
import {
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
} from "../../../../src/client/cache/envelope.ts";
import { mintGeneration } from "../../../../src/client/cache/generation.ts";
import { packValue, unpackValue, unreadable } from "../../../../src/client/cache/value-codec.ts";
import { Random, seedFor } from "../../../support/seed.ts";

const times = { writtenAt: 1_700_000_000_123.5, freshUntil: Number.POSITIVE_INFINITY };

function entryOf(value: unknown, codec: "json" | "structured" | "bytes", over = 100): Envelope {
  const generations = new Map([
    ["p:", mintGeneration(1_764_000_000_000_000)],
    ["t:größe", mintGeneration(9_007_199_254_740_991)],
  ]);
  return { ...packValue(value, codec, over), ...times, grace: 5_000, cost: 12, generations };
}

describe("an entry", () => {
  test.each([
    ["json", { a: [1, "ü", null] }],
    ["json", "x".repeat(1_000)],
    ["json", null],
    ["structured", new Map([[1n, new Date(3)]])],
    ["structured", undefined],
    ["bytes", new Uint8Array([1, 2, 255])],
    ["bytes", new Uint8Array(1_000)],
  ] as const)("of the codec %s comes back as it was", (codec, value) => {
    const entry = entryOf(value, codec);
    const found = decodeEnvelope(encodeEnvelope(entry));
    expect(found).toEqual({ ...entry, payload: Buffer.from(entry.payload) });
    expect(unpackValue(found as Envelope, codec)).toEqual(value);
  });

  test("that needs a dictionary says which one", () => {
    const entry = { ...entryOf("x".repeat(1_000), "json"), dictionary: "0123456789abcdef" };
    const bytes = encodeEnvelope(entry);
    expect(decodeEnvelope(bytes)).toEqual({ ...entry, payload: Buffer.from(entry.payload) });
    const start = bytes.length - entry.payload.length;
    expect(decodeEnvelope(bytes.subarray(0, start - 1))).toBeNull();
  });

  test("that is cut off anywhere is none, or its value is unreadable", () => {
    const whole = encodeEnvelope(entryOf({ text: "x".repeat(50) }, "json"));
    for (let length = 0; length < whole.length; length++) {
      const found = decodeEnvelope(whole.subarray(0, length));
      expect(found === null || unpackValue(found, "json") === unreadable).toBe(true);
    }
  });

  test("of random bytes is never an error", () => {
    const random = new Random(seedFor("ENVELOPE_SEED"));
    for (let round = 0; round < 2_000; round++) {
      const bytes = Uint8Array.from({ length: random.below(120) }, () => random.below(256));
      if (round % 2 === 0) bytes.set([1, 0x4d, 0x43].slice(0, bytes.length));
      const found = decodeEnvelope(bytes);
      if (found !== null) unpackValue(found, found.codec);
    }
  });

  test("is compressed only if it is long, and if that makes it shorter", () => {
    expect(packValue("short", "json", 100).isCompressed).toBe(false);
    expect(packValue("x".repeat(200), "json", 100).payload.length).toBeLessThan(60);
    const noise = crypto.getRandomValues(new Uint8Array(1_000));
    expect(packValue(noise, "bytes", 100)).toMatchObject({ isCompressed: false, payload: noise });
  });

  test("cannot hold what its codec cannot", () => {
    expect(() => packValue("text", "bytes", 0)).toThrow("Uint8Array");
    expect(() => packValue(1n, "json", 0)).toThrow("cannot hold");
    expect(() => packValue(() => 1, "json", 0)).toThrow("cannot hold a function");
    expect(() => packValue(() => 1, "structured", 0)).toThrow("cannot hold");
  });
});
