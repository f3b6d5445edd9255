// The largest of many keys, judged by sorting all of them. A key that comes twice, as SCAN allows,
// is listed once.

import { expect, test } from "bun:test";
import { Ranking } from "../../../../src/cli/keys/ranking.ts";

const offer = (ranking: Ranking, name: string, value: number, database = 0) =>
  ranking.offer({ database, key: Buffer.from(name), value, others: {} });

test("it keeps the largest, as sorting all would", () => {
  const values = Array.from({ length: 500 }, (_, i) => (i * 7919) % 503);
  const ranking = new Ranking(20);
  for (const [i, value] of values.entries()) offer(ranking, `k${i}`, value);
  const largest = values.toSorted((a, b) => b - a).slice(0, 20);
  expect(ranking.list.map(({ value }) => value)).toEqual(largest);
});

test("a key that comes twice is there once, and in two databases twice", () => {
  const ranking = new Ranking(3);
  offer(ranking, "a", 5);
  offer(ranking, "a", 9);
  offer(ranking, "a", 7, 1);
  const list = ranking.list.map(({ value, database }) => [value, database]);
  expect(list).toEqual([
    [9, 0],
    [7, 1],
  ]);
});
