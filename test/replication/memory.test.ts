/**
 * Memory that leaders and followers give back: what the leader's FLUSHALL or a full sync of less
 * data frees on a follower, to the system, and what is beyond a limit that was lowered. Memory of
 * the store alone is judged elsewhere.
 * Invariant: nodes have the smallest journal, which would otherwise keep as many bytes as were
 * written.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { type Member, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { ours } from "../support/servers.ts";
import { textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const MiB = 1024 * 1024;
const itemCount = repetitions(12_000, 20_000);
const value = Buffer.alloc(10_000, "v"); // 120 or 200 MB with all items
/** What sockets, the snapshot on its way and the collector may still hold of it. */
const leftBytesMax = 80 * MiB;

/**
 * As the system counts it; where it gives nothing back, as on Windows, there is nothing to test.
 */
const givesBack = process.platform === "linux";

async function residentBytes({ port }: Member): Promise<number> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO", "memory"));
  return Number(/^used_memory_rss:(\d+)/m.exec(text)?.[1]);
}

async function usedBytes({ port }: Member): Promise<number> {
  await using peer = await Peer.connect(port);
  return Number(/^used_memory:(\d+)/m.exec(textOf(await peer.typed("INFO", "memory")))?.[1]);
}

async function fill({ port }: Member): Promise<void> {
  await using peer = await Peer.connect(port);
  for (let i = 0; i < itemCount; i += 500) {
    for (let n = i; n < i + 500; n++) peer.send("SET", `item:${n}`, value);
    await peer.replies(500);
  }
}

const small = ["--max-memory", "400mb", "--journal-size", "1mb"];

test.skipIf(!givesBack)(
  "a follower returns to the system what FLUSHALL and a smaller snapshot free",
  async () => {
    await using stack = new AsyncDisposableStack();
    const leader = stack.use(await ours.start(small));
    const other = stack.use(await ours.start(small));
    const follower = stack.use(await ours.start([...small, "--leaderaddr", leader.address]));
    await untilCaughtUp(leader, [follower]);
    const before = await residentBytes(follower);
    for (const free of [
      () => askOnce(leader, "FLUSHALL"),
      () => askOnce(follower, "REPLICAOF", "127.0.0.1", other.port),
    ]) {
      await fill(leader);
      await untilCaughtUp(leader, [follower]);
      expect(await residentBytes(follower)).toBeGreaterThan(
        before + 0.95 * itemCount * value.length,
      );
      expect(await free()).toBe("+OK");
      await waitFor(async () => (await askOnce(follower, "DBSIZE")) === ":0");
      await waitFor(async () => (await residentBytes(follower)) < before + leftBytesMax, {
        message: "the memory to go back",
      });
    }
  },
);

async function askOnce({ port }: Member, ...command: (string | number)[]): Promise<string> {
  await using peer = await Peer.connect(port);
  return await peer.ask(...command);
}

test("a limit that is lowered is reached without a write, on the follower too", async () => {
  await using leader = await ours.start(["--max-memory", "64mb", "--journal-size", "1mb"]);
  const port = `127.0.0.1:${leader.port}`;
  const sizes = ["--max-memory", "8mb", "--reserve", "128mb", "--journal-size", "1mb"];
  await using follower = await ours.start([...sizes, "--leaderaddr", port]);
  await untilCaughtUp(leader, [follower]);
  await using peer = await Peer.connect(leader.port);
  for (let i = 0; i < 50_000; i += 1000) {
    for (let n = i; n < i + 1000; n++) peer.send("SET", `item:${n}`, value.subarray(0, 1000));
    await peer.replies(1000);
  }
  await untilCaughtUp(leader, [follower]);
  for (const node of [leader, follower]) expect(await usedBytes(node)).toBeGreaterThan(48 * MiB);
  expect(await peer.ask("CONFIG", "SET", "maxmemory", "8mb")).toBe("+OK");
  await waitFor(async () => (await usedBytes(leader)) <= 8 * MiB, { message: "the limit" });
  await waitFor(async () => (await usedBytes(follower)) <= 8.5 * MiB, {
    message: "the follower to have compacted",
  });
});
