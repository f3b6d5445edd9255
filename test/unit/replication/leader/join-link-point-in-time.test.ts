/**
 * A follower serves a full sync while its own stream goes on: the snapshot is the store of the
 * moment at which it began, since the stream that follows it may have commands that must not be
 * applied twice. And followers that need the length first share one file.
 */
import { expect, test } from "bun:test";
import { chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Request } from "../../../../src/protocol/request.ts";
import { RespParser } from "../../../../src/protocol/resp/resp-parser.ts";
import { RdbReader } from "../../../../src/rdb/reader.ts";
import { LeaderReplication } from "../../../../src/replication/leader/leader.ts";
import { temporaryDirectory } from "../../../harness.ts";
import { repetitions } from "../../../support/repetitions.ts";
import { Random, seedFor } from "../../../support/seed.ts";
import { SmallStore } from "../../../support/small-store.ts";
import { encodeCommand } from "../../../support/wire.ts";
import { applyTo, FakeNode, FakePeer, FakeSocket, until } from "../fakes.ts";

const seed = seedFor("MOMENT_SEED");

/** A follower in the middle of a chain, whose leader sends what a Redis may send. */
class Middle {
  readonly node = new FakeNode();
  readonly leader: LeaderReplication;
  private readonly parser = new RespParser();
  private readonly request = new Request();
  private readonly apply = applyTo(this.node.store);

  constructor(spoolDirectories: readonly string[] = [], followerBufferBytes = 256 << 20) {
    this.node.journal.start(500);
    this.leader = new LeaderReplication({
      ...this.node,
      upstream: { isFollower: true, isServing: true, streamDatabase: 3 },
      serverVersion: "7.2.4",
      spoolDirectories: () => spoolDirectories,
      followerBufferBytes,
    });
  }

  receive(...words: readonly string[]): void {
    const bytes = encodeCommand(words);
    this.parser.feed(new Uint8Array(bytes));
    this.parser.next(this.request);
    this.leader.changing(this.request, 0);
    this.apply(this.request, 0, false);
    this.node.journal.append(bytes, 0, bytes.length);
    this.leader.flush();
  }

  connect(eof: boolean) {
    const socket = new FakeSocket();
    const link = this.leader.psync(socket, new FakePeer(this.node.clock, { eof }), "?", -1);
    return { socket, link };
  }
}

/** The items of what a follower received, and the stream behind them. */
function parts(bytes: Buffer): { head: string; items: Map<string, string>; stream: Buffer } {
  const head = /^\+FULLRESYNC .*\r\n\n*\$(?:EOF:(.{40})|\d+)\r\n/.exec(bytes.toString("latin1"));
  const items = new Map<string, string>();
  const text = (from: Uint8Array, start: number, end: number) =>
    Buffer.from(from.subarray(start, end)).toString("latin1");
  const reader = new RdbReader({
    item: (key, ks, ke, value, vs, ve, expiresAt) => {
      const name = text(key, ks, ke);
      expect(items.has(name)).toBe(false); // twice would end a real Redis
      items.set(name, `${text(value, vs, ve)}@${expiresAt}`);
    },
  });
  const payload = bytes.subarray(head?.[0].length);
  const length = reader.push(new Uint8Array(payload));
  reader.finish();
  const stream = payload.subarray(length + (head?.[1]?.length ?? 0));
  return { head: head?.[0] ?? "", items, stream };
}

function shown(items: Map<string, string>): string[] {
  return [...items].map(([key, value]) => `${key}=${value}`).sort();
}

test("what changes meanwhile is in the snapshot as it was, new keys are not, and the stream leads on", async () => {
  const random = new Random(seed);
  for (let round = 0; round < repetitions(5, 20); round++) {
    const middle = new Middle();
    const { store } = middle.node;
    for (let i = 0; i < 600; i++)
      store.put(`key${i}`, `${random.below(1_000)}`, random.pick([0, 9e14]));
    const before = store.dump();
    const { socket, link } = middle.connect(true);
    socket.room = 0;
    while (link.state !== "online") {
      const key = `key${random.below(900)}`;
      const [command] = random.pick([["INCR"], ["DEL"], ["SETRANGE"], ["SET"]]);
      if (command === "SETRANGE") middle.receive("SETRANGE", key, "2", "xy");
      else if (command === "SET") middle.receive("SET", key, "z".repeat(random.below(2_000)));
      else if (command === "INCR") middle.receive("SET", `${key}n`, "5");
      else middle.receive("DEL", key);
      middle.receive("INCR", `counter${random.below(50)}`);
      socket.room = random.below(3_000);
      link.onDrain();
      if (socket.text.length > 1_000 && random.chance(0.1)) link.acknowledge(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.room = Number.POSITIVE_INFINITY;
    link.onDrain();
    const { head, items, stream } = parts(socket.received);
    expect(head).toContain(" 500\r\n");
    expect(shown(items)).toEqual(before);
    const copy = new SmallStore();
    for (const [key, value] of items) {
      const [, content, expiresAt] = /^(.*)@(\d+)$/s.exec(value) ?? [];
      copy.put(key, Buffer.from(content, "latin1"), Number(expiresAt));
    }
    const parser = new RespParser();
    parser.feed(new Uint8Array(stream));
    const request = new Request();
    for (const apply = applyTo(copy); parser.next(request); ) apply(request, 0, false);
    expect(copy.dump()).toEqual(store.dump());
  }
});

test("a FLUSHALL of the stream ends the link, which comes back for what is left", async () => {
  const middle = new Middle();
  for (let i = 0; i < 600; i++) middle.node.store.put(`key${i}`, "x".repeat(5_000));
  const { socket, link } = middle.connect(true);
  socket.room = 100;
  await until(() => socket.text.includes("$EOF"), "the head");
  middle.receive("FLUSHALL");
  expect(link.state).toBe("closed");
  expect(middle.node.log.has("a database was flushed")).toBe(true);
});

test("a follower that leaves in the middle leaves nothing behind", async () => {
  const middle = new Middle();
  for (let i = 0; i < 600; i++) middle.node.store.put(`key${i}`, "x".repeat(5_000));
  const { socket, link } = middle.connect(true);
  socket.room = 100;
  await until(() => socket.text.includes("$EOF"), "the head");
  for (let i = 0; i < 600; i++) middle.receive("SET", `key${i}`, "changed");
  expect(middle.leader.queuedBytes).toBeGreaterThan(500 * 5_000);
  link.onClose();
  await until(() => middle.leader.queuedBytes === 0, "what was kept for it is gone");
  middle.receive("SET", "key1", "again");
  expect(middle.leader.queuedBytes).toBe(0);
});

test("one that takes nothing while everything changes is cut off at the bound of its queue", async () => {
  const middle = new Middle([], 2 << 20);
  for (let i = 0; i < 40; i++) middle.node.store.put(`key${i}`, Buffer.alloc(64 << 10));
  const { socket, link } = middle.connect(true);
  socket.room = 0;
  for (let i = 0; i < 40 && link.state !== "closed"; i++) middle.receive("SET", `key${i}`, "small");
  expect(link.state).toBe("closed");
  expect(middle.node.log.has("bytes of what changed wait for it")).toBe(true);
});

test("followers that need the length share one file without a name, in the first folder that takes it", async () => {
  await using directory = await temporaryDirectory();
  const closed = join(directory.path, "closed");
  const middle = new Middle([closed, directory.path]);
  for (let i = 0; i < 3_000; i++) middle.node.store.put(`key${i}`, "x".repeat(1_000));
  const before = middle.node.store.dump();
  const links = [middle.connect(false), middle.connect(false), middle.connect(false)];
  const gone = middle.connect(false);
  gone.link.onClose();
  middle.receive("SET", "key1", "changed");
  await until(() => links.every(({ link }) => link.state === "online"), "all are online");
  for (const { socket } of links) {
    const { head, items, stream } = parts(socket.received);
    expect(head).toContain(" 500\r\n");
    expect(shown(items)).toEqual(before);
    expect(stream.toString()).toContain("changed");
    expect(readdirSync(directory.path)).toEqual([]);
  }
  expect(middle.leader.fullSyncs).toBe(4);
  chmodSync(directory.path, 0o700);
});

test("where no folder takes the file the log says so, and the follower is let go", async () => {
  const middle = new Middle(["/nowhere/at/all"]);
  const { link } = middle.connect(false);
  await until(() => link.state === "closed", "the link is closed");
  expect(middle.node.log.has("no full sync: no such file or directory (ENOENT)")).toBe(true);
});

test("SYNC gets no line before its snapshot, and is not asked to say anything", async () => {
  await using directory = await temporaryDirectory();
  const middle = new Middle([directory.path]);
  middle.node.store.put("a", "1");
  const socket = new FakeSocket();
  const link = middle.leader.sync(socket, new FakePeer(middle.node.clock, { eof: false }));
  await until(() => link.state === "online", "the link is online");
  expect(socket.text).toMatch(/^\$\d+\r\nREDIS0009/);
  middle.receive("SET", "b", "2");
  expect(socket.text).toEndWith(encodeCommand(["SET", "b", "2"]).toString());
  middle.node.clock.now += 120_000;
  middle.leader.tick();
  expect(link.state).toBe("online");
});
