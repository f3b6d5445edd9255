// The moves of a connection as the diagram in connection-state.ts draws them. What a connection
// does in each state is judged over sockets, in test/connection.

import { expect, test } from "bun:test";
import {
  BLOCKED,
  CLOSED,
  ENDING,
  FRESH,
  HANDED,
  HELD,
  illegalMove,
  mayMove,
  OPEN,
  RUNNING,
  YIELDED,
} from "../../../../src/node/connection/connection-state.ts";

const states = [FRESH, OPEN, RUNNING, HELD, HANDED, BLOCKED, YIELDED, ENDING, CLOSED];
const waiting = [HELD, HANDED, BLOCKED, YIELDED];

function from(state: number): number[] {
  return states.filter((to) => mayMove(state, to));
}

test("commands are executed only from open on, and every wait ends there", () => {
  expect(states.filter((state) => mayMove(state, RUNNING))).toEqual([OPEN]);
  for (const state of waiting) expect(from(state)).toEqual([OPEN, ENDING, CLOSED]);
  expect(from(RUNNING)).toEqual([OPEN, ...waiting, ENDING, CLOSED]);
});

test("nothing comes back from its end", () => {
  expect(from(ENDING)).toEqual([ENDING, CLOSED]);
  expect(from(CLOSED)).toEqual([CLOSED]);
});

test("a move that does not exist is named", () => {
  expect(illegalMove(HELD, RUNNING).message).toBe(
    "a connection that is held cannot become running",
  );
});
