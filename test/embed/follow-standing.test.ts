/**
 * What a copy in a process is to others: a follower that is never promoted, that promises nothing
 * to WAIT, and that nobody tries to reach. Beside it stands a real follower, which came later.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { follow } from "../../src/embed/follow.ts";
import { connect } from "../../src/index.ts";
import { caseMsMax, redisInstalled, startNode, startRedis, waitFor } from "../harness.ts";
import { inStep, roomy } from "../support/copies.ts";
import { replicationField } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const isUp = (port: number) => async () =>
  (await replicationField(port, "master_link_status")) === "up";

test("a leader counts copies nowhere, and hands over to a follower", async () => {
  await using leader = await startNode({ threads: 1, minFollowersToWrite: 1 });
  await using peer = await Peer.connect(leader.port);
  await using copy = await follow(leader.address, roomy);
  expect(await peer.ask("SET", "a", "1")).toStartWith("-NOREPLICAS");
  await using node = await startNode({
    threads: 1,
    leaderAddr: { host: "127.0.0.1", port: leader.port },
  });
  await waitFor(isUp(node.port));
  await waitFor(async () => (await peer.ask("SET", "a", "1")) === "+OK");
  await inStep(copy, leader.port);
  expect(await peer.ask("WAIT", "2", "50")).toBe(":1");
  expect(await replicationField(leader.port, "connected_slaves")).toBe("2");
  expect(await peer.ask("ROLE")).not.toContain("$0");
  await using reader = await connect(leader.address, { reads: "followers" });
  expect(await reader.get("a")).toBe("1");
  expect(await peer.ask("FAILOVER", "TIMEOUT", "60000")).toBe("+OK");
  await waitFor(async () => (await replicationField(node.port, "role")) === "master");
  await using next = await Peer.connect(node.port);
  await next.ask("CONFIG", "SET", "min-followers-to-write", "0");
  await next.ask("SET", "a", "2");
  await waitFor(() => copy.get("a") === "2", { message: "the copy to follow along the chain" });
});

test.skipIf(!redisInstalled())(`a Redis hands over to a follower${redisNote}`, async () => {
  await using leader = await startRedis();
  await using peer = await Peer.connect(leader.port);
  await using copy = await follow(`127.0.0.1:${leader.port}`, roomy);
  await peer.ask("SET", "a", "1");
  await using node = await startRedis(["--replicaof", "127.0.0.1", String(leader.port)]);
  await waitFor(isUp(node.port));
  await inStep(copy, leader.port);
  expect(await peer.ask("WAIT", "2", "50")).toBe(":1");
  expect(await peer.ask("FAILOVER", "TIMEOUT", "60000")).toBe("+OK");
  await waitFor(async () => (await replicationField(node.port, "role")) === "master");
  await using next = await Peer.connect(node.port);
  await next.ask("SET", "a", "2");
  await waitFor(() => copy.get("a") === "2", { message: "the copy to follow along the chain" });
});
