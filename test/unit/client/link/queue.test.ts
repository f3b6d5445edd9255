// The queue against an array as its model: the same random steps on both, compared after each, and
// the queue's own invariants with them. The seed is printed, and taken from MSCACHE_QUEUE_SEED.

import { expect, test } from "bun:test";
import { Queue } from "../../../../src/client/link/queue.ts";
import { numberFromEnvironment, Random, seedFor } from "../../../support/seed.ts";

function contents(queue: Queue<number>): number[] {
  const items: number[] = [];
  queue.forEach((item) => {
    items.push(item);
  });
  return items;
}

test("an empty queue has nothing to peek at or shift", () => {
  const queue = new Queue<number>();
  expect([queue.length, queue.peek(), queue.shift()]).toEqual([0, undefined, undefined]);
  queue.invariants();
});

test("a queue behaves as an array does, through growth and wrap-around", () => {
  const random = new Random(seedFor("MSCACHE_QUEUE_SEED"));
  const steps = numberFromEnvironment("MSCACHE_QUEUE_STEPS", 3_000);
  const queue = new Queue<number>();
  const model: number[] = [];
  for (let step = 0; step < steps; step++) {
    if (random.chance(0.52)) {
      queue.push(step);
      model.push(step);
    } else if (random.chance(0.98)) {
      expect(queue.shift()).toBe(model.shift());
    } else {
      const divisor = random.between(2, 5);
      queue.removeIf((item) => item % divisor === 0);
      model.splice(0, model.length, ...model.filter((item) => item % divisor !== 0));
    }
    expect(queue.length).toBe(model.length);
    expect(queue.peek()).toBe(model[0]);
    queue.invariants();
  }
  expect(contents(queue)).toEqual(model);
});

test("a queue of a thousand keeps its order when it grows while its head is in the middle", () => {
  const queue = new Queue<number>();
  for (let i = 0; i < 50; i++) queue.push(i);
  for (let i = 0; i < 40; i++) queue.shift();
  for (let i = 50; i < 1_000; i++) queue.push(i);
  queue.invariants();
  expect(contents(queue)).toEqual(Array.from({ length: 960 }, (_, i) => i + 40));
});
