/**
 * The histogram of turns: what is recorded is there when somebody asks, also what another thread
 * has recorded and posted.
 */
import { expect, test } from "bun:test";
import { TurnHistogram } from "../../../../src/node/connection/turns.ts";

function histogramOf(...turnsMs: readonly number[]): TurnHistogram {
  const turns = new TurnHistogram();
  for (const ms of turnsMs) turns.record(ms);
  return turns;
}

const facts = (turns: TurnHistogram) => {
  const { count, maxMs, over10Ms, over50Ms } = turns;
  return { count, maxMs, over10Ms, over50Ms };
};

const hundred = Array.from({ length: 100 }, (_, i) => i + 1);

test("counts turns, the long ones apart", () => {
  expect(facts(histogramOf(...hundred))).toEqual({
    count: 100,
    maxMs: 100,
    over10Ms: 90,
    over50Ms: 50,
  });
  expect(facts(histogramOf(11))).toEqual({ count: 1, maxMs: 11, over10Ms: 1, over50Ms: 0 });
});

test("a percentile is at most a quarter above the truth, and never above the longest", () => {
  const turns = histogramOf(...hundred);
  const median = turns.percentileMs(0.5);
  expect(median).toBeGreaterThanOrEqual(50);
  expect(median).toBeLessThanOrEqual(50 * 1.26);
  expect(turns.percentileMs(1)).toBe(100);
});

test("adds what another thread has posted, to the last turn", () => {
  const sum = histogramOf(1, 60);
  sum.add(structuredClone(histogramOf(...hundred)));
  expect(facts(sum)).toEqual({ count: 102, maxMs: 100, over10Ms: 91, over50Ms: 51 });
});

test("is empty after a reset", () => {
  const turns = histogramOf(...hundred);
  turns.reset();
  expect(facts(turns)).toEqual({ count: 0, maxMs: 0, over10Ms: 0, over50Ms: 0 });
  expect(turns.percentileMs(0.99)).toBe(0);
});
