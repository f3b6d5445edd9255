/**
 * What an import remembers of items that are not answered yet: lines and keys come back in order,
 * however many wait and however the ring has turned before it grows.
 */

import { expect, test } from "bun:test";
import { SentItems } from "../../../src/move/sent-items.ts";

test("items come back in order, with their lines and keys, while the ring turns and grows", () => {
  const sent = new SentItems();
  let [pushed, shifted] = [0, 0];
  const push = () => {
    const bytes = Buffer.from(`..key ${pushed}..`);
    sent.push(pushed, bytes, 2, bytes.length - 2);
    pushed++;
  };
  const shift = () => {
    const slot = sent.shift();
    expect(sent.lineOf(slot)).toBe(shifted);
    expect(Buffer.from(sent.keyOf(slot)).toString()).toBe(`key ${shifted}`);
    shifted++;
  };
  for (const [more, less] of [
    ...[
      [700, 650] as const,
      [1_500, 20] as const,
      [3_000, 4_000] as const,
      [9_000, 9_530] as const,
    ],
  ]) {
    for (let i = 0; i < more; i++) push();
    for (let i = 0; i < less; i++) shift();
  }
  expect(sent.length).toBe(0);
});

test("of a long key as much is kept as an error shows, and a byte that says that it goes on", () => {
  const sent = new SentItems();
  const key = Buffer.from("x".repeat(1_000));
  sent.push(1, key, 0, 60);
  sent.push(2, key, 0, 1_000);
  expect(sent.keyOf(sent.shift()).length).toBe(60);
  expect(sent.keyOf(sent.shift()).length).toBe(61);
});
