/**
 * The largest input and output of one client: over the last eight seconds, as in Redis, whatever
 * the clock of the test says.
 */
import { expect, test } from "bun:test";
import { RecentPeaks } from "../../../../src/node/connection/recent-peaks.ts";

test("the largest of the last eight seconds counts, and no older one", () => {
  const peaks = new RecentPeaks();
  const seen = () => [peaks.inputBytes, peaks.outputBytes];
  expect(seen()).toEqual([0, 0]);
  peaks.note(100, 5);
  peaks.note(7, 30);
  expect(seen()).toEqual([100, 30]);
  peaks.nextSecond();
  peaks.note(8, 9);
  for (let second = 0; second < 6; second++) peaks.nextSecond();
  expect(seen()).toEqual([100, 30]);
  peaks.nextSecond();
  expect(seen()).toEqual([8, 9]);
  peaks.nextSecond();
  expect(seen()).toEqual([0, 0]);
});
