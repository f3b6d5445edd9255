/**
 * The JOIN link, frame by frame: snapshot, TTLs, pacing by status bytes, effects that carry no
 * value. A model of the Go follower, which executes unanswered frames in any order, is the judge of
 * the fuzzer.
 */
import { describe, expect, test } from "bun:test";
import type { JoinLink } from "../../../../src/replication/leader/join-link.ts";
import { LeaderReplication } from "../../../../src/replication/leader/leader.ts";
import { repetitions } from "../../../support/repetitions.ts";
import { Random, seedFor } from "../../../support/seed.ts";
import { FakeNode, FakeSocket } from "../fakes.ts";

const forever = 2147483647;
const upstream = {
  isFollower: false,
  isServing: true,
  streamDatabase: 0,
};

interface Frame {
  readonly key: string;
  /** Null for DEL. */
  readonly value: string | null;
  readonly ttl: number;
}

/** Decodes whole frames; what follows them must be nothing. */
function frames(bytes: Buffer): Frame[] {
  const found: Frame[] = [];
  let at = 0;
  const field = () => {
    const length = bytes.readInt32LE(at);
    at += 4 + length;
    return bytes.subarray(at - length, at).toString("latin1");
  };
  while (at < bytes.length) {
    const opcode = bytes[at++];
    expect([1, 3]).toContain(opcode);
    const key = field();
    if (opcode === 3) found.push({ key, value: null, ttl: 0 });
    else {
      const value = field();
      found.push({ key, value, ttl: bytes.readInt32LE(at) });
      at += 4;
    }
  }
  return found;
}

function texts(list: readonly Frame[]): string[] {
  return list.map(({ key, value, ttl }) =>
    value === null ? `DEL ${key}` : `SET ${key} ${value} ${ttl}`,
  );
}

class Setting {
  readonly node = new FakeNode();
  readonly socket = new FakeSocket();
  readonly leader: LeaderReplication;
  link: JoinLink | null = null;

  constructor() {
    this.leader = new LeaderReplication({ ...this.node, upstream, serverVersion: "7.2.4" });
  }

  join(): JoinLink {
    this.link = this.leader.join(this.socket);
    return this.link;
  }

  /** The frames since the last look, as text. */
  sent(): string[] {
    return texts(frames(this.socket.take()));
  }

  answer(count: number): void {
    this.link?.onData(new Uint8Array(count).fill(1));
  }

  set(name: string, value: string, expiresAt = 0): void {
    this.node.set(name, value, expiresAt);
    this.leader.flush();
  }
}

describe("JOIN link", () => {
  test("the snapshot has every key that fits the protocol, with its TTL rounded up", () => {
    const setting = new Setting();
    const { store, clock } = setting.node;
    store.put("plain", "1");
    store.put("timed", "2", clock.now + 1500);
    store.put("soon", "3", clock.now + 1);
    store.put("far", "4", clock.now + 2 ** 45);
    store.put("late", "5", clock.now - 1);
    store.put("", "no key");
    store.put("\xff\x00", "\x01");
    setting.join();
    expect(setting.sent().sort()).toEqual(
      [
        `SET plain 1 ${forever}`,
        "SET timed 2 2",
        "SET soon 3 1",
        `SET far 4 ${forever}`,
        `SET \xff\x00 \x01 ${forever}`,
      ].sort(),
    );
  });

  test("counts as lagging until it has answered everything, for a leader that ends", () => {
    const setting = new Setting();
    setting.node.store.put("old", "1");
    const link = setting.join();
    const lagging = () => setting.leader.lagging(setting.node.journal.mark());
    expect([link.hasEverything, lagging()]).toEqual([false, [`${link.name} lacks keys`]]);
    setting.answer(1);
    expect([link.hasEverything, lagging()]).toEqual([true, []]);
    setting.set("new", "2");
    setting.set("new", "3");
    expect(link.hasEverything).toBe(false);
    setting.answer(1); // its first value; the second one goes out now
    expect(link.hasEverything).toBe(false);
    setting.answer(1);
    expect(link.hasEverything).toBe(true);
  });

  test("effects become frames; an empty value becomes DEL", () => {
    const setting = new Setting();
    setting.join();
    setting.set("a", "1");
    setting.set("empty", "");
    setting.node.store.put("gone", "soon");
    setting.node.delete("gone");
    setting.leader.flush();
    expect(setting.sent()).toEqual([`SET a 1 ${forever}`, "DEL empty", "DEL gone"]);
  });

  test("the next frame for a key waits for the status bytes, and is then its newest value", () => {
    const setting = new Setting();
    setting.join();
    setting.set("k", "1");
    setting.set("other", "x");
    setting.set("k", "2");
    setting.set("k", "3");
    expect(setting.sent()).toEqual([`SET k 1 ${forever}`, `SET other x ${forever}`]);
    setting.answer(1); // whose answer it is cannot be known
    expect(setting.sent()).toEqual([]);
    setting.answer(1);
    expect(setting.sent()).toEqual([`SET k 3 ${forever}`]);
  });

  test("effects without a whole value are sent as the value that is there now", () => {
    const setting = new Setting();
    const { node } = setting;
    setting.join();
    const key = Buffer.from("k");
    node.store.put("k", "hello", node.clock.now + 9000);
    node.effects.expireAt(key, 0, 1, node.clock.now + 9000);
    setting.leader.flush();
    expect(setting.sent()).toEqual(["SET k hello 9"]);
    setting.answer(1);
    node.store.put("k", "heLLo");
    node.effects.setRange(key, 0, 1, 2, Buffer.from("LL"), 0, 2);
    node.effects.expireAt(key, 0, 1, 0);
    setting.leader.flush();
    expect(setting.sent()).toEqual([`SET k heLLo ${forever}`]);
  });

  test("links that do not keep up share one bound, and the furthest behind ends first", () => {
    const node = new FakeNode();
    const leader = new LeaderReplication({
      ...{ ...node, upstream, serverVersion: "7.2.4" },
      followerBufferBytes: 500_000,
    });
    const early = new FakeSocket();
    leader.join(early);
    for (let i = 0; i < 2_000; i++) node.set(`early:${i}`, "1");
    leader.flush();
    const late = new FakeSocket();
    leader.join(late);
    for (let i = 0; i < 2_500; i++) {
      node.set(`late:${i}`, "1");
      leader.flush();
      expect(leader.queuedBytes).toBeLessThanOrEqual(500_000);
    }
    expect(leader.joinCount).toBeLessThan(2);
  });

  test("FLUSHALL ends the link", () => {
    const setting = new Setting();
    setting.join();
    setting.set("a", "1");
    setting.sent();
    setting.node.flushAll();
    setting.leader.flush();
    expect(setting.socket.ended).toBe(true);
    expect(setting.leader.joinCount).toBe(0);
    expect(setting.sent()).toEqual([]);
  });

  test("the follower has database 0 and hears nothing of the others", () => {
    const setting = new Setting();
    const { keyspace, store } = setting.node;
    keyspace.select(3);
    store.put("a", "in 3, before");
    keyspace.select(0);
    store.put("a", "in 0");
    setting.join();
    expect(setting.sent()).toEqual([`SET a in 0 ${forever}`]);
    keyspace.select(3);
    setting.set("a", "in 3");
    setting.set("b", "in 3");
    expect(setting.sent()).toEqual([]);
    setting.answer(1);
    keyspace.swapDatabases(3, 4);
    keyspace.flushDatabase();
    keyspace.select(0);
    setting.set("b", "in 0");
    expect(setting.sent()).toEqual([`SET b in 0 ${forever}`]);
    expect(setting.socket.ended).toBe(false);
  });

  test.each(["FLUSHDB", "SWAPDB"])("%s of database 0 ends the link", (name) => {
    const setting = new Setting();
    setting.join();
    setting.set("a", "1");
    setting.sent();
    if (name === "FLUSHDB") setting.node.keyspace.flushDatabase();
    else setting.node.keyspace.swapDatabases(5, 0);
    setting.leader.flush();
    expect(setting.socket.ended).toBe(true);
    expect(setting.node.log.has("which has no frame")).toBe(true);
  });

  test("it keeps the journal on", () => {
    const setting = new Setting();
    setting.join();
    expect(setting.node.journal.active).toBe(true);
    setting.node.clock.now += 10 * 3_600_000;
    setting.leader.tick();
    expect(setting.node.journal.active).toBe(true);
  });

  test("a follower that does not answer for a minute is dropped, one without frames is not", () => {
    const setting = new Setting();
    setting.join();
    setting.node.clock.now += 100_000;
    setting.leader.tick();
    expect(setting.socket.ended).toBe(false);
    setting.set("a", "1");
    setting.node.clock.now += 60_001;
    setting.leader.tick();
    expect(setting.socket.ended).toBe(true);
  });

  test("at most 1024 frames are unanswered, and a large snapshot goes on with the answers", () => {
    const setting = new Setting();
    for (let i = 0; i < 10_000; i++) setting.node.store.put(`key${i}`, "v");
    setting.join();
    const seen = new Set<string>();
    for (let round = 0; seen.size < 10_000; round++) {
      expect(round).toBeLessThan(100);
      const some = frames(setting.socket.take());
      expect(some.length).toBeLessThanOrEqual(1024);
      for (const { key } of some) seen.add(key);
      setting.answer(some.length);
    }
  });

  test("a socket that takes little gets whole frames in the end", () => {
    const setting = new Setting();
    setting.socket.room = 3;
    const link = setting.join();
    for (let i = 0; i < 50; i++) setting.set(`key${i}`, "value");
    for (let i = 0; i < 2000 && setting.socket.received.length < 50 * 20; i++) {
      setting.socket.room = 7;
      link.onDrain();
    }
    setting.socket.room = Number.POSITIVE_INFINITY;
    link.onDrain();
    expect(frames(setting.socket.received)).toHaveLength(50);
  });

  test("a journal smaller than the traffic does not lose a change", () => {
    const node = new FakeNode(4096);
    const leader = new LeaderReplication({ ...node, upstream, serverVersion: "7.2.4" });
    const socket = new FakeSocket();
    leader.join(socket);
    for (let i = 0; i < 500; i++) node.set(`key${i}`, "x".repeat(100)); // no flush in between
    leader.flush();
    expect(frames(socket.received)).toHaveLength(500);
  });

  test("commands that only a Redis leader sends name their keys too", () => {
    const setting = new Setting();
    setting.join();
    const { store, journal } = setting.node;
    for (const name of ["m1", "m2", "i", "d"]) store.put(name, "1");
    const stream = [
      "*5\r\n$4\r\nMSET\r\n$2\r\nm1\r\n$1\r\n1\r\n$2\r\nm2\r\n$1\r\n1\r\n",
      "*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\ni\r\n*1\r\n$4\r\nEXEC\r\n",
      "*3\r\n$6\r\nUNLINK\r\n$1\r\nd\r\n$1\r\ne\r\n*1\r\n$4\r\nPING\r\n",
    ].join("");
    journal.append(Buffer.from(stream), 0, stream.length);
    setting.leader.flush();
    const keys = ["m1", "m2", "i", "d"].map((name) => `SET ${name} 1 ${forever}`);
    expect(setting.sent()).toEqual([...keys, "DEL e"]);
  });
});

describe("JOIN link fuzz", () => {
  const seed = seedFor("JOIN_SEED");

  test("a follower that executes unanswered frames in any order ends with the same data", () => {
    const random = new Random(seed);
    for (let round = 0; round < repetitions(8, 30); round++) {
      const setting = new Setting();
      for (let i = 0; i < random.below(20); i++) setting.node.store.put(`k${i}`, "first");
      setting.join();
      const model = new Map<string, string>();
      let unanswered: Frame[] = [];
      const step = (deliverAll: boolean) => {
        unanswered.push(...frames(setting.socket.take()));
        const count = deliverAll ? unanswered.length : random.below(unanswered.length + 1);
        for (let i = 0; i < count; i++) {
          const [frame] = unanswered.splice(random.below(unanswered.length), 1);
          if (frame.value === null) model.delete(frame.key);
          else model.set(frame.key, frame.value);
        }
        if (count > 0) setting.answer(count);
      };
      for (let i = 0; i < 200; i++) {
        const name = `k${random.below(12)}`;
        if (random.chance(0.3)) setting.node.delete(name);
        else setting.node.set(name, `v${i}`);
        if (random.chance(0.7)) setting.leader.flush();
        if (random.chance(0.5)) step(false);
      }
      setting.leader.flush();
      do step(true);
      while (setting.socket.received.length > 0 || unanswered.length > 0);
      unanswered = [];
      const expected = [...setting.node.store.items].map(([name, { value }]) => [name, `${value}`]);
      expect([...model].sort()).toEqual(expected.sort() as [string, string][]);
    }
  });
});
