// The checksum at the end of a snapshot and of a DUMP payload, against values from Redis's own
// source and in pieces of every size.

import { describe, expect, test } from "bun:test";
import { Crc64 } from "../../../src/rdb/crc64.ts";
import { Random } from "../../support/seed.ts";

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
