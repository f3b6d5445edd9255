// Payloads of DUMP, made by redis 7.0: strings in all their encodings, the type names of other
// values, and bytes that are not a payload. And payloads of ours.

import { describe, expect, test } from "bun:test";
import {
  isIntact,
  payloadType,
  readPayload,
  StringPayload,
} from "../../../src/rdb/dump-payload.ts";
import { payloadOf, withFooter } from "../../support/payload.ts";

const payloads: Readonly<Record<string, readonly [value: string, hex: string]>> = {
  bytes: ["plain bytes", "000b706c61696e2062797465730a0065290a54dd37356f"],
  "no bytes": ["", "00000a005d9b5c400f7fa2da"],
  "8 bits": ["-7", "00c0f90a005e26d130d7a242ab"],
  "16 bits": ["31000", "00c118790a00bc4b5855dc01b218"],
  "32 bits": ["-2000000000", "00c2006cca880a0035ffaebd7f1d7a67"],
  "a compressed string": [
    "compress ".repeat(9),
    "00c311405109636f6d70726573732063e03c080173200a00c181d65685585fff",
  ],
};

const others: Readonly<Record<string, string>> = {
  list: "1201020a0a0000000100816102ff0a0009b9edf594ded995",
  set: "020101610a006296e97e44d21a6d",
  zset: "110c0c00000002008161020101ff0a00a805ceb8d7a93302",
  hash: "100d0d0000000200816102816202ff0a00d93c7f0728f0edcc",
  stream:
    "130110000000000000000100000000000000011d1d0000000a0001010001010181610200010201000100018162020401ff0101010101000001000a006f4334ecd7fa5aec",
};

/** With bytes around it, as in a request. */
function framed(hex: string): [Uint8Array, number, number] {
  const bytes = Buffer.from(`ffff${hex}ffff`, "hex");
  return [new Uint8Array(bytes), 2, bytes.length - 2];
}

describe.each(Object.entries(payloads))("%s", (_, [value, hex]) => {
  test("is read", () => {
    expect([isIntact(...framed(hex)), payloadType(...framed(hex))]).toEqual([true, "string"]);
    const { bytes, start, end } = readPayload(...framed(hex), 1000);
    expect(Buffer.from(bytes.subarray(start, end)).toString()).toBe(value);
  });

  test("is refused if a bit has changed or its end is missing", () => {
    for (let at = 0; at < hex.length; at += 2) {
      const byte = Number.parseInt(hex.slice(at, at + 2), 16) ^ 0x10;
      const changed = hex.slice(0, at) + byte.toString(16).padStart(2, "0") + hex.slice(at + 2);
      expect(isIntact(...framed(changed))).toBe(false);
      expect(isIntact(...framed(hex.slice(0, at)))).toBe(false);
    }
  });
});

test.each(Object.entries(others))("a payload of type %s is known as one", (type, hex) => {
  expect(payloadType(...framed(hex))).toBe(type);
});

test("module metadata of the key is skipped if it is complete", () => {
  // Two classes: one with a small integer and a string, one with eight bytes.
  const metadata =
    "f302" + "01020304" + "0205" + "0502aabb" + "00" + "04030201" + "041122334455667788" + "00";
  expect(payloadType(...framed(`${metadata}00`))).toBe("string");
  expect(payloadType(...framed(metadata + others.hash))).toBe("hash");
  for (let end = 2; end <= metadata.length; end += 2) {
    expect(payloadType(...framed(metadata.slice(0, end)))).toBe("unknown");
  }
});

test("a string beyond the bound is recognized by its header", () => {
  expect(readPayload(...framed(payloads["a compressed string"][1]), 80).isTooLong).toBe(true);
  expect(readPayload(...framed(payloads["a compressed string"][1]), 81).isTooLong).toBe(false);
});

test("an empty payload, or one with an unknown number, has an unknown type", () => {
  expect(payloadType(...framed(""))).toBe("unknown");
  expect(payloadType(...framed("f0"))).toBe("unknown");
});

test("a payload of a newer server is intact, one of no server is not", () => {
  const intact = (version: number) => {
    return isIntact(...framed(payloadOf("value", version).toString("hex")));
  };
  expect([1, 9, 10, 11, 12, 80, 99].map(intact)).not.toContain(false);
  expect([100, 255, 256, 65_535].map(intact)).not.toContain(true);
});

test("a string that does not end with its payload is an error", () => {
  for (const announced of [2, 4]) {
    const payload = withFooter(Buffer.from([0, announced, 0x61, 0x62, 0x63])).toString("hex");
    expect(isIntact(...framed(payload))).toBe(true);
    expect(() => readPayload(...framed(payload), 1000)).toThrow("do not end together");
  }
});

test.each([0, 1, 63, 64, 16_383, 16_384, 70_000])("a payload of %d bytes is Redis's", (length) => {
  const value = Buffer.alloc(length, "value ");
  const source = {
    copyTo(target: Uint8Array, at: number, from: number, count: number) {
      target.set(value.subarray(from, from + count), at);
    },
  };
  const payload = new StringPayload(source, length);
  const target = new Uint8Array(payload.length + 2);
  payload.copyTo(target, 1, 0, payload.length);
  expect(Buffer.from(target.subarray(1, -1)).equals(payloadOf(value, 9))).toBe(true);
  expect(() => payload.copyTo(target, 1, 1, payload.length - 1)).toThrow("copied whole");
});
