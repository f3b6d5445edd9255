// The runs of bytes in which two values differ: applied to the old value they make the new one,
// whatever else is in the buffers.

import { expect, test } from "bun:test";
import { findRuns, makeRuns, runsMax } from "../../../../src/command/hyperloglog/changed-runs.ts";
import { Random, seedFor } from "../../../support/seed.ts";

const capacity = 4096;
const runs = makeRuns();

function wordsOf(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer);
}

/** A buffer with a value, and whatever was in it before behind that. */
function bufferOf(random: Random, value: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(random.bytes(capacity));
  buffer.set(value);
  return buffer;
}

test("the runs turn one value into the other, whatever its length", () => {
  const random = new Random(seedFor("RUNS_SEED"));
  for (let round = 0; round < 500; round++) {
    const before = new Uint8Array(random.bytes(random.below(2_000)));
    const after = new Uint8Array(before.length + random.below(random.pick([1, 5, 500])));
    after.set(before);
    after.set(random.bytes(after.length - before.length), before.length);
    for (let i = random.below(9); i > 0 && after.length > 0; i--) {
      after[random.below(after.length)] = random.below(256);
    }
    const [old, young] = [bufferOf(random, before), bufferOf(random, after)];
    const count = findRuns(wordsOf(old), before.length, wordsOf(young), after.length, runs);
    const patched = new Uint8Array(after.length);
    patched.set(before);
    for (let i = 0; i < count; i++) {
      const [from, to] = [runs[2 * i], runs[2 * i + 1]] as [number, number];
      expect(to).toBeLessThanOrEqual(after.length);
      patched.set(after.subarray(from, to), from);
    }
    expect(patched).toEqual(after);
  }
});

test("equal values have no runs, near changes one, and many too many", () => {
  const before = new Uint8Array(capacity);
  const after = new Uint8Array(capacity);
  const count = () => findRuns(wordsOf(before), capacity, wordsOf(after), capacity, runs);
  expect(count()).toBe(0);
  after[100] = 1;
  after[120] = 1;
  expect([count(), runs[0], runs[1]]).toEqual([1, 100, 124]);
  for (let i = 0; i <= runsMax; i++) after[i * 200] = 1;
  expect(count()).toBe(-1);
});
