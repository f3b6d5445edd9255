/**
 * Resident memory of followers: what the leader's FLUSHALL or a full sync of less data frees goes
 * back to the system. Memory of a leader and of the store alone is judged elsewhere.
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
