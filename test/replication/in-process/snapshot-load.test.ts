/**
 * A full sync of a node that has data: they stay readable, with the replid and offset that describe
 * them, until the new ones are complete; or they go before, when not both fit, and then nobody
 * reads anything. The leader says what the test tells it to, so that every load stands still where
 * the test looks. How a real store keeps both is test/unit/store/replacement.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { Effects } from "../../../src/journal/effects.ts";
import { EventLog, reserveEventLog } from "../../../src/journal/event-log.ts";
import { Journal, reserveJournal } from "../../../src/journal/journal.ts";
import { Keyspace } from "../../../src/keyspace/keyspace.ts";
import { SnapshotLoad } from "../../../src/replication/follower/snapshot-load.ts";
import type { SmallStore } from "../../support/small-store.ts";
import { encodeCommand } from "../../support/wire.ts";
import { until } from "../../unit/replication/fakes.ts";
import { KiB, MiB, openStore, pattern, put } from "../../unit/store/harness.ts";
import {
  follower,
  mark,
  online,
  replid,
  ScriptedLeader,
  snapshot,
  state,
} from "./scripted-leader.ts";
import { TestNode } from "./test-node.ts";

const other = "f".repeat(40);
const oldData = ["a=1@0"];
const newData = ["b=2@0", "c=3@0"];

/** What the leader's new snapshot holds, as far as a test does not say something else. */
const brought = { b: "2", c: "3" };

/**
 * Brings a follower online with OLD, cuts its link, and has it load new data up to the last nine
 * bytes.
 */
async function inTheMiddle(
  leader: ScriptedLeader,
  node: TestNode,
  items: Record<string, string> = brought,
  leftBytes = Number.POSITIVE_INFINITY,
): Promise<Buffer> {
  await online(leader, node);
  fill(node.store, leftBytes);
  // What follows counts, not the load of the empty node.
  node.loading.length = 0;
  node.itemsShown.length = 0;
  node.replacements = 0;
  leader.cut();
  expect(await leader.handshake()).toBe(`PSYNC ${replid} 1001`);
  const bytes = snapshot(items);
  leader.send(`+FULLRESYNC ${other} 5000\r\n$EOF:${mark}\r\n`);
  leader.send(bytes.subarray(0, -9));
  await until(() => received(node) === bytes.length - 9, "all but the end is there");
  return Buffer.concat([bytes.subarray(-9), Buffer.from(mark)]);
}

function received(node: TestNode): number {
  return node.replication.follower.syncProgress?.received ?? -1;
}

/** Items of 16 KiB, so many that little more than `leftBytes` fit below the limit. */
function fill(store: SmallStore, leftBytes: number): void {
  const value = Buffer.alloc(16 * KiB);
  for (let i = 0; store.memoryUsed() + leftBytes < store.limitBytes; i++) store.put(`f${i}`, value);
}

/** What describes the old data. */
const described = {
  master_replid: replid,
  master_repl_offset: "1000",
  repl_backlog_active: "1",
};

/**
 * Loads values of one and a half segments into a store whose reserve is no larger than its limit.
 */
function loadWithoutSpare(oldItems: number): { refused: number; items: number; reason: string } {
  const store = openStore({ memoryLimitBytes: 4 * MiB, reserveBytes: 4 * MiB });
  store.expires = false;
  for (let i = 0; i < oldItems; i++) put(store, `old:${i}`, pattern(10_000, i));
  let reason = "";
  const journal = new Journal(reserveJournal(MiB));
  const events = new EventLog(reserveEventLog(MiB), journal);
  const keyspace = new Keyspace(store, new Effects(journal), events);
  const load = new SnapshotLoad(store, keyspace, (why) => {
    reason = why;
  });
  load.begin();
  let refused = 0;
  for (let i = 0; i < 100; i++) {
    const key = Buffer.from(`new:${i}`);
    const value = pattern(24_800, i);
    if (!load.put(key, 0, key.length, value, 0, value.length, 0)) refused++;
  }
  load.complete();
  store.invariants();
  return { refused, items: store.count(), reason };
}

test("a reserve no larger than the limit costs the old data, and no item of the new", () => {
  for (let oldItems = 100; oldItems < 140; oldItems++) {
    const { refused, items, reason } = loadWithoutSpare(oldItems);
    expect([refused, items]).toEqual([0, 100]);
    expect(reason).toBe("the old data and the new do not fit side by side");
  }
});

describe("a snapshot beside the old data", () => {
  test("leaves them readable and described until its last byte", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    const rest = await inTheMiddle(leader, node);
    leader.send(rest.subarray(0, -1));
    const { follower: following } = node.replication;
    await until(() => received(node) === snapshot(brought).length, "all");
    expect(node.store.dump()).toEqual(oldData);
    expect([following.isLoading, following.isLoadingBeside]).toEqual([false, true]);
    expect(node.info).toMatchObject({
      ...described,
      master_link_status: "down",
      master_sync_in_progress: "1",
    });
    expect([node.loading, node.replacements]).toEqual([[], 0]);
  });

  test("takes their place with its replid and offset, and never says that it loads", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    const rest = await inTheMiddle(leader, node);
    leader.send(Buffer.concat([rest, encodeCommand(["SET", "d", "4"])]));
    await until(() => node.store.has("d"), "the stream goes on");
    expect(await leader.expect(/ACK 5000/)).toBe("REPLCONF ACK 5000");
    expect(node.store.dump()).toEqual([...newData, "d=4@0"]);
    expect(node.info).toMatchObject({ master_replid: other, master_link_status: "up" });
    expect(node.journal.first).toBe(5000);
    expect([node.loading, node.replacements]).toEqual([[], 1]);
    expect(node.replication.follower.isLoadingBeside).toBe(false);
  });

  test("that breaks off changes nothing: the next PSYNC goes on from the old data", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await inTheMiddle(leader, node);
    leader.cut();
    expect(await leader.handshake()).toBe(`PSYNC ${replid} 1001`);
    expect(node.store.dump()).toEqual(oldData);
    expect(node.store.isGathering).toBe(false);
    leader.send(`+CONTINUE ${replid}\r\n${encodeCommand(["SET", "k", "v"])}`);
    await until(() => node.store.has("k"), "it goes on");
    expect(node.store.dump()).toEqual([...oldData, "k=v@0"]);
    expect([node.loading, node.replacements]).toEqual([[], 0]);
  });

  test("is refused while the data have to stand still, and taken when that is over", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    const thaw = node.replication.follower.freeze();
    leader.cut();
    const bytes = snapshot({ b: "2", c: "3" });
    const reply = [`+FULLRESYNC ${other} 5000\r\n$${bytes.length}\r\n`, bytes.toString("latin1")];
    await until(() => node.info.master_link_status === "down", "the link is down");
    await leader.handshake();
    leader.send(reply.join(""));
    await until(() => node.log.has("have to stand still"), "the reason is told");
    expect(node.store.dump()).toEqual(oldData);
    expect(node.info).toMatchObject(described);
    thaw();
    await leader.handshake();
    leader.send(reply.join(""));
    await until(() => node.info.master_link_status === "up", "it is loaded");
    expect(node.store.dump()).toEqual(newData);
  });

  test("that has not begun when the data have to stand still is asked for once, and waits", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await online(leader, node);
    const thaw = node.replication.follower.freeze();
    leader.cut();
    const bytes = snapshot({ b: "2", c: "3" });
    await leader.handshake();
    leader.send(`+FULLRESYNC ${other} 5000\r\n`);
    await until(() => node.info.master_sync_in_progress === "1", "the full sync begins");
    leader.send(`$${bytes.length}\r\n${bytes.toString("latin1")}`);
    expect(node.store.dump()).toEqual(oldData);
    thaw();
    await until(() => node.info.master_link_status === "up", "it is loaded");
    expect(node.store.dump()).toEqual(newData);
    expect(node.log.has("have to stand still")).toBe(false);
  });

  test("with a wrong checksum leaves the old data and says why", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await inTheMiddle(leader, node);
    leader.send(Buffer.from([0xff, ...new Uint8Array(7).fill(1), 1]));
    await until(() => node.log.has("the checksum is wrong"), "the reason is told");
    expect(node.store.dump()).toEqual(oldData);
    expect(node.info).toMatchObject(described);
    expect(node.store.isGathering).toBe(false);
  });

  test("is given up by a promotion, which goes on with the old data and their offset", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await inTheMiddle(leader, node);
    node.replication.noOne();
    expect(node.store.dump()).toEqual(oldData);
    expect(node.store.isGathering).toBe(false);
    expect(node.info).toMatchObject({
      role: "master",
      master_replid2: replid,
      second_repl_offset: "1001",
      master_repl_offset: "1000",
    });
  });

  test("is given up for another leader, which is asked with what describes the old data", async () => {
    await using leader = new ScriptedLeader();
    await using second = new ScriptedLeader();
    await using node = follower();
    await inTheMiddle(leader, node);
    node.follow(second.port);
    expect(await second.handshake()).toBe(`PSYNC ${replid} 1001`);
    expect(node.store.dump()).toEqual(oldData);
    expect(node.store.isGathering).toBe(false);
  });

  test("keeps the links of this node's own followers until it takes over", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await using below = new TestNode();
    await online(leader, node);
    below.follow(node.port);
    await until(() => below.info.master_link_status === "up", "the chain stands");
    leader.cut();
    await leader.handshake();
    const bytes = snapshot({ b: "2", c: "3" });
    leader.send(`+FULLRESYNC ${other} 5000\r\n$${bytes.length}\r\n`);
    leader.send(bytes.subarray(0, -9));
    await until(() => received(node) === bytes.length - 9, "all but the end is there");
    expect(node.replication.leader.links).toHaveLength(1);
    expect(below.info.master_link_status).toBe("up");
    leader.send(bytes.subarray(-9));
    await until(() => below.store.has("c"), "the chain has the new data");
    expect(below.store.dump()).toEqual(newData);
    expect(below.info.master_replid).toBe(other);
    expect(node.info.sync_full).toBe("2");
  });
});

describe("a snapshot that does not fit beside the old data", () => {
  const large = "3".repeat(MiB);
  const items = { b: "2", c: large };

  test.each([
    [0, 0],
    [1, MiB / 2],
  ])("has them go with their history after %d items", async (_, leftBytes) => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    const rest = await inTheMiddle(leader, node, items, leftBytes);
    expect(state(node)).toBe("sync");
    expect([node.replication.isLoading, node.loading]).toEqual([true, [true]]);
    expect(node.replication.follower.isLoadingBeside).toBe(false);
    expect(node.info.master_replid).not.toBe(replid);
    expect(node.journal.active).toBe(false);
    expect(node.log.has("the old data and the new do not fit side by side")).toBe(true);
    leader.send(rest);
    await until(() => state(node) === "connected", "it is loaded");
    expect(node.store.dump()).toEqual(["b=2@0", `c=${large}@0`]);
    expect([node.loading, node.replacements]).toEqual([[true, false], 1]);
    expect(node.info.master_replid).toBe(other);
  });

  test("leaves nothing when it breaks off, and nothing to resume from", async () => {
    await using leader = new ScriptedLeader();
    await using node = follower();
    await inTheMiddle(leader, node, items, MiB / 2);
    leader.cut();
    expect(await leader.handshake()).toBe("PSYNC ? -1");
    expect(node.store.dump()).toEqual([]);
    expect(node.loading).toEqual([true, false]);
    expect(node.itemsShown).toEqual([0]);
  });
});
