// The facts that all threads see: the leader's address, written by one view of the memory and read by
// another. Role and restrictions over real threads are judged in test/threads.

import { describe, expect, test } from "bun:test";
import { SharedState } from "../../../src/node/shared-state.ts";

const longestName = `${"n".repeat(253)}:65535`;

describe("the leader's address", () => {
  test.each(["127.0.0.1:5000", "[::1]:5000", "größe.example:1", longestName])(
    "is what another thread reads: %s",
    (address) => {
      const control = new SharedState();
      const data = new SharedState(control.memory);
      expect([data.isFollower, data.leaderAddress]).toEqual([false, ""]);
      control.follow(address);
      expect([data.isFollower, data.leaderAddress]).toEqual([true, address]);
    },
  );

  test("gives way to the next one, and is gone when the node leads", () => {
    const state = new SharedState();
    state.follow("a-longer-name.example:5000");
    state.follow("short:1");
    expect(state.leaderAddress).toBe("short:1");
    state.follow(null);
    expect([state.isFollower, state.leaderAddress]).toEqual([false, ""]);
  });

  test("is not told when it is longer than any address", () => {
    const state = new SharedState();
    state.follow("short:1");
    state.follow(`${"n".repeat(600)}:1`);
    expect([state.isFollower, state.leaderAddress]).toEqual([true, ""]);
  });
});
