// Simulated policies on sequences short enough to work out by hand, and properties that
// hold for each of them on any sequence.
// Invariant: a fuzzed sequence's seed is printed when it fails and taken from BENCH_SEED.

import { describe, expect, test } from "bun:test";
import { FrequencySketch } from "../../../scripts/bench/simulate/frequency-sketch.ts";
import { policies, policyNames, simulate } from "../../../scripts/bench/simulate/policies.ts";
import { S3Fifo } from "../../../scripts/bench/simulate/s3-fifo.ts";
import { makeTrace } from "../../../scripts/bench/trace.ts";
import { Random } from "../../../src/bench/random.ts";

/** Which requests of a sequence hit: "." a miss, "h" a hit. */
function hitsOf(policy: { access(id: number): boolean }, ids: readonly number[]): string {
  return ids.map((id) => (policy.access(id) ? "h" : ".")).join("");
}

test("LRU evicts the least recently used object", () => {
  // 1 2 3 fill; 1 is used; 4 evicts 2; 2 evicts 3; 1 is still there.
  expect(hitsOf(policies.LRU(3, 10), [1, 2, 3, 1, 4, 2, 1, 3])).toBe("...h..h.");
});

test("LFU evicts the least frequently used object, the older one among equals", () => {
  // 1 has two uses, 2 and 3 one each: 4 evicts 2, 2 evicts 3, and 1 stays.
  expect(hitsOf(policies.LFU(3, 10), [1, 1, 2, 3, 4, 2, 1, 3])).toBe(".h....h.");
});

test("SIEVE clears marks from the oldest on and evicts the first unmarked, in place", () => {
  // 1 is marked and passed over, so 4 evicts 2; the hand goes on and 5 evicts 3; 1 and 4 stay.
  expect(hitsOf(policies.SIEVE(3, 10), [1, 2, 3, 1, 4, 1, 5, 4, 1, 2])).toBe("...h.h.hh.");
});

test("S3-FIFO evicts objects used once and keeps objects used twice", () => {
  const policy = new S3Fifo(4, 20, { smallShare: 0.25, promoteUses: 2 });
  // 1 is used twice more and is promoted when 2, 3, 4, 5 push it; a scan cannot evict it.
  expect(hitsOf(policy, [1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 1])).toBe(".hh.......h");
});

test("S3-FIFO puts an object found in the ghost queue into the main queue", () => {
  const policy = new S3Fifo(4, 20, { smallShare: 0.25, promoteUses: 2 });
  // 5 pushes 1 into the ghost queue; 1 returns to main, where the scan cannot reach it.
  expect(hitsOf(policy, [1, 2, 3, 4, 5, 1, 6, 7, 8, 9, 1])).toBe("..........h");
});

test("W-TinyLFU rejects a new object used less often than the one it would replace", () => {
  const policy = policies["W-TinyLFU"](4, 100);
  const warm = [1, 2, 3, 1, 2, 3, 1, 2, 3];
  hitsOf(policy, warm);
  expect(hitsOf(policy, [50, 51, 52, 53, 54, 55, 1, 2, 3])).toBe("......hhh");
});

describe.each([...policyNames])("%s", (name) => {
  test("misses each object once if all fit", () => {
    const trace = makeTrace("fits", Uint32Array.from([0, 1, 2, 3, 0, 1, 2, 3, 3, 2, 1, 0]));
    expect(simulate(name, 4, trace)).toBeCloseTo((8 / 12) * 100, 6);
  });

  test("fills its capacity and never exceeds it", () => {
    const seed = Number(process.env.BENCH_SEED ?? 7);
    const random = new Random(seed);
    for (const capacity of [1, 2, 3, 10, 37]) {
      const policy = policies[name](capacity, 100);
      const held = new Set<number>();
      let hits = 0;
      for (let i = 0; i < 5000; i++) {
        const id = random.below(random.below(2) === 0 ? 20 : 100);
        const hit = policy.access(id);
        // A hit on an object that never came in would be an invention.
        if (hit && !held.has(id)) throw new Error(`${name} invented ${id}, seed ${seed}`);
        held.add(id);
        if (hit) hits++;
      }
      expect(hits).toBeGreaterThan(0);
      expect(heldAfter(policy, 100), `seed ${seed}`).toBeLessThanOrEqual(capacity);
    }
  });
});

/**
 * Asks for each id once: only what was held before can hit, so the hits are a lower bound of
 * what was held, and exceed the capacity only when a policy held too much.
 */
function heldAfter(policy: { access(id: number): boolean }, ids: number): number {
  let held = 0;
  for (let id = 0; id < ids; id++) if (policy.access(id)) held++;
  return held;
}

test("a scan costs SIEVE and S3-FIFO less than LRU", () => {
  const ids: number[] = [];
  for (let round = 0; round < 20; round++) {
    for (let again = 0; again < 3; again++) for (let id = 0; id < 50; id++) ids.push(id);
    for (let scan = 0; scan < 200; scan++) ids.push(50 + round * 200 + scan);
  }
  const trace = makeTrace("scans", Uint32Array.from(ids));
  const lru = simulate("LRU", 100, trace);
  expect(simulate("S3-FIFO", 100, trace)).toBeGreaterThan(lru + 5);
  expect(simulate("SIEVE", 100, trace)).toBeGreaterThan(lru + 5);
});

test("the frequency sketch never underestimates, and ages by halving", () => {
  const sketch = new FrequencySketch(100);
  for (let i = 0; i < 6; i++) sketch.increment(5);
  expect(sketch.estimate(5)).toBeGreaterThanOrEqual(6);
  for (let id = 100; id < 1094; id++) sketch.increment(id);
  expect(sketch.estimate(5)).toBeLessThan(6);
});
