/**
 * The leading side with sockets, time and store of the test's making: full and partial sync, both
 * framings, followers that are slow, silent or gone, and when a replid may live on.
 * Real followers are in test/replication/redis-room.test.ts and follower.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { journalIdleMsMax } from "../../../../src/base/limits.ts";
import { Request } from "../../../../src/protocol/request.ts";
import { RespParser } from "../../../../src/protocol/resp/resp-parser.ts";
import { RdbReader } from "../../../../src/rdb/reader.ts";
import type { FollowerLink } from "../../../../src/replication/leader/follower-link.ts";
import { LeaderReplication } from "../../../../src/replication/leader/leader.ts";
import { SmallStore } from "../../../support/small-store.ts";
import { encodeCommand } from "../../../support/wire.ts";
import { applyTo, FakeNode, FakePeer, FakeSocket, until } from "../fakes.ts";

const select = command("SELECT", "0");

function command(...args: string[]): string {
  return encodeCommand(args).toString("latin1");
}

interface Traits {
  eof?: boolean;
  psync2?: boolean;
  ipAddress?: string;
  tellsTree?: boolean;
}

class Setting {
  readonly node: FakeNode;
  readonly leader: LeaderReplication;
  readonly upstream = {
    isFollower: false,
    isServing: true,
    streamDatabase: 0,
  };

  constructor(journalBytes = 1 << 20, followerBufferBytes = 256 << 20) {
    this.node = new FakeNode(journalBytes);
    this.leader = new LeaderReplication({
      ...this.node,
      followerBufferBytes,
      upstream: this.upstream,
      serverVersion: "7.2.4",
    });
  }

  connect(replid = "?", wanted = -1, traits: Traits = {}): Connected {
    const socket = new FakeSocket();
    const peer = new FakePeer(this.node.clock, traits);
    return { socket, peer, link: this.leader.psync(socket, peer, replid, wanted) };
  }

  /** A follower that has loaded its snapshot and is online. */
  async online(): Promise<Connected> {
    const connected = this.connect("?", -1, { eof: false });
    await until(() => connected.link.state === "online", "the link is online");
    connected.socket.take();
    return connected;
  }

  set(name: string, value: string): void {
    this.node.set(name, value);
    this.leader.flush();
  }

  passSeconds(seconds: number): void {
    for (let i = 0; i < seconds; i++) {
      this.node.clock.now += 1000;
      this.leader.tick();
    }
  }
}

interface Connected {
  readonly socket: FakeSocket;
  readonly peer: FakePeer;
  readonly link: FollowerLink;
}

/** The parts of a full sync as they lie in what a follower received. */
function fullSync(bytes: Buffer): { offset: number; items: string[]; stream: Buffer } {
  const text = bytes.toString("latin1");
  const head = /^\+FULLRESYNC ([0-9a-f]{40}) (\d+)\r\n\n*\$(?:EOF:(.{40})|(\d+))\r\n/.exec(text);
  if (head === null) throw new Error(`no full sync: ${text.slice(0, 200)}`);
  const items: string[] = [];
  const reader = new RdbReader({
    item: (key, ks, ke, value, vs, ve, expiresAt) => {
      const [name, content] = [key.subarray(ks, ke), value.subarray(vs, ve)].map(String);
      items.push(
        `${Buffer.from(key.subarray(ks, ke))}=${Buffer.from(value.subarray(vs, ve))}@${expiresAt}`,
      );
      expect([name, content]).toHaveLength(2);
    },
  });
  const payload = bytes.subarray(head[0].length);
  const length = reader.push(payload);
  reader.finish();
  if (head[4] !== undefined) expect(length).toBe(Number(head[4]));
  const mark = head[3] ?? "";
  expect(payload.subarray(length, length + mark.length).toString()).toBe(mark);
  return {
    offset: Number(head[2]),
    items: items.sort(),
    stream: payload.subarray(length + mark.length),
  };
}

function hasMark(socket: FakeSocket): boolean {
  const mark = /\$EOF:(.{40})\r\n.+/s.exec(socket.text)?.[1];
  return mark !== undefined && socket.text.endsWith(mark);
}

/** What a follower has after it loaded the snapshot and applied the stream. */
function replay(sync: { items: string[]; stream: Buffer }): string[] {
  const store = new SmallStore();
  for (const item of sync.items) {
    const [, name, value, expiresAt] = /^(.*?)=(.*)@(\d+)$/s.exec(item) ?? [];
    store.put(name, Buffer.from(value), Number(expiresAt));
  }
  const parser = new RespParser();
  const request = new Request();
  const apply = applyTo(store);
  parser.feed(sync.stream);
  while (parser.next(request)) apply(request, 0, false);
  return store.dump();
}

describe("full sync", () => {
  test("EOF framing: snapshot, then nothing until the first ACK, then the stream", async () => {
    const setting = new Setting();
    setting.node.store.put("a", "1");
    setting.node.store.put("b", "2", 1_800_000_000_000);
    const { socket, link } = setting.connect();
    expect(socket.text).toMatch(/^\+FULLRESYNC [0-9a-f]{40} 0\r\n/);
    await until(() => hasMark(socket), "the mark");
    setting.set("c", "3");
    expect(link.state).toBe("sending_snapshot");
    const before = fullSync(socket.received);
    expect(before.items).toEqual(["a=1@0", "b=2@1800000000000"]);
    expect(before.stream.toString()).toBe("");
    link.acknowledge(0);
    await until(() => link.state === "online", "the link is online");
    expect(fullSync(socket.received).stream.toString()).toBe(select + command("SET", "c", "3"));
    expect(setting.leader.fullSyncs).toBe(1);
  });

  test("length framing: the stream follows at once", async () => {
    const setting = new Setting();
    setting.node.store.put("a", "1");
    const { socket, link } = setting.connect("?", -1, { eof: false });
    expect(link.state).toBe("wait_snapshot");
    setting.set("b", "2");
    await until(() => link.state === "online", "the link is online");
    const sync = fullSync(socket.received);
    expect(sync.items).toContain("a=1@0");
    expect(sync.stream.toString()).toBe(select + command("SET", "b", "2"));
  });

  test("signs of life go out while the snapshot is prepared, and not afterwards", async () => {
    const setting = new Setting();
    const { socket, link } = setting.connect("?", -1, { eof: false });
    setting.passSeconds(2);
    expect(socket.text).toEndWith("\r\n\n\n");
    await until(() => link.state === "online", "the link is online");
    const length = socket.received.length;
    setting.passSeconds(3);
    expect(socket.received.length).toBe(length);
  });

  test("writes during the walk converge, whatever the walk has seen of them", async () => {
    const setting = new Setting();
    for (let i = 0; i < 3000; i++) setting.node.store.put(`key${i}`, "x".repeat(200));
    const { socket, link } = setting.connect();
    let step = 0;
    while (!hasMark(socket) || step < 50) {
      setting.set(`key${(step * 37) % 3000}`, `new${step}`);
      setting.node.delete(`key${(step * 91) % 3000}`);
      setting.set(`added${step}`, "!");
      setting.leader.flush();
      step++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    link.acknowledge(0);
    await until(() => link.state === "online", "the link is online");
    expect(replay(fullSync(socket.received))).toEqual(setting.node.store.dump());
  });

  test("a socket that takes little at a time gets the same bytes", async () => {
    const setting = new Setting();
    for (let i = 0; i < 2000; i++) setting.node.store.put(`key${i}`, "x".repeat(300));
    const { socket, link } = setting.connect("?", -1, { eof: false });
    socket.room = 0;
    setting.set("during", "1");
    const deadline = performance.now() + 30_000; // the spool takes what the disk takes
    while (link.state !== "online" || link.queuedBytes > 0) {
      expect(performance.now()).toBeLessThan(deadline);
      socket.room = 5000;
      link.onDrain();
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.room = Number.POSITIVE_INFINITY;
    link.onDrain();
    expect(replay(fullSync(socket.received))).toEqual(setting.node.store.dump());
  });

  test("a slow load does not fall out of a small journal", async () => {
    const setting = new Setting(4096);
    setting.node.store.put("a", "1");
    const { socket, link } = setting.connect();
    await until(() => hasMark(socket), "the mark");
    for (let i = 0; i < 500; i++) setting.node.set(`key${i}`, "x".repeat(100));
    expect(link.heldBytes).toBeGreaterThan(50_000);
    link.acknowledge(0);
    await until(() => link.state === "online", "the link is online");
    expect(replay(fullSync(socket.received))).toEqual(setting.node.store.dump());
  });

  test("an effect larger than the journal reaches an online follower", async () => {
    const setting = new Setting(4096);
    const { socket } = await setting.online();
    setting.node.set("small", "1");
    setting.node.set("large", "x".repeat(100_000));
    setting.node.set("after", "2");
    setting.leader.flush();
    const expected = [
      ["small", "1"],
      ["large", "x".repeat(100_000)],
      ["after", "2"],
    ]
      .map(([name, value]) => command("SET", name, value))
      .join("");
    expect(socket.text).toBe(select + expected);
  });

  test("a follower that closes in the middle leaves nothing behind", async () => {
    const setting = new Setting();
    for (let i = 0; i < 5000; i++) setting.node.store.put(`key${i}`, "x".repeat(500));
    const { link, socket } = setting.connect();
    socket.room = 10;
    link.onClose();
    expect(setting.leader.links).toEqual([]);
    expect(setting.node.journal.needed).toBe(Number.POSITIVE_INFINITY);
    const other = setting.connect("?", -1, { eof: false });
    other.link.onClose();
    await new Promise((resolve) => setImmediate(resolve));
    expect(setting.leader.links).toEqual([]);
  });

  test("a follower without its leader's data refuses", () => {
    const setting = new Setting();
    setting.upstream.isServing = false;
    const { socket, link } = setting.connect();
    expect(socket.text).toBe("-NOMASTERLINK Can't SYNC while not connected with my master\r\n");
    expect(socket.ended).toBe(true);
    expect(link.state).toBe("closed");
  });
});

describe("partial sync", () => {
  async function withHistory(): Promise<{ setting: Setting; replid: string }> {
    const setting = new Setting(4096);
    const { link } = await setting.online();
    for (let i = 0; i < 5; i++) setting.set(`key${i}`, "value");
    link.onClose();
    return { setting, replid: setting.node.history.replid };
  }

  test("the stream goes on with the very next byte", async () => {
    const { setting, replid } = await withHistory();
    const at = setting.node.journal.offset;
    setting.set("more", "1");
    const { socket, link } = setting.connect(replid, at + 1);
    expect(link.state).toBe("online");
    expect(socket.text).toBe(`+CONTINUE ${replid}\r\n${command("SET", "more", "1")}`);
    expect(setting.leader.partialSyncs).toBe(1);
    setting.set("then", "2");
    expect(socket.text).toEndWith(command("SET", "then", "2"));
  });

  test("the replid is compared without case, and a follower without psync2 gets a bare answer", async () => {
    const { setting, replid } = await withHistory();
    const wanted = setting.node.journal.offset + 1;
    const { socket } = setting.connect(replid.toUpperCase(), wanted, { psync2: false });
    expect(socket.text).toBe("+CONTINUE\r\n");
  });

  test("the bounds are the oldest byte held and the next byte to come", async () => {
    const { setting, replid } = await withHistory();
    for (let i = 0; i < 200; i++) setting.set(`fill${i}`, "value");
    const { first, offset } = setting.node.journal;
    expect(first).toBeGreaterThan(0);
    expect(setting.connect(replid, first + 1).link.state).toBe("online");
    expect(setting.connect(replid, offset + 1).link.state).toBe("online");
    expect(setting.connect(replid, first).link.state).not.toBe("online");
    expect(setting.connect(replid, offset + 2).link.state).not.toBe("online");
    expect(setting.leader.partialSyncsRefused).toBe(2);
    expect(setting.node.log.has(`needs offset ${first - 1}, the journal holds ${first} to`)).toBe(
      true,
    );
  });

  test("a foreign history is refused with both of ours in the log", async () => {
    const { setting } = await withHistory();
    const foreign = "f".repeat(40);
    const { link, socket } = setting.connect(foreign, 1);
    expect(link.state).not.toBe("online");
    expect(socket.text).toStartWith("+FULLRESYNC");
    expect(setting.node.log.has(`it has history ${foreign} up to 0`)).toBe(true);
  });

  test("the former replid is good up to its last common byte", async () => {
    const { setting, replid } = await withHistory();
    const { offset } = setting.node.journal;
    setting.node.history.shift(offset);
    setting.set("new", "history");
    expect(setting.connect(replid, offset + 1).link.state).toBe("online");
    expect(setting.connect(replid, offset + 2).link.state).not.toBe("online");
  });
});

describe("the journal and its replid", () => {
  test("the first follower turns the journal on under a new replid", () => {
    const setting = new Setting();
    const { replid } = setting.node.history;
    setting.set("unrecorded", "1");
    expect(setting.node.journal.offset).toBe(0);
    setting.connect(replid, 1);
    expect(setting.node.journal.active).toBe(true);
    expect(setting.node.history.replid).not.toBe(replid);
    expect(setting.leader.partialSyncs).toBe(0);
  });

  test("an hour after the last follower left it goes off, and the next replid is new", async () => {
    const setting = new Setting();
    const { link } = await setting.online();
    setting.node.history.shift(0);
    const { replid } = setting.node.history;
    link.onClose();
    setting.node.clock.now += journalIdleMsMax - 1;
    setting.leader.tick();
    expect(setting.node.journal.active).toBe(true);
    expect(setting.node.history.replid).toBe(replid);
    setting.passSeconds(1);
    expect(setting.node.journal.active).toBe(false);
    expect(setting.node.history).toMatchObject({ replid2: "0".repeat(40), secondOffset: -1 });
    expect(setting.node.history.replid).not.toBe(replid);
    setting.set("unrecorded", "1");
    expect(setting.connect(replid, setting.node.journal.offset + 1).link.state).not.toBe("online");
  });

  test("a follower keeps its journal on without followers of its own", () => {
    const setting = new Setting();
    setting.node.journal.start(100);
    setting.upstream.isFollower = true;
    setting.node.clock.now += 2 * journalIdleMsMax;
    setting.leader.tick();
    expect(setting.node.journal.active).toBe(true);
  });
});

describe("links", () => {
  test("a PING enters the stream every ten seconds", async () => {
    const setting = new Setting();
    const { socket, peer } = await setting.online();
    setting.passSeconds(9);
    expect(socket.text).toBe("");
    setting.passSeconds(12);
    peer.lastActiveMs = setting.node.clock.now;
    expect(socket.text).toBe(command("PING").repeat(2));
  });

  test("a link on which nothing is heard for a minute is dropped", async () => {
    const setting = new Setting();
    const { socket, peer, link } = await setting.online();
    setting.passSeconds(30);
    peer.lastActiveMs = setting.node.clock.now;
    setting.passSeconds(60);
    expect(link.state).toBe("online");
    setting.passSeconds(1);
    expect(link.state).toBe("closed");
    expect(socket.ended).toBe(true);
    expect(setting.node.log.has("online -> closed (silent for 61000 ms)")).toBe(true);
  });

  test("one that was silent while this process stood still gets its time anew", async () => {
    const setting = new Setting();
    const { link } = await setting.online();
    setting.node.clock.now += 120_000;
    setting.leader.awakeSinceMs = setting.node.clock.now;
    setting.passSeconds(60);
    expect(link.state).toBe("online");
    setting.passSeconds(1);
    expect(link.state).toBe("closed");
  });

  test("one that does not read is cut off when its own queue is full, and others go on", async () => {
    const setting = new Setting(64 * 1024, 16 << 20);
    const slow = await setting.online();
    slow.socket.room = 0;
    const value = "x".repeat(1 << 20);
    for (let bytes = 0; bytes <= 16 << 20; bytes += value.length) {
      expect(slow.link.state).toBe("online");
      setting.set("k", value);
    }
    expect(slow.link.state).toBe("closed");
    expect(slow.socket.ended).toBe(true);
    expect(setting.node.journal.needed).toBe(Number.POSITIVE_INFINITY);
  });

  test("bytes that a full socket did not take stay in the journal and follow later", async () => {
    const setting = new Setting();
    const { socket, link } = await setting.online();
    socket.room = 10;
    setting.set("a", "1");
    setting.set("b", "2");
    expect(socket.received.length).toBe(10);
    expect(link.queuedBytes).toBe(0);
    socket.room = Number.POSITIVE_INFINITY;
    link.onDrain();
    expect(socket.text).toBe(select + command("SET", "a", "1") + command("SET", "b", "2"));
  });

  test("acknowledgements are counted for online followers, and reported", async () => {
    const setting = new Setting();
    const one = await setting.online();
    const two = await setting.online();
    setting.set("a", "1");
    const { offset } = setting.node.journal;
    let reports = 0;
    setting.leader.onFollowersChange = () => reports++;
    expect(setting.leader.acknowledgedBy(offset)).toBe(0);
    one.link.acknowledge(offset);
    expect(setting.leader.acknowledgedBy(offset)).toBe(1);
    two.link.acknowledge(offset - 1);
    expect(setting.leader.acknowledgedBy(offset)).toBe(1);
    expect(setting.leader.acknowledgedBy(offset - 1)).toBe(2);
    expect(reports).toBe(2);
  });

  test("acknowledgements can be asked for", async () => {
    const setting = new Setting();
    const { socket } = await setting.online();
    setting.leader.requestAcknowledgements();
    expect(socket.text).toBe(command("REPLCONF", "GETACK", "*"));
  });

  test("nothing is told beside the stream within a group that its writer has interrupted", async () => {
    const setting = new Setting();
    const { socket, link } = await setting.online();
    const { effects } = setting.node;
    const beside = Buffer.from(command("PING"));
    effects.open();
    setting.node.set("a", "1");
    effects.interrupt();
    setting.leader.flush();
    expect(socket.take().toString()).toBe(select + command("MULTI") + command("SET", "a", "1"));
    expect(link.interject(beside)).toBe(false);
    effects.resume();
    effects.close();
    setting.leader.flush();
    expect(link.interject(beside)).toBe(true);
    expect(socket.take().toString()).toBe(command("EXEC") + command("PING"));
  });

  test("a second PSYNC on a link changes nothing", async () => {
    const setting = new Setting();
    const { socket, peer, link } = await setting.online();
    expect(setting.leader.psync(socket, peer, "?", -1)).toBe(link);
    expect(socket.text).toBe("");
  });
});
