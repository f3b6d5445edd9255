/**
 * A copy in this process and the link to its leader: cut and resumed, a snapshot that breaks off or
 * takes the place of old data, a leader that is silent, restarted, replaced by promotion.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { follow } from "../../src/embed/follow.ts";
import { caseMsMax, freePort, startNode, waitFor } from "../harness.ts";
import { inStep, roomy } from "../support/copies.ts";
import { failureOf } from "../support/failure.ts";
import { syncsOf } from "../support/line-ups.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { Peer } from "../support/peer.ts";
import { ScriptedLeader } from "../support/scripted-leader.ts";
import { UnsettledSnapshot } from "../support/unsettled-snapshot.ts";

setDefaultTimeout(caseMsMax);
const MiB = 1024 * 1024;

test("after a cut the copy goes on from where it was, and serves its data meanwhile", async () => {
  await using leader = await startNode({ threads: 1 });
  await using proxy = await LinkProxy.start(leader.port);
  await using peer = await Peer.connect(leader.port);
  await peer.ask("SET", "a", "old");
  await using copy = await follow(proxy.address, roomy);
  for (let i = 0; i < 3; i++) {
    proxy.cut();
    await waitFor(() => copy.state === "connecting", { message: "the cut to be noticed" });
    await peer.ask("SET", "a", `new ${i}`);
    expect([copy.get("a"), copy.complete]).toEqual([i === 0 ? "old" : `new ${i - 1}`, true]);
    proxy.heal();
    await inStep(copy, leader.port);
    expect(copy.get("a")).toBe(`new ${i}`);
  }
  expect(await syncsOf(leader.port)).toMatchObject({ full: 1, partial: 3 });
});

test("beyond maxStaleness the copy knows nothing until its leader is heard again", async () => {
  await using leader = await startNode({ threads: 1 });
  await using proxy = await LinkProxy.start(leader.port);
  await using peer = await Peer.connect(leader.port);
  await peer.ask("SET", "a", "1");
  await using copy = await follow(proxy.address, { ...roomy, maxStaleness: 300 });
  await using patient = await follow(proxy.address, roomy);
  proxy.cut();
  await waitFor(() => copy.get("a") === undefined, { message: "the bound to be passed" });
  expect(copy.lag.ms).toBeGreaterThan(300);
  expect([copy.has("none"), copy.complete, copy.size, [...copy]]).toEqual([
    undefined,
    false,
    0,
    [],
  ]);
  expect([patient.get("a"), patient.complete]).toEqual(["1", true]);
  proxy.heal();
  await waitFor(() => copy.get("a") === "1", { message: "it to answer again" });
});

test("a snapshot that breaks off changes nothing; a whole one takes the old data's place", async () => {
  await using old = await startNode({ threads: 1 });
  await using leader = await startNode({ threads: 1 });
  await using first = await Peer.connect(old.port);
  await using second = await Peer.connect(leader.port);
  await first.ask("MSET", "a", "old", "only", "here");
  await second.ask("SET", "a", "new");
  const filler = Array.from({ length: 300 }, (_, i) => ["SET", `f${i}`, "x".repeat(10_000)]);
  second.sendAll(filler);
  await second.replies(filler.length);
  const target = await LinkProxy.start(old.port);
  const { port } = target;
  await using copy = await follow(target.address, roomy);
  const flushes: unknown[] = [];
  copy.onChange((key, kind) => void (kind === "flushed" && flushes.push(key)));
  // The node that was followed becomes a follower of the other one, and passes on a new snapshot.
  target.hold(1 * MiB);
  await first.ask("REPLICAOF", "127.0.0.1", leader.port);
  await waitFor(() => target.isHolding && copy.state === "syncing", {
    message: "half of a snapshot",
  });
  expect([copy.get("a"), copy.get("only"), copy.get("f1")]).toEqual(["old", "here", null]);
  expect([copy.complete, flushes]).toEqual([true, []]);
  target.cut();
  await waitFor(() => copy.state === "connecting", { message: "the cut to be noticed" });
  expect([copy.get("a"), copy.get("only"), copy.get("f1")]).toEqual(["old", "here", null]);
  target.release();
  target.heal();
  await inStep(copy, old.port);
  await waitFor(() => copy.get("a") === "new", { message: "the new data" });
  expect([copy.get("only"), copy.get("f299"), copy.complete]).toEqual([
    null,
    "x".repeat(10_000),
    true,
  ]);
  expect([flushes, copy.size, port]).toEqual([[null], 301, target.port]);
  await target[Symbol.asyncDispose]();
});

test("old data that leave no room for the new go first, and reads know nothing meanwhile", async () => {
  await using old = await startNode({ threads: 1 });
  await using leader = await startNode({ threads: 1 });
  await using proxy = await LinkProxy.start(old.port);
  const value = "v".repeat(1_000);
  for (const [node, name] of [
    [old, "old"],
    [leader, "new"],
  ] as const) {
    await using peer = await Peer.connect(node.port);
    const writes = Array.from({ length: 1_500 }, (_, i) => ["SET", `${name}${i}`, value]);
    peer.sendAll(writes);
    await peer.replies(writes.length);
  }
  await using copy = await follow(proxy.address, { maxMemory: 2 * MiB });
  expect([copy.complete, copy.size]).toEqual([true, 1_500]);
  await using peer = await Peer.connect(old.port);
  proxy.hold(1 * MiB);
  await peer.ask("REPLICAOF", "127.0.0.1", leader.port);
  await waitFor(() => proxy.isHolding && copy.state === "syncing", {
    message: "a part of a snapshot",
  });
  await waitFor(() => copy.get("old1") === undefined, { message: "the old data to go" });
  expect([copy.get("new1"), copy.complete, copy.size, copy.offset]).toEqual([
    undefined,
    false,
    0,
    -1,
  ]);
  proxy.release();
  await waitFor(() => copy.complete, { message: "the new ones" });
  expect([copy.get("new1"), copy.get("old1"), copy.size]).toEqual([value, null, 1_500]);
});

test("a leader that is restarted is followed again, and what it lost is gone", async () => {
  const port = await freePort();
  const options = { threads: 1, listenAddr: [{ host: "127.0.0.1", port }] } as const;
  const before = await startNode(options);
  await using writer = await Peer.connect(port);
  await writer.ask("SET", "a", "1");
  await using copy = await follow(before.address, roomy);
  await before[Symbol.asyncDispose]();
  await waitFor(() => copy.state === "connecting", { message: "its end to be noticed" });
  expect(copy.get("a")).toBe("1");
  await using after = await startNode(options);
  await using peer = await Peer.connect(after.port);
  await peer.ask("SET", "b", "2");
  await waitFor(() => copy.get("b") === "2", { message: "the new leader's data" });
  expect([copy.get("a"), copy.complete]).toEqual([null, true]);
});

test("a followed follower that is promoted goes on without a full sync", async () => {
  await using leader = await startNode({ threads: 1 });
  await using node = await startNode({
    threads: 1,
    leaderAddr: { host: "127.0.0.1", port: leader.port },
  });
  await using copy = await follow(node.address, roomy);
  await using first = await Peer.connect(leader.port);
  await using second = await Peer.connect(node.port);
  await first.ask("SET", "a", "1");
  await waitFor(() => copy.get("a") === "1", { message: "the write to pass through" });
  const { full } = await syncsOf(node.port);
  await second.ask("REPLICAOF", "NO", "ONE");
  await second.ask("SET", "a", "2");
  await inStep(copy, node.port);
  expect([copy.get("a"), (await syncsOf(node.port)).full]).toEqual(["2", full]);
});

test("a snapshot is shown when the stream has brought what it saw too early", async () => {
  const { bytes, stream } = new UnsettledSnapshot();
  await using leader = await ScriptedLeader.start(() => ({ bytes, staysOpen: true }));
  await using proxy = await LinkProxy.start(leader.port);
  const replies = "+PONG\r\n+OK\r\n".length;
  proxy.hold(replies + bytes.length - stream.length);
  const failure = await failureOf(follow(proxy.address, { ...roomy, timeout: 300 }));
  expect(failure).toMatchObject({ code: "CONNECT_FAILED" });
  expect(proxy.isHolding).toBe(true);
  proxy.release();
  await using copy = await follow(proxy.address, roomy);
  expect([copy.get("a"), copy.get("b"), copy.offset]).toEqual(["new", "new", stream.length]);
});
