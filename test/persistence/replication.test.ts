/**
 * Restarts and replication: after a clean shutdown, followers and leaders resume with a partial
 * sync. After anything else they need a full sync, because the file is then not a state of the
 * history it came from. Each test checks by the leader's counters which of the two it was, and
 * compares all data.
 * Invariant: no node resumes into another history, whatever restarts from whatever file.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import {
  caseMsMax,
  freePort,
  redisInstalled,
  type SpawnedNode,
  spawnNode,
  startRedis,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { type Member, replicationField, untilCaughtUp } from "../support/line-ups.ts";
import { repetitions } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { redisNote } from "../support/servers.ts";
import { contentsOf, fill, settledContentsOf, WriteLoad } from "../support/write-load.ts";
import { ask, Bed, infoField, start } from "./bed.ts";

setDefaultTimeout(caseMsMax);

/** A node on a port that its followers know again. */
function startAt(port: number, path: string, ...args: string[]): Promise<SpawnedNode> {
  return start(path, "--listenaddr", `127.0.0.1:${port}`, ...args);
}

async function end(node: SpawnedNode, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  node.process.kill(signal);
  await node.process.exited;
}

async function load(node: Member, name: string): Promise<void> {
  await using writes = await WriteLoad.start(node.port, new Random(seedFor(name)), true);
  await writes.more(repetitions(200, 2_000));
  await writes.stop();
}

async function expectEqual(leader: Member, follower: Member): Promise<void> {
  const wanted = await settledContentsOf(leader.port);
  await untilCaughtUp(leader, [follower]);
  expect(await contentsOf(follower.port)).toEqual(wanted);
}

async function syncs(leader: Member): Promise<{ full: string; partial: string }> {
  const full = await infoField(leader.port, "sync_full");
  return { full, partial: await infoField(leader.port, "sync_partial_ok") };
}

describe("a leader that was restarted", () => {
  test("after a clean shutdown resumes its followers partially, under a new replid", async () => {
    await using directory = await temporaryDirectory();
    const [port, path] = [await freePort(), join(directory.path, "leader.rdb")];
    await using leader = await startAt(port, path);
    await using follower = await spawnNode(["--leaderaddr", leader.address]);
    await load(leader, "LEADER_CLEAN_SEED");
    await untilCaughtUp(leader, [follower]);
    const replid = await replicationField(port, "master_replid");
    await end(leader, "SIGTERM");
    await using again = await startAt(port, path);
    await untilCaughtUp(again, [follower]);
    expect(await syncs(again)).toEqual({ full: "0", partial: "1" });
    expect(await replicationField(port, "master_replid2")).toBe(replid);
    expect(await replicationField(port, "master_replid")).not.toBe(replid);
    await load(again, "LEADER_CLEAN_AGAIN_SEED");
    await expectEqual(again, follower);
  });

  test("after a clean shutdown under writes resumes a follower with all acknowledged writes", async () => {
    await using directory = await temporaryDirectory();
    const [port, path] = [await freePort(), join(directory.path, "leader.rdb")];
    await using leader = await startAt(port, path);
    await using follower = await spawnNode(["--leaderaddr", leader.address]);
    await fill(port, 1_000);
    await untilCaughtUp(leader, [follower]);
    const writing = writeUntilRefused(port);
    // So that the shutdown falls into the middle of the writes.
    await waitFor(async () => Number((await ask(port, "GET", "last")).slice(1)) > 10);
    await end(leader, "SIGTERM");
    const last = await writing;
    await using again = await startAt(port, path);
    await untilCaughtUp(again, [follower]);
    expect(await syncs(again)).toEqual({ full: "0", partial: "1" });
    for (const node of [again, follower]) {
      const kept = Number((await ask(node.port, "GET", "last")).slice(1));
      expect(kept).toBeGreaterThanOrEqual(last);
    }
    await expectEqual(again, follower);
  });

  test("after SIGKILL gives its followers a full sync of the older file", async () => {
    await using directory = await temporaryDirectory();
    const [port, path] = [await freePort(), join(directory.path, "leader.rdb")];
    await using leader = await startAt(port, path);
    await using follower = await spawnNode(["--leaderaddr", leader.address]);
    await fill(port, 100);
    await ask(port, "SAVE");
    await ask(port, "SET", "lost", "1");
    await untilCaughtUp(leader, [follower]);
    await end(leader, "SIGKILL");
    await using again = await startAt(port, path);
    await untilCaughtUp(again, [follower]);
    expect(await syncs(again)).toEqual({ full: "1", partial: "0" });
    expect(await ask(follower.port, "GET", "lost")).toBe("$null");
    await expectEqual(again, follower);
  });

  test("from a file of an earlier clean shutdown gives a full sync to a follower that is ahead", async () => {
    await using directory = await temporaryDirectory();
    const [port, path] = [await freePort(), join(directory.path, "leader.rdb")];
    await using first = await startAt(port, path);
    await using follower = await spawnNode(["--leaderaddr", first.address]);
    await fill(port, 100);
    await untilCaughtUp(first, [follower]);
    await end(first, "SIGTERM");
    await using second = await startAt(port, path);
    await untilCaughtUp(second, [follower]);
    await ask(port, "SET", "lost", "1");
    await untilCaughtUp(second, [follower]);
    await end(second, "SIGKILL");
    await using third = await startAt(port, path);
    await untilCaughtUp(third, [follower]);
    expect(await syncs(third)).toEqual({ full: "1", partial: "0" });
    await expectEqual(third, follower);
  });

  test("sends its followers effects for what it did not load from the file", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    using before = new Bed({ path });
    await before.persistence.load(false);
    before.journal.start(1_000);
    before.set("gone", "deleted nowhere yet", before.nowMs);
    before.set("kept", "x");
    const { replid } = before.replication.history;
    await before.shutDown();
    using after = new Bed({ path });
    await after.persistence.load(false);
    const { history } = after.replication;
    expect([history.replid2, history.secondOffset]).toEqual([replid, 1_001]);
    expect(history.replid).not.toBe(replid);
    expect(after.journal.first).toBe(1_000);
    expect(after.journaled()).toBe("*2 $6 SELECT $1 0 *2 $3 DEL $4 gone ");
    expect([after.get("gone"), after.get("kept"), after.store.count()]).toEqual([null, "x", 1]);
  });

  test.skipIf(!redisInstalled())(
    `leads a real Redis on by a partial sync${redisNote}`,
    async () => {
      await using directory = await temporaryDirectory();
      const [port, path] = [await freePort(), join(directory.path, "leader.rdb")];
      await using leader = await startAt(port, path);
      await using follower = await startRedis(["--replicaof", "127.0.0.1", `${port}`]);
      await load(leader, "LEADER_OF_REDIS_SEED");
      await untilCaughtUp(leader, [follower]);
      await end(leader, "SIGTERM");
      await using again = await startAt(port, path);
      await load(again, "LEADER_OF_REDIS_AGAIN_SEED");
      await expectEqual(again, follower);
      expect(await syncs(again)).toEqual({ full: "0", partial: "1" });
    },
  );

  test("whose journal was off, or whose file was saved under writes, resumes no follower", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    using before = new Bed({ path });
    await before.persistence.load(false);
    await before.shutDown();
    using after = new Bed({ path });
    await after.persistence.load(false);
    expect([after.journal.active, after.replication.history.secondOffset]).toEqual([false, -1]);
    after.journal.start(5);
    expect(await after.persistence.save()).toBeNull();
    using third = new Bed({ path });
    await third.persistence.load(false);
    expect([third.journal.active, third.replication.history.secondOffset]).toEqual([false, -1]);
  });
});

describe("a follower that was restarted", () => {
  test("after a clean shutdown asks only for what it has missed", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "follower.rdb");
    await using leader = await spawnNode(["--max-memory", "256mb"]);
    await using follower = await start(path, "--leaderaddr", leader.address);
    await load(leader, "FOLLOWER_CLEAN_SEED");
    await untilCaughtUp(leader, [follower]);
    await end(follower, "SIGTERM");
    await load(leader, "FOLLOWER_AWAY_SEED");
    await using again = await start(path, "--leaderaddr", leader.address);
    await untilCaughtUp(leader, [again]);
    expect(await syncs(leader)).toEqual({ full: "1", partial: "1" });
    await expectEqual(leader, again);
  });

  test.skipIf(!redisInstalled())(`asks a real Redis for what it missed${redisNote}`, async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "follower.rdb");
    await using leader = await startRedis([
      "--repl-backlog-size",
      "64mb",
      "--repl-diskless-sync-delay",
      "0",
    ]);
    await using follower = await start(path, "--leaderaddr", leader.address);
    await load(leader, "REDIS_LEADER_SEED");
    await untilCaughtUp(leader, [follower]);
    await end(follower, "SIGTERM");
    await fill(leader.port, 1_000);
    await using again = await start(path, "--leaderaddr", leader.address);
    await expectEqual(leader, again);
    expect(await syncs(leader)).toEqual({ full: "1", partial: "1" });
  });

  test("after SIGKILL asks for everything, though it has a file", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "follower.rdb");
    await using leader = await spawnNode(["--max-memory", "256mb"]);
    await using follower = await start(path, "--leaderaddr", leader.address);
    await fill(leader.port, 100);
    await untilCaughtUp(leader, [follower]);
    expect(await ask(follower.port, "SAVE")).toBe("+OK");
    await end(follower, "SIGKILL");
    await ask(leader.port, "DEL", "fill:1");
    await using again = await start(path, "--leaderaddr", leader.address);
    await untilCaughtUp(leader, [again]);
    expect(await syncs(leader)).toEqual({ full: "2", partial: "0" });
    await expectEqual(leader, again);
  });

  test("gets a full sync from another leader, which does not have its history", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "follower.rdb");
    await using leader = await spawnNode();
    await using follower = await start(path, "--leaderaddr", leader.address);
    await fill(leader.port, 100);
    await untilCaughtUp(leader, [follower]);
    await end(follower, "SIGTERM");
    await using other = await spawnNode();
    await ask(other.port, "SET", "foreign", "1");
    await using again = await start(path, "--leaderaddr", other.address);
    await untilCaughtUp(other, [again]);
    expect(await syncs(other)).toEqual({ full: "1", partial: "0" });
    await expectEqual(other, again);
  });
});

/** The last number that was answered before the node ended the connection. */
async function writeUntilRefused(port: number): Promise<number> {
  let last = 0;
  try {
    for (let i = 1; ; i++) {
      if ((await ask(port, "SET", "last", `${i}`)) !== "+OK") return last;
      last = i;
    }
  } catch {
    return last; // the node is gone
  }
}
