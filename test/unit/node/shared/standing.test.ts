// The facts that all threads see: the leader's address and the password, written by one view of the
// memory and read by another. Role and restrictions over real threads are judged in test/threads.

import { describe, expect, test } from "bun:test";
import { SharedStanding } from "../../../../src/node/shared/standing.ts";

const longestName = `${"n".repeat(253)}:65535`;

describe("the leader's address", () => {
  test.each(["127.0.0.1:5000", "[::1]:5000", "größe.example:1", longestName])(
    "is what another thread reads: %s",
    (address) => {
      const control = new SharedStanding();
      const data = new SharedStanding(control.memory);
      expect([data.isFollower, data.leaderAddress]).toEqual([false, ""]);
      control.follow(address);
      expect([data.isFollower, data.leaderAddress]).toEqual([true, address]);
    },
  );

  test("gives way to the next one, and is gone when the node leads", () => {
    const state = new SharedStanding();
    state.follow("a-longer-name.example:5000");
    state.follow("short:1");
    expect(state.leaderAddress).toBe("short:1");
    state.follow(null);
    expect([state.isFollower, state.leaderAddress]).toEqual([false, ""]);
  });

  test("is not told when it is longer than any address", () => {
    const state = new SharedStanding();
    state.follow("short:1");
    state.follow(`${"n".repeat(600)}:1`);
    expect([state.isFollower, state.leaderAddress]).toEqual([true, ""]);
  });
});

test("a refused write names the present leader, and the same reply serves until it changes", () => {
  const control = new SharedStanding();
  const data = new SharedStanding(control.memory);
  control.follow("10.0.0.1:5000");
  const { writeRefusal } = data;
  expect(writeRefusal.text).toEndWith("Its leader is 10.0.0.1:5000.");
  expect(data.writeRefusal).toBe(writeRefusal);
  control.follow("10.0.0.2:5000");
  expect(data.writeRefusal.text).toEndWith("Its leader is 10.0.0.2:5000.");
});
