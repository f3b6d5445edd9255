/**
 * Nodes of this room following each other over real sockets: late followers, cut links, chains,
 * promotion of the middle one. Counters prove which way each synchronisation went.
 * Not whole servers: those are in test/replication/.
 */
import { describe, expect, test } from "bun:test";
import { Random, seedFor } from "../../support/seed.ts";
import { until } from "../../unit/replication/fakes.ts";
import { TestNode } from "./test-node.ts";

async function inStep(leader: TestNode, ...followers: TestNode[]): Promise<void> {
  for (const node of followers) {
    await until(
      () => node.info.master_link_status === "up" && node.journal.offset === leader.journal.offset,
      "the follower has everything",
    );
    expect(node.store.dump()).toEqual(leader.store.dump());
    expect(node.info.master_replid).toBe(leader.info.master_replid);
    expect(node.effects.muted).toBe(true);
  }
}

function fill(node: TestNode, count: number): void {
  for (let i = 0; i < count; i++) node.set(`key${i}`, `value${i}`.repeat(i % 20));
}

describe("leader and follower", () => {
  test("a follower that joins late has everything, then everything that follows", async () => {
    await using leader = new TestNode();
    await using follower = new TestNode();
    fill(leader, 2000);
    follower.follow(leader.port);
    await until(() => leader.info.slave0?.includes("state=online") ?? false, "it is online");
    fill(leader, 100);
    leader.delete("key7");
    leader.set("timed", "x", 1_900_000_000_123);
    await inStep(leader, follower);
    expect(leader.info.slave0).toMatch(
      new RegExp(`^ip=127.0.0.1,port=${follower.port},state=online,offset=\\d+,lag=[01]$`),
    );
    leader.flushAll();
    await inStep(leader, follower);
    expect(follower.store.count()).toBe(0);
  });

  test("every cut of the link under load ends in a partial sync", async () => {
    await using leader = new TestNode();
    await using follower = new TestNode();
    const random = new Random(seedFor("CHAIN_SEED"));
    fill(leader, 500);
    follower.follow(leader.port);
    for (let cut = 1; cut <= 5; cut++) {
      await until(() => follower.info.master_link_status === "up", "the link is up");
      for (let i = random.between(1, 200); i > 0; i--) {
        leader.set(`key${random.below(600)}`, random.bytes(random.below(2000)));
      }
      leader.cutFollowers();
      await until(() => follower.info.master_link_status === "down", "the link is down");
      leader.set(`during${cut}`, "x");
    }
    await inStep(leader, follower);
    expect(leader.info).toMatchObject({
      sync_full: "1",
      sync_partial_ok: "5",
      sync_partial_err: "0",
    });
  });

  test("a cut beyond the journal ends in a full sync", async () => {
    await using leader = new TestNode({ journalBytes: 8192 });
    await using follower = new TestNode();
    fill(leader, 10);
    follower.follow(leader.port);
    await inStep(leader, follower);
    leader.cutFollowers();
    leader.refuses = true;
    await until(() => follower.info.master_link_status === "down", "the link is down");
    fill(leader, 2000);
    leader.refuses = false;
    await inStep(leader, follower);
    expect(leader.info).toMatchObject({ sync_full: "2", sync_partial_err: "1" });
  });

  test("effects larger than the journal arrive", async () => {
    await using leader = new TestNode({ journalBytes: 4096 });
    await using follower = new TestNode({ journalBytes: 4096 });
    follower.follow(leader.port);
    await inStep(leader, follower);
    const random = new Random(3);
    for (let i = 0; i < 20; i++) leader.set(`large${i}`, random.bytes(300_000));
    await inStep(leader, follower);
    expect(leader.info.sync_full).toBe("1");
  });
});

describe("chain", () => {
  test("a follower's follower has the same bytes, and the promotion of the middle costs no full sync", async () => {
    await using first = new TestNode();
    await using middle = new TestNode();
    await using last = new TestNode();
    fill(first, 300);
    middle.follow(first.port);
    await inStep(first, middle);
    last.follow(middle.port);
    await inStep(first, middle, last);
    for (let i = 0; i < 500; i++) first.set(`more${i % 50}`, `value${i}`);
    await inStep(first, middle, last);

    middle.replication.noOne();
    middle.set("from", "the middle");
    await inStep(middle, last);
    expect(middle.info).toMatchObject({ sync_full: "1", sync_partial_ok: "1" });
    expect(middle.info.master_replid2).toBe(first.info.master_replid);

    first.follow(middle.port); // it has nothing that the middle has not
    await inStep(middle, first, last);
    expect(middle.info).toMatchObject({ sync_full: "1", sync_partial_ok: "2" });
  });

  test("a write that only the old leader has costs it a full sync", async () => {
    await using first = new TestNode();
    await using second = new TestNode();
    fill(first, 50);
    second.follow(first.port);
    await inStep(first, second);
    second.replication.noOne();
    first.set("lost", "write");
    second.set("other", "write");
    first.follow(second.port);
    await inStep(second, first);
    expect(first.store.has("lost")).toBe(false);
    expect(second.info).toMatchObject({ sync_full: "1", sync_partial_err: "1" });
  });

  test("a node whose leader is unreachable refuses followers until it is back", async () => {
    await using first = new TestNode();
    await using middle = new TestNode();
    await using last = new TestNode();
    fill(first, 50);
    middle.follow(first.port);
    await inStep(first, middle);
    first.refuses = true;
    first.cutFollowers();
    await until(() => middle.info.master_link_status === "down", "the link is down");
    last.follow(middle.port);
    await until(() => last.log.has("it answered PSYNC with -NO"), "it is refused");
    expect(last.store.count()).toBe(0);
    first.refuses = false;
    await inStep(first, middle, last);
  });

  test("a full sync of the middle makes the last one follow suit", async () => {
    await using one = new TestNode();
    await using other = new TestNode();
    await using middle = new TestNode();
    await using last = new TestNode();
    fill(one, 50);
    other.set("different", "data");
    middle.follow(one.port);
    await inStep(one, middle);
    last.follow(middle.port);
    await inStep(one, middle, last);
    middle.follow(other.port);
    await inStep(other, middle, last);
  });
});
