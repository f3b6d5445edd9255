/**
 * Prefixes with their clients: which changes each is told of, in which order, and by whom.
 * Sends nothing: what flush() hands over is looked at.
 */
import { expect, test } from "bun:test";
import { Broadcast } from "../../../../src/command/tracking/broadcast.ts";

type Told = [clients: number[], changed: [string, number][]];

function told(broadcast: Broadcast): Told[] {
  const found: Told[] = [];
  broadcast.flush((clients, changed) => found.push([[...clients], [...changed]]));
  return found;
}

test("a change is told under each prefix that its key begins with", () => {
  const broadcast = new Broadcast();
  broadcast.add(1, "");
  broadcast.add(2, "user:");
  broadcast.add(3, "user:");
  broadcast.add(3, "a");
  for (const key of ["user:2", "b", "use", "user:1"]) broadcast.changed(key, 9);
  const all: [string, number][] = ["b", "use", "user:1", "user:2"].map((key) => [key, 9]);
  expect(told(broadcast)).toEqual([
    [[1], all],
    [[2, 3], all.slice(2)],
  ]);
  expect(told(broadcast)).toEqual([]);
});

test("a key that several clients have changed is nobody's own change", () => {
  const broadcast = new Broadcast();
  broadcast.add(1, "");
  for (const author of [1, 2, 2]) broadcast.changed("both", author);
  broadcast.changed("own", 1);
  broadcast.changed("own", 1);
  const changed: [string, number][] = [
    ["both", 0],
    ["own", 1],
  ];
  expect(told(broadcast)).toEqual([[[1], changed]]);
});

test("a prefix without clients is forgotten, with what has changed under it", () => {
  const broadcast = new Broadcast();
  broadcast.add(1, "a");
  broadcast.add(2, "a");
  broadcast.add(1, "b");
  broadcast.changed("a1", 0);
  broadcast.remove(1, "a");
  expect(broadcast.size).toBe(2);
  broadcast.remove(2, "a");
  broadcast.remove(2, "a");
  expect(broadcast.size).toBe(1);
  broadcast.changed("a2", 0);
  expect(told(broadcast)).toEqual([]);
});
