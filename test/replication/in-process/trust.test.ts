/**
 * The parts behind WAIT, FAILOVER and the reports about silence, with fakes: what they do at the
 * edges that real servers seldom reach. How it all works together is in
 * test/replication/trust.test.ts.
 */

import { describe, expect, test } from "bun:test";
import { fatal } from "../../../src/base/errors.ts";
import { JournalAge } from "../../../src/replication/leader/journal-age.ts";
import { Waiters } from "../../../src/replication/leader/waiters.ts";
import { Random, seedFor } from "../../support/seed.ts";
import { FakeClock, until } from "../../unit/replication/fakes.ts";
import { ScriptedLeader } from "./scripted-leader.ts";
import { TestNode } from "./test-node.ts";

const getackBytes = "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n".length;

/** Followers as a list of what each has acknowledged. */
class FakeFollowers {
  readonly offsets: number[] = [];
  requests = 0;
  counts = 0;

  acknowledgedBy(offset: number): number {
    this.counts++;
    return this.offsets.filter((it) => it >= offset).length;
  }

  acknowledgedOffsets(): readonly number[] {
    return this.offsets.toSorted((a, b) => b - a);
  }

  requestAcknowledgements(): void {
    this.requests++;
  }
}

describe("waiters", () => {
  test("whoever is content at once does not wait, and asks nobody", async () => {
    const followers = new FakeFollowers();
    const waiters = new Waiters(followers, fatal);
    followers.offsets.push(10, 5);
    expect(await waiters.wait(1, 1, 7, 0)).toBe(1);
    expect(await waiters.wait(1, 2, 5, 0)).toBe(2);
    expect(await waiters.wait(1, 0, 99, 0)).toBe(0);
    expect([waiters.count, followers.requests]).toEqual([0, 0]);
  });

  test("followers are asked once for all that begin to wait in a turn", async () => {
    const followers = new FakeFollowers();
    const waiters = new Waiters(followers, fatal);
    const waiting = [1, 2, 3].map((id) => waiters.wait(id, 1, 10 * id, 0));
    await until(() => followers.requests > 0, "the question");
    expect([waiters.count, followers.requests]).toEqual([3, 1]);
    followers.offsets.push(20);
    waiters.acknowledged();
    expect(waiters.sessionIds).toEqual([3]);
    followers.offsets[0] = 30;
    waiters.acknowledged();
    expect(await Promise.all(waiting)).toEqual([1, 1, 1]);
  });

  test("an acknowledgement costs what it releases, however many wait", async () => {
    const followers = new FakeFollowers();
    followers.offsets.push(0, 0);
    const waiters = new Waiters(followers, fatal);
    const waiting = Array.from({ length: 3_000 }, (_, id) =>
      waiters.wait(id, 1 + (id % 2), id + 1, 0),
    );
    followers.counts = 0;
    for (let ack = 1; ack <= 3_000; ack++) {
      followers.offsets[ack % 2] = ack >> 1;
      waiters.acknowledged();
    }
    expect(waiters.count).toBe(1_501);
    expect(followers.counts).toBe(1_499);
    waiters.releaseAll("gone");
    expect((await Promise.all(waiting)).filter((it) => it === "gone")).toHaveLength(1_501);
  });

  test("whoever waits has fewer followers than it wants, and whoever was released has enough", async () => {
    const random = new Random(seedFor("WAITERS_SEED"));
    const followers = new FakeFollowers();
    followers.offsets.push(0, 0, 0);
    const waiters = new Waiters(followers, fatal);
    const wanted = new Map<number, readonly [wanted: number, offset: number]>();
    for (let id = 0; id < 2_000; id++) {
      wanted.set(id, [random.between(1, 5), random.between(0, 500)]);
      const [count, offset] = wanted.get(id) ?? [0, 0];
      void waiters.wait(id, count, offset, 0).then((outcome) => {
        if (typeof outcome === "number") expect(outcome).toBeGreaterThanOrEqual(count);
      });
      if (random.chance(0.2)) waiters.release(random.below(id + 1), "unblocked");
      if (random.chance(0.2)) followers.offsets[random.below(3)] += random.below(20);
      waiters.acknowledged();
      for (const waiting of random.chance(0.05) ? waiters.sessionIds : []) {
        const [least, upTo] = wanted.get(waiting) ?? [0, 0];
        expect(followers.acknowledgedBy(upTo)).toBeLessThan(least);
      }
    }
    waiters.releaseAll("gone");
    expect(waiters.count).toBe(0);
  });

  test("each gets one outcome: its time, a release, or the end of its role", async () => {
    const followers = new FakeFollowers();
    followers.offsets.push(5);
    const waiters = new Waiters(followers, fatal);
    const waiting = [
      waiters.wait(1, 2, 5, 10),
      waiters.wait(2, 2, 5, 0),
      waiters.wait(3, 2, 5, Number.MAX_SAFE_INTEGER),
      waiters.wait(4, 2, 6, 0),
    ];
    expect(await waiting[0]).toBe(1);
    expect([waiters.release(2, "unblocked"), waiters.release(2, "unblocked")]).toEqual([
      true,
      false,
    ]);
    expect([waiters.expire(4), waiters.expire(1)]).toEqual([true, false]);
    waiters.releaseAll("role changed");
    expect(await Promise.all(waiting)).toEqual([1, "unblocked", "role changed", 0]);
    expect(waiters.count).toBe(0);
  });
});

describe("the age of the journal", () => {
  test("is that of its oldest byte", () => {
    const age = new JournalAge();
    expect(age.seconds(5_000)).toBe(0);
    age.note(0, 0, 0);
    age.note(1_000, 0, 100);
    age.note(2_000, 0, 200);
    expect(age.seconds(10_000)).toBe(10);
    age.note(10_000, 100, 300); // bytes up to 100 were overwritten
    expect(age.seconds(10_000)).toBe(9);
    age.note(11_000, 290, 400);
    expect(age.seconds(11_000)).toBe(9); // byte 290 was written between 2 and 10 seconds
    age.note(12_000, 300, 400);
    expect(age.seconds(12_000)).toBe(2);
  });

  test("does not count a time in which nothing was written", () => {
    const age = new JournalAge();
    age.note(0, 0, 100);
    age.note(60_000, 0, 100);
    age.note(61_000, 100, 200);
    expect(age.seconds(61_000)).toBe(1);
  });

  test("begins anew with another history", () => {
    const age = new JournalAge();
    age.note(0, 0, 500);
    age.note(9_000, 20, 30);
    expect(age.seconds(10_000)).toBe(1);
  });

  test("stays right to a few seconds over hours, in bounded memory", () => {
    const age = new JournalAge();
    const capacity = 3_600;
    for (let second = 0; second < 20_000; second++) {
      age.note(second * 1_000, Math.max(0, second - capacity), second);
    }
    expect(age.seconds(20_000_000)).toBeWithin(3_600, 3_700);
  });
});

describe("a leader that is silent", () => {
  test("counts as gone after a minute, and INFO says since when", async () => {
    const clock = new FakeClock();
    await using leader = new TestNode({}, clock);
    await using node = new TestNode({}, clock);
    node.follow(leader.port);
    await until(() => node.info.master_link_status === "up", "the link");
    clock.now += 59_000;
    expect(node.info).toMatchObject({ master_last_io_seconds_ago: "59" });
    clock.now += 2_000;
    node.replication.tick();
    expect(node.log.has("silent for 61000 ms")).toBe(true);
    clock.now += 5_000;
    expect(node.info).toMatchObject({
      master_link_status: "down",
      master_link_down_since_seconds: "5",
    });
    expect(node.replication.isStale).toBe(true);
  });
});

describe("a failover", () => {
  test("asks once for the acknowledgement that it waits for, behind the last write", async () => {
    // A follower whose clock stands still acknowledges when it is asked and never by itself.
    const clock = new FakeClock();
    await using node = new TestNode();
    await using follower = new TestNode({}, clock);
    follower.follow(node.port);
    await until(() => node.replication.leader.goodFollowers(10) === 1, "a follower");
    node.set("k", "1");
    const lastWrite = node.journal.offset;
    const order = { target: null, timeoutMs: 0, force: false };
    expect(node.replication.beginFailover(order)).toBe("");
    expect(node.info.master_failover_state).toBe("waiting-for-sync");
    expect(node.journal.offset - lastWrite).toBe(getackBytes);
    await until(() => node.info.role === "slave", "the change of places");
    expect(follower.journal.offset).toBe(lastWrite + getackBytes);
    expect(node.journal.offset).toBe(lastWrite + getackBytes);
  });

  test("adds nothing to the stream when the target is known to have everything", async () => {
    await using node = new TestNode();
    await using follower = new TestNode();
    follower.follow(node.port);
    await until(() => node.replication.leader.goodFollowers(10) === 1, "a follower");
    const { offset } = node.journal;
    const order = { target: null, timeoutMs: 0, force: false };
    expect(node.replication.beginFailover(order)).toBe("");
    expect([node.info.role, node.journal.offset]).toEqual(["slave", offset]);
  });

  test.each(["-ERR PSYNC FAILOVER replid must match my replid.", "-NOMASTERLINK no"])(
    "that is answered by %s leaves the leader what it was",
    async (answer) => {
      await using target = new ScriptedLeader();
      await using node = new TestNode({ listeningPort: 7777 });
      await using follower = new TestNode({ listeningPort: target.port });
      follower.follow(node.port);
      await until(() => node.replication.leader.goodFollowers(10) === 1, "a follower");
      node.set("k", "1");
      await until(() => follower.journal.offset === node.journal.offset, "the write");
      const order = { target: null, timeoutMs: 0, force: false };
      expect(node.replication.beginFailover(order)).toBe("");
      const psync = await target.handshake();
      expect(psync).toMatch(/^PSYNC [0-9a-f]{40} \d+ FAILOVER$/);
      target.send(`${answer}\r\n`);
      await until(() => node.info.master_failover_state === "no-failover", "the end");
      expect(node.info.role).toBe("master");
      expect(node.pauses).toEqual([true, false]);
      expect(node.roles).toEqual(["follower", "leader"]);
    },
  );
});
