// The shares of the admin HTTP server: what one alone may take, what is left for others, and that
// nothing stays behind.

import { expect, test } from "bun:test";
import { FairShares } from "../../../../src/node/admin/fair-shares.ts";

/** How often `who` may take one. */
function taken(shares: FairShares, who: string): number {
  let times = 0;
  while (shares.take(who, 1)) times++;
  return times;
}

test("one alone gets half, the next half of the rest, and something is always left", () => {
  const shares = new FairShares(64);
  expect(["a", "b", "c", "d", "e"].map((who) => taken(shares, who))).toEqual([32, 16, 8, 4, 2]);
  expect(shares.total).toBe(62);
});

test("who gives back finds room again, and others find more", () => {
  const shares = new FairShares(64);
  taken(shares, "a");
  for (let i = 0; i < 32; i++) shares.giveBack("a", 1);
  expect(shares.total).toBe(0);
  expect(taken(shares, "b")).toBe(32);
});

test("a larger amount needs as much beside it", () => {
  const shares = new FairShares(100);
  expect(shares.take("a", 51)).toBeFalse();
  expect(shares.take("a", 50)).toBeTrue();
  expect(shares.take("b", 26)).toBeFalse();
  expect(shares.take("b", 25)).toBeTrue();
});

test("what somebody takes beyond his share counts against all", () => {
  const shares = new FairShares(100);
  shares.hold("a", 150);
  expect(shares.take("b", 1)).toBeFalse();
  shares.giveBack("a", 150);
  expect(shares.take("b", 50)).toBeTrue();
});

test("a number that others know counts in place of the sum", () => {
  const shares = new FairShares(100);
  expect(shares.take("a", 1, 99)).toBeFalse();
  expect(shares.take("a", 1, 98)).toBeTrue();
});
