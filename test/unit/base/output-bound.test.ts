// The bounds of what waits for a slow reader, in bytes and in time.
// That its bytes are right is the business of its owner.

import { expect, test } from "bun:test";
import { boundOfFollower, OutputAccount } from "../../../src/base/output-bound.ts";

const bound = { hardBytes: 100, softBytes: 40, softSeconds: 60 };

test("a reader is overdue above the hard bound at once", () => {
  const account = new OutputAccount();
  expect(account.isOverdue(100, { ...bound, softBytes: 0 }, 1)).toBe(false);
  expect(account.isOverdue(101, { ...bound, softBytes: 0 }, 1)).toBe(true);
});

test("a reader is overdue when it stays above the soft bound for longer than its time", () => {
  const account = new OutputAccount();
  expect(account.isOverdue(41, bound, 1)).toBe(false);
  expect(account.isOverdue(41, bound, 60_001)).toBe(false);
  expect(account.isOverdue(41, bound, 60_002)).toBe(true);
});

test("a reader that falls below the soft bound has its whole time again", () => {
  const account = new OutputAccount();
  expect(account.isOverdue(41, bound, 1)).toBe(false);
  expect(account.isOverdue(40, bound, 60_000)).toBe(false);
  expect(account.isOverdue(41, bound, 120_000)).toBe(false);
  expect(account.isOverdue(41, bound, 180_000)).toBe(false);
  expect(account.isOverdue(41, bound, 180_001)).toBe(true);
});

test("a soft bound of no seconds ends a reader that stays for any time", () => {
  const account = new OutputAccount();
  expect(account.isOverdue(41, { ...bound, softSeconds: 0 }, 1)).toBe(false);
  expect(account.isOverdue(41, { ...bound, softSeconds: 0 }, 2)).toBe(true);
});

test("bounds of 0 end nobody", () => {
  const account = new OutputAccount();
  const none = { hardBytes: 0, softBytes: 0, softSeconds: 0 };
  expect(account.isOverdue(1e12, none, 1)).toBe(false);
  expect(account.isOverdue(1e12, none, 1e9)).toBe(false);
});

test("a follower's soft bound is a quarter of its hard one, as in Redis", () => {
  expect(boundOfFollower(401)).toEqual({ hardBytes: 401, softBytes: 100, softSeconds: 60 });
});
