// What the dashboard keeps of the samples, and how memory is shared out. Samples are as
// event-stream.ts sends them.

import { expect, test } from "bun:test";
import { hitRatio, memoryShares, Rows } from "../../../src/dashboard/live-sample.ts";
import type { Sample } from "../../../src/node/admin/observations.ts";

test("ten minutes of rows are kept", () => {
  const rows = new Rows(1);
  for (let second = 1; second <= 700; second++) rows.add(second, [second]);
  expect([rows.seconds.length, rows.seconds[0], rows.columns[0].at(-1)]).toEqual([600, 101, 700]);
});

test("a hole in the stream is a hole in the chart, and time never goes back", () => {
  const rows = new Rows(2);
  for (const second of [1, 2, 10, 9, 11]) rows.add(second, [second]);
  expect(rows.seconds).toEqual([1, 2, 3.75, 10, 11]);
  expect(rows.columns[0]).toEqual([1, 2, null, 10, 11]);
  expect(rows.columns[1]).toEqual([null, null, null, null, null]);
});

test("without lookups there is no hit ratio", () => {
  const rates = { commands: 1, evictions: 0, expirations: 0, receivedBytes: 0, sentBytes: 0 };
  expect(hitRatio({ ...rates, hits: 3, misses: 1 })).toBe(0.75);
  expect(hitRatio({ ...rates, hits: 0, misses: 0 })).toBeNull();
});

test("live, dead, index and free add up to the limit", () => {
  const memory = {
    ...{ usedBytes: 900, limitBytes: 1000, deadBytes: 100, unusedBytes: 50 },
    ...{ indexBytes: 30, ghostBytes: 20 },
  };
  const shares = memoryShares({ memory } as Sample);
  expect(shares).toEqual({ live: 700, dead: 100, index: 50, free: 150 });
});
