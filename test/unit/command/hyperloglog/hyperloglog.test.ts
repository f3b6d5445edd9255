// The HyperLogLog against a plain array of registers, and against bytes from redis 7.0. A real
// Redis checks that the bytes agree after any mix of commands (replication/redis-stream.test.ts).

import { expect, test } from "bun:test";
import { readDense } from "../../../../src/command/hyperloglog/dense.ts";
import {
  murmur64,
  placeOf,
  registerBits,
  registerCount,
} from "../../../../src/command/hyperloglog/element-hash.ts";
import { estimate, HyperLogLog } from "../../../../src/command/hyperloglog/hyperloglog.ts";
import { Random, seedFor } from "../../../support/seed.ts";

const headerBytes = 16;
const denseBytes = headerBytes + 12_288;

function empty(): HyperLogLog {
  const log = new HyperLogLog();
  log.clear();
  return log;
}

function addTo(log: HyperLogLog, text: string): boolean | null {
  const bytes = Buffer.from(text);
  return log.add(bytes, 0, bytes.length);
}

function registersOf(log: HyperLogLog): Uint8Array {
  const registers = new Uint8Array(registerCount);
  expect(log.mergeInto(registers)).toBe(true);
  return registers;
}

const hexOf = (log: HyperLogLog) => Buffer.from(log.bytes.subarray(0, log.length)).toString("hex");

test("the bytes are those of redis 7.0 for PFADD k a b c, before and after PFCOUNT", () => {
  const log = empty();
  for (const element of ["a", "b", "c"]) expect(addTo(log, element)).toBe(true);
  log.invalidate();
  expect(hexOf(log)).toBe("48594c4c01000000000000000000008060f38050b1844bfb80425a");
  expect(log.refresh()).toBe(true);
  expect(hexOf(log)).toBe("48594c4c01000000030000000000000060f38050b1844bfb80425a");
  expect(log.refresh()).toBe(false);
});

test("the hash handles whole words and every length of tail", () => {
  const bytes = Buffer.from("0123456789abcdef");
  const hashes = Array.from({ length: 17 }, (_, length) => murmur64(bytes, 0, length));
  expect(new Set(hashes).size).toBe(17);
  const shifted = Buffer.concat([Buffer.from("##"), bytes]);
  expect(hashes).toEqual(hashes.map((_, length) => murmur64(shifted, 2, 2 + length)));
});

test("a rank is never above 51", () => {
  const random = new Random(seedFor("HLL_SEED"));
  for (let i = 0; i < 5_000; i++) {
    expect(placeOf(random.bytes(8), 0, 8) >>> registerBits).toBeWithin(1, 52);
  }
});

test("registers are those of an array, sparse and dense, after any raise", () => {
  const random = new Random(seedFor("HLL_SEED"));
  for (let round = 0; round < 20; round++) {
    const log = empty();
    const model = new Uint8Array(registerCount);
    // Few registers meet often, and many make it dense.
    const most = random.pick([8, 100, registerCount]);
    for (let i = 0; i < 2_000; i++) {
      const register = random.below(most);
      const value = random.chance(0.001) ? random.between(33, 51) : random.between(1, 12);
      expect(log.raise(register, value)).toBe(value > model[register]);
      model[register] = Math.max(model[register], value);
    }
    expect(registersOf(log)).toEqual(model);
    expect(log.isValid).toBe(true);
  }
});

test("a value beyond 32, or runs beyond 3,000 bytes, make it dense", () => {
  const high = empty();
  expect(high.raise(5, 32)).toBe(true);
  expect(high.isDense).toBe(false);
  expect(high.raise(5, 33)).toBe(true);
  expect(high.isDense).toBe(true);
  expect(high.length).toBe(denseBytes);
  const long = empty();
  let longest = 0;
  for (let register = 0; !long.isDense; register += 7) {
    longest = long.length;
    expect(long.raise(register, 1 + (register % 3))).toBe(true);
  }
  expect(longest).toBeWithin(2_998, 3_001);
});

test("making it dense keeps the registers and the header", () => {
  const log = empty();
  for (let i = 0; i < 200; i++) addTo(log, `element ${i}`);
  log.invalidate();
  log.refresh();
  const before = registersOf(log);
  const cardinality = log.bytes.slice(8, headerBytes);
  expect(log.makeDense()).toBe(true);
  expect(registersOf(log)).toEqual(before);
  expect(log.bytes.slice(8, headerBytes)).toEqual(cardinality);
  expect(readDense(log.bytes, headerBytes, registerCount - 1)).toBe(before[registerCount - 1]);
});

test("the cardinality is within two percent", () => {
  for (const count of [0, 1, 100, 5_000, 100_000]) {
    const log = empty();
    for (let i = 0; i < count; i++) addTo(log, `element ${i}`);
    const guess = estimate(registersOf(log));
    expect(Math.abs(guess - count)).toBeLessThanOrEqual(Math.ceil(count / 50));
  }
});

test("registers that no element can produce count as in redis 7.0", () => {
  const log = empty();
  const head = Buffer.from("48594c4c000000000000000000000080", "hex");
  expect(log.begin(denseBytes)).toBe(denseBytes);
  log.bytes.set(Buffer.concat([head, Buffer.alloc(12_288, 0xff)]));
  expect([log.isValid, log.isDense]).toEqual([true, true]);
  expect(log.refresh()).toBe(true);
  expect(hexOf(log).slice(16, 32)).toBe("0000000000000080");
});

test("bytes that are not a HyperLogLog, or whose runs do not cover the registers, are refused", () => {
  const log = empty();
  expect(log.isValid).toBe(true);
  expect([log.begin(15), log.isValid]).toEqual([15, false]);
  log.clear();
  log.bytes[0] = 0x68;
  expect(log.isValid).toBe(false);
  log.clear();
  log.bytes[headerBytes + 1] = 0; // the XZERO now ends early
  expect(log.raise(registerCount - 1, 1)).toBeNull();
  expect(log.makeDense()).toBe(false);
  log.invalidate();
  expect(log.refresh()).toBeNull();
});
