/**
 * What a full sync needs on disk: nothing between nodes that find the end of a snapshot by its
 * mark, also in a chain; for others one file, which does not survive a kill of the process. Also
 * SYNC, by which redis-cli asks for a snapshot or the stream.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { caseMsMax, redisInstalled, spawnNode, temporaryDirectory, waitFor } from "../harness.ts";
import { infoField } from "../persistence/bed.ts";
import { replicationField } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { oracle, redisNote } from "../support/servers.ts";
import { contentsOf } from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

const nowhere = { environment: { TMPDIR: "/nowhere/at/all" } };

async function linkIsUp(port: number): Promise<boolean> {
  return (await replicationField(port, "master_link_status")) === "up";
}

async function fill(peer: Peer, keys: number, bytes: number): Promise<void> {
  peer.sendAll(
    Array.from({ length: keys }, (_, i) => ["SET", `key:${i}`, `${i}`.padEnd(bytes, "x")]),
  );
  await peer.replies(keys);
}

test("a chain needs no temporary folder", async () => {
  await using first = await spawnNode([], nowhere);
  await using peer = await Peer.connect(first.port);
  await fill(peer, 500, 2_000);
  await using second = await spawnNode(["--leaderaddr", `127.0.0.1:${first.port}`], nowhere);
  await waitFor(() => linkIsUp(second.port));
  await using third = await spawnNode(["--leaderaddr", `127.0.0.1:${second.port}`], nowhere);
  await waitFor(() => linkIsUp(third.port));
  await peer.ask("SET", "last", "1");
  await using reader = await Peer.connect(third.port);
  await waitFor(async () => (await reader.ask("GET", "last")) === "$1");
  expect(await contentsOf(third.port)).toEqual(await contentsOf(first.port));
});

test.skipIf(oracle.isMissing)(
  `a chain behind a Redis that counts all the time has its numbers${redisNote}`,
  async () => {
    await using redis = await oracle.start();
    await using peer = await Peer.connect(redis.port);
    await fill(peer, 3_000, 500);
    await using middle = await spawnNode(["--leaderaddr", `127.0.0.1:${redis.port}`], nowhere);
    await waitFor(() => linkIsUp(middle.port));
    let isDone = false;
    const load = (async () => {
      for (let i = 0; !isDone; i++) {
        await peer.ask("INCR", `counter:${i % 200}`);
        await peer.ask("APPEND", `key:${(i * 7) % 3_000}`, "+");
        // Real time for the others: several writes fall into each slice of a snapshot all the same.
        if (i % 10 === 0) await Bun.sleep(1);
      }
    })();
    for (let round = 0; round < 3; round++) {
      await using last = await spawnNode(["--leaderaddr", `127.0.0.1:${middle.port}`], nowhere);
      await waitFor(() => linkIsUp(last.port));
      isDone = round === 2;
      if (!isDone) continue;
      await load;
      await peer.ask("SET", "last", "1");
      await using reader = await Peer.connect(last.port);
      await waitFor(async () => (await reader.ask("GET", "last")) === "$1");
      expect(await contentsOf(last.port)).toEqual(await contentsOf(redis.port));
    }
  },
);

test("a node that is killed in the middle of a full sync leaves no file", async () => {
  await using directory = await temporaryDirectory();
  const environment = { TMPDIR: directory.path };
  await using node = await spawnNode([], { environment });
  await using peer = await Peer.connect(node.port);
  await fill(peer, 40, 1_000_000);
  await using follower = await Peer.connect(node.port);
  follower.write("PSYNC ? -1\r\n");
  await waitFor(async () => (await infoField(node.port, "sync_full")) === "1");
  const pid = node.process.pid;
  process.kill(pid, "SIGKILL");
  await node.process.exited;
  expect(readdirSync(directory.path)).toEqual([]);
});

describe.skipIf(!redisInstalled())(`redis-cli${redisNote}`, () => {
  async function snapshotOf(port: number, path: string): Promise<string> {
    const child = Bun.spawn(["redis-cli", "-p", `${port}`, "--rdb", path], {
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await child.exited).toBe(0);
    const check = Bun.spawn(["redis-check-rdb", path], { stdout: "pipe" });
    return new Response(check.stdout).text();
  }

  test("SYNC gives --rdb a file that redis-check-rdb accepts from a leader and from a follower", async () => {
    await using directory = await temporaryDirectory();
    await using leader = await spawnNode([]);
    await using peer = await Peer.connect(leader.port);
    await fill(peer, 300, 5_000);
    await using follower = await spawnNode(["--leaderaddr", `127.0.0.1:${leader.port}`]);
    await waitFor(() => linkIsUp(follower.port));
    for (const { port } of [leader, follower]) {
      const path = join(directory.path, `${port}.rdb`);
      const report = await snapshotOf(port, path);
      expect(report).toContain("RDB looks OK!");
      expect(report).toContain("300 keys read");
    }
  });

  test("SYNC gives --replica new writes", async () => {
    await using leader = await spawnNode([]);
    await using follower = await spawnNode(["--leaderaddr", `127.0.0.1:${leader.port}`]);
    await waitFor(() => linkIsUp(follower.port));
    await using peer = await Peer.connect(leader.port);
    for (const { port } of [leader, follower]) {
      const child = Bun.spawn(["redis-cli", "-p", `${port}`, "--replica"], {
        stdout: "pipe",
        stderr: "ignore",
      });
      let shown = "";
      void (async () => {
        for await (const chunk of child.stdout) shown += Buffer.from(chunk).toString();
      })();
      let written = 0;
      await waitFor(async () => {
        await peer.ask("SET", "shown", `value-${written++}`);
        return /"?SET"?[, ]"?shown"?[, ]"?value-\d+/i.test(shown);
      });
      child.kill();
      await child.exited;
    }
  });
});
