/**
 * A process that is stopped for longer than a link may be silent, and goes on: its timers run
 * before what came meanwhile is read, and its leader may not be taken for dead. Time is a fake
 * clock's; the leader's side of the same stands in leader.test.ts.
 */
import { expect, test } from "bun:test";
import { waitFor } from "../../harness.ts";
import { FakeClock } from "../../unit/replication/fakes.ts";
import { TestNode } from "./test-node.ts";

const stoppedMs = 120_000;

test("a follower that stood still keeps its link, and gets the time of silence anew", async () => {
  const clock = new FakeClock();
  await using leader = new TestNode();
  await using node = new TestNode({}, clock);
  node.replication.replicaof("127.0.0.1", leader.port);
  const { follower } = node.replication;
  await waitFor(() => follower.state === "connected");
  node.replication.tick();
  clock.now += stoppedMs;
  node.replication.tick();
  expect(follower.state).toBe("connected");
  // One that runs and hears nothing for as long has lost its leader.
  for (let second = 0; second <= 61; second++) {
    clock.now += 1_000;
    node.replication.tick();
  }
  expect(follower.state).toBe("connect");
});
