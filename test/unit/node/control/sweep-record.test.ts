/**
 * What INFO tells of sweeps: the estimate of expired items moves as Redis's does, a reset begins
 * again, and what the store has met before does not count twice.
 */
import { expect, test } from "bun:test";
import { SweepRecord } from "../../../../src/node/control/sweep-record.ts";

test("a sweep moves the estimate by a twentieth of what it differs", () => {
  const record = new SweepRecord();
  record.note({ looked: 100, expired: 50 }, 0.5, false);
  expect(record.stalePercent).toBeCloseTo(2.5);
  record.note({ looked: 110, expired: 60 }, 1, true);
  expect(record.stalePercent).toBeCloseTo(2.5 + (100 - 2.5) / 20);
  record.note({ looked: 110, expired: 60 }, 1, false);
  expect(record.stalePercent).toBeCloseTo(7.375 * 0.95);
  expect([record.cuts, record.spentMs]).toEqual([1, 2.5]);
});

test("a reset forgets all but what the store has met", () => {
  const record = new SweepRecord();
  record.note({ looked: 100, expired: 100 }, 1, true);
  record.reset();
  expect([record.stalePercent, record.cuts, record.spentMs]).toEqual([0, 0, 0]);
  record.note({ looked: 102, expired: 101 }, 1, false);
  expect(record.stalePercent).toBeCloseTo(2.5);
});
