// Generations of tags and prefixes: which entries are valid, stale or gone by them.
// How they are read and kept is tested in test/client/cache-history.test.ts.

import { expect, test } from "bun:test";
import {
  firstNumber,
  generationLength,
  isGeneration,
  judge,
  mintGeneration,
  numberOf,
} from "../../../../src/client/cache/generation.ts";

const now = Date.UTC(2026, 10, 27);

test("an entry is valid, stale if the second half has changed, and gone otherwise", () => {
  const old = mintGeneration(firstNumber(now));
  const next = mintGeneration(firstNumber(now) + 1_000);
  const half = generationLength / 2;
  expect(judge(old, old)).toBe("valid");
  expect(judge(old, old.slice(0, half) + next.slice(half))).toBe("stale");
  expect(judge(old, next)).toBe("gone");
  for (const missing of [null, undefined, "", "0".repeat(12)])
    expect(judge(old, missing)).toBe("gone");
});

test("generations have one length, the order of their numbers, and never come twice", () => {
  const numbers = [1, firstNumber(now), Number.MAX_SAFE_INTEGER];
  for (const number of numbers) {
    expect(isGeneration(mintGeneration(number))).toBe(true);
    expect(numberOf(mintGeneration(number))).toBe(number);
  }
  const many = new Set(Array.from({ length: 100 }, (_, i) => mintGeneration(firstNumber(now + i))));
  expect(many.size).toBe(100);
  expect(firstNumber(now + 1)).toBeGreaterThan(firstNumber(now));
});
