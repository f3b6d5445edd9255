/**
 * Byte tables of the seed's binary protocol: request bytes in, answer bytes out, whole and split at
 * every boundary, and the link of a follower that joined by it.
 * Only our node speaks it, so there is no oracle: the tables are the definition, from the Go
 * program.
 * Invariant: every case starts from a node of its own or from keys of its own.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { Bystander } from "../support/bystander.ts";
import { Peer } from "../support/peer.ts";
import {
  announcing,
  delFrame,
  ERROR,
  getAnswer,
  getFrame,
  JoinedFollower,
  joinFrame,
  KEY_NOT_FOUND,
  NOT_LEADER,
  noTtlSeconds,
  OK,
  type ReplicatedFrame,
  setFrame,
} from "../support/seed-protocol.ts";
import { forAllCases, ours } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

/** In this order on one connection: what is sent, what must come back. */
const table: readonly (readonly [string, Buffer, Buffer])[] = [
  ["SET stores", setFrame("key", "value", 60), Buffer.of(OK)],
  ["GET answers with the value", getFrame("key"), getAnswer(OK, "value")],
  ["SET overwrites", setFrame("key", "other", 60), Buffer.of(OK)],
  ["GET answers with the newer value", getFrame("key"), getAnswer(OK, "other")],
  ["GET of an absent key", getFrame("absent"), getAnswer(KEY_NOT_FOUND)],
  ["GET of an empty key", getFrame(""), getAnswer(ERROR)],
  ["SET with an empty key", setFrame("", "value", 60), Buffer.of(ERROR)],
  ["SET with an empty value", setFrame("key", "", 60), Buffer.of(ERROR)],
  ["SET with a TTL of 0", setFrame("key", "value", 0), Buffer.of(ERROR)],
  ["SET with a TTL below 0", setFrame("key", "value", -1), Buffer.of(ERROR)],
  ["a refused SET changes nothing", getFrame("key"), getAnswer(OK, "other")],
  ["SET of binary bytes", setFrame("\0\r\n\x04", Buffer.of(0, 1, 2, 3, 255), 60), Buffer.of(OK)],
  ["GET of binary bytes", getFrame("\0\r\n\x04"), getAnswer(OK, Buffer.of(0, 1, 2, 3, 255))],
  ["SET with the longest TTL", setFrame("long", "v", 2147483647), Buffer.of(OK)],
  ["DEL of a key", delFrame("key"), Buffer.of(OK)],
  ["GET of a deleted key", getFrame("key"), getAnswer(KEY_NOT_FOUND)],
  ["DEL of an absent key", delFrame("key"), Buffer.of(OK)],
  ["DEL of an empty key", delFrame(""), Buffer.of(KEY_NOT_FOUND)],
];

describe("the byte table", () => {
  const node = forAllCases(() => ours.start());

  test("every request of the table gets its reply bytes", async () => {
    await using peer = await Peer.connect(node().port);
    for (const [name, request, answer] of table) {
      peer.write(request);
      expect([name, await peer.raw.readExactly(answer.length)]).toEqual([name, answer]);
    }
  });

  test("the whole table in one packet gets its replies in order", async () => {
    await using peer = await Peer.connect(node().port);
    peer.write(Buffer.concat(table.map(([, request]) => request)));
    const answers = Buffer.concat(table.map(([, , answer]) => answer));
    expect(await peer.raw.readExactly(answers.length)).toEqual(answers);
  });

  test("the whole table may arrive byte by byte", async () => {
    await using peer = await Peer.connect(node().port);
    for (const [name, request, answer] of table) {
      for (const byte of request) {
        peer.write(Uint8Array.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect([name, await peer.raw.readExactly(answer.length)]).toEqual([name, answer]);
    }
  });

  test("a request may be split at every boundary", async () => {
    const request = setFrame("split", "a value", 60);
    for (let i = 1; i < request.length; i++) {
      await using peer = await Peer.connect(node().port);
      // The answer to the first request proves that the part after it has been read by itself.
      peer.write(Buffer.concat([getFrame("no-such-key"), request.subarray(0, i)]));
      expect(await peer.raw.readExactly(5)).toEqual(getAnswer(KEY_NOT_FOUND));
      peer.write(request.subarray(i));
      expect([i, await peer.raw.readExactly(1)]).toEqual([i, Buffer.of(OK)]);
    }
  });

  test("thousands of requests in one write get their replies in order", async () => {
    await using peer = await Peer.connect(node().port);
    const numbers = Array.from({ length: 5_000 }, (_, i) => `value ${i}`);
    const requests = numbers.flatMap((text) => [setFrame("n", text, 60), getFrame("n")]);
    const answers = numbers.flatMap((text) => [Buffer.of(OK), getAnswer(OK, text)]);
    peer.write(Buffer.concat(requests));
    const wanted = Buffer.concat(answers);
    expect((await peer.raw.readExactly(wanted.length)).equals(wanted)).toBe(true);
  });

  test("a large value is returned unchanged", async () => {
    await using peer = await Peer.connect(node().port);
    const value = Buffer.alloc(5_000_000, "large ");
    peer.write(setFrame("large", value, 60));
    expect(await peer.raw.readExactly(1)).toEqual(Buffer.of(OK));
    peer.write(getFrame("large"));
    const answer = await peer.raw.readExactly(5 + value.length);
    expect(answer.equals(getAnswer(OK, value))).toBe(true);
  });

  test("what one protocol stores the other reads, and a TTL is in seconds", async () => {
    await using seed = await Peer.connect(node().port);
    await using resp = await Peer.connect(node().port);
    seed.write(setFrame("shared", "by the seed", 100));
    await seed.raw.readExactly(1);
    expect(await resp.ask("GET", "shared")).toBe("$by the seed");
    expect(await resp.ask("TTL", "shared")).toBe(":100");
    await resp.ask("SET", "shared", "by RESP");
    seed.write(getFrame("shared"));
    expect(await seed.raw.readExactly(12)).toEqual(getAnswer(OK, "by RESP"));
    await resp.ask("SET", "shared", "");
    seed.write(getFrame("shared"));
    expect(await seed.raw.readExactly(5)).toEqual(getAnswer(OK, ""));
  });

  test("an expired key is not found", async () => {
    await using seed = await Peer.connect(node().port);
    await using resp = await Peer.connect(node().port);
    await resp.ask("SET", "brief", "x", "PX", "20");
    await waitFor(async () => {
      seed.write(getFrame("brief"));
      const [status] = await seed.raw.readExactly(1);
      await seed.raw.readExactly(status === OK ? 5 : 4);
      return status === KEY_NOT_FOUND;
    });
  });

  const fatal: readonly (readonly [string, Buffer])[] = [
    ["GET with a negative length", announcing(2, -1)],
    ["GET with the most negative length", announcing(2, -2147483648)],
    ["GET with an absurd length", announcing(2, 2147483647)],
    ["DEL with a negative length", announcing(3, -5)],
    ["SET with a negative key length", announcing(1, -1)],
    ["SET with a negative value length", setFrame("k", "", 60).fill(255, 6, 10)],
    ["an unknown command", Buffer.of(9)],
    ["a zero byte", Buffer.of(0)],
    ["a RESP command in the middle", Buffer.from("*1\r\n$4\r\nPING\r\n")],
  ];
  test.each(fatal)("%s closes the connection after the answers before it", async (_, bytes) => {
    await using bystander = await Bystander.start(node().port);
    await using peer = await Peer.connect(node().port);
    peer.write(Buffer.concat([getFrame("no-such-key"), bytes, getFrame("no-such-key")]));
    expect(await peer.raw.closed(3_000)).toEqual(getAnswer(KEY_NOT_FOUND));
    await bystander.noticedNothing();
  });
});

describe("a follower", () => {
  test("replies NOT LEADER to SET and DEL, and serves GET", async () => {
    await using leader = await ours.start();
    await using follower = await ours.start(["--leaderaddr", leader.address]);
    await using writer = await Peer.connect(leader.port);
    await using peer = await Peer.connect(follower.port);
    writer.write(setFrame("key", "value", 60));
    await writer.raw.readExactly(1);
    await waitFor(async () => {
      peer.write(getFrame("key"));
      const [status] = await peer.raw.readExactly(1);
      await peer.raw.readExactly(status === OK ? 9 : 4);
      return status === OK;
    });
    peer.write(Buffer.concat([setFrame("key", "x", 60), delFrame("key")]));
    expect(await peer.raw.readExactly(2)).toEqual(Buffer.of(NOT_LEADER, NOT_LEADER));
  });
});

describe("JOIN", () => {
  test("a late joiner gets every live key and then the live stream", async () => {
    await using node = await ours.start();
    await using resp = await Peer.connect(node.port);
    for (let i = 0; i < 500; i++) resp.send("SET", `key:${i}`, `value ${i}`);
    await resp.replies(500);
    await resp.ask("SET", "timed", "x", "PX", "100500");
    await resp.ask("SET", "empty", "");
    await using peer = await Peer.connect(node.port);
    const link = new JoinedFollower(peer);
    const frames = await link.framesUntilQuiet();
    // A key with an empty value does not fit; a DEL for it would do no harm.
    const sets = frames.filter((frame) => frame.kind === "set");
    const snapshot = new Map(sets.map((frame) => [frame.key, frame]));
    expect(snapshot.size).toBe(501);
    expect(snapshot.get("key:7")).toEqual(set("key:7", "value 7", noTtlSeconds));
    // The time left is rounded up, or the follower would let go of the key too early.
    expect(snapshot.get("timed")?.ttlSeconds).toBe(101);
    await resp.ask("SET", "live", "1", "EX", "50");
    expect(await link.frames(1)).toEqual([set("live", "1", 50)]);
  });

  test("a write right after the JOIN reaches the link at once", async () => {
    await using node = await ours.start();
    await using resp = await Peer.connect(node.port);
    for (let i = 0; i < 5; i++) {
      await using peer = await Peer.connect(node.port);
      const link = new JoinedFollower(peer);
      await resp.ask("SET", "k", `${i}`);
      let frame = await link.frame(500);
      // The snapshot may still have held the value before.
      for (; frame.value !== `${i}`; frame = await link.frame(500)) link.acknowledge();
      expect(frame).toEqual(set("k", `${i}`, noTtlSeconds));
    }
  });

  test("every write reaches the link as a SET of the value as it is now, or a DEL", async () => {
    await using node = await ours.start();
    await using resp = await Peer.connect(node.port);
    await using peer = await Peer.connect(node.port);
    const link = await onlineLink(peer, resp);
    const steps: readonly (readonly [string[], ReplicatedFrame])[] = [
      [["SET", "k", "10"], set("k", "10", noTtlSeconds)],
      [["INCR", "k"], set("k", "11", noTtlSeconds)],
      [["APPEND", "k", "x"], set("k", "11x", noTtlSeconds)],
      [["SETRANGE", "k", "1", "abc"], set("k", "1abc", noTtlSeconds)],
      [["EXPIRE", "k", "100"], set("k", "1abc", 100)],
      [["PERSIST", "k"], set("k", "1abc", noTtlSeconds)],
    ];
    for (const [command, frame] of steps) {
      await resp.ask(...command);
      expect(await link.frames(1)).toEqual([frame]);
    }
    await resp.ask("SET", "k", "");
    expect(await link.frames(1)).toEqual([del("k")]);
    // One after the other: changes in quick succession may become one frame.
    await resp.ask("SET", "gone", "x", "EX", "100");
    expect(await link.frames(1)).toEqual([set("gone", "x", 100)]);
    await resp.ask("DEL", "gone");
    expect(await link.frames(1)).toEqual([del("gone")]);
  });

  test("a key that expires on the leader is deleted on the link, with a TTL of at least 1", async () => {
    await using node = await ours.start();
    await using resp = await Peer.connect(node.port);
    await using peer = await Peer.connect(node.port);
    const link = await onlineLink(peer, resp);
    await resp.ask("SET", "brief", "x", "PX", "300");
    expect(await link.frames(2)).toEqual([set("brief", "x", 1), del("brief")]);
  });

  test("the next frame for a key waits for the status byte of the one before", async () => {
    await using node = await ours.start();
    await using resp = await Peer.connect(node.port);
    await using peer = await Peer.connect(node.port);
    const link = await onlineLink(peer, resp);
    await resp.ask("SET", "k", "1");
    expect(await link.frame()).toEqual(set("k", "1", noTtlSeconds));
    for (const value of ["2", "3"]) await resp.ask("SET", "k", value);
    await expect(peer.raw.readExactly(1, 100)).rejects.toThrow("waited");
    link.acknowledge();
    // What was overwritten meanwhile need not be sent; the latest value must.
    let last = await link.frame();
    link.acknowledge();
    if (last.value !== "3") [last] = (await link.frames(1)) as [ReplicatedFrame];
    expect(last).toEqual(set("k", "3", noTtlSeconds));
  });

  test("status bytes of every kind are read and dropped", async () => {
    await using node = await ours.start();
    await using resp = await Peer.connect(node.port);
    await using peer = await Peer.connect(node.port);
    const link = await onlineLink(peer, resp);
    for (let i = 0; i < 200; i++) {
      await resp.ask("SET", "k", `${i}`);
      expect(await link.frame()).toEqual(set("k", `${i}`, noTtlSeconds));
      link.acknowledge((i % 4) + 1);
    }
    expect(await resp.ask("GET", "k")).toBe("$199");
  });

  test("FLUSHALL, which has no frame, closes the link", async () => {
    await using node = await ours.start();
    await using resp = await Peer.connect(node.port);
    await using peer = await Peer.connect(node.port);
    const link = await onlineLink(peer, resp);
    await resp.ask("SET", "k", "1");
    expect(await link.frames(1)).toEqual([set("k", "1", noTtlSeconds)]);
    await resp.ask("FLUSHALL");
    await peer.raw.closed(3_000);
  });

  test("requests before the JOIN are answered first", async () => {
    await using node = await ours.start();
    await using peer = await Peer.connect(node.port);
    peer.write(Buffer.concat([setFrame("k", "v", 60), getFrame("k"), joinFrame]));
    const answers = Buffer.concat([Buffer.of(OK), getAnswer(OK, "v")]);
    expect(await peer.raw.readExactly(answers.length)).toEqual(answers);
    const frame = await peer.raw.readExactly(setFrame("k", "v", 60).length);
    expect(frame).toEqual(setFrame("k", "v", 60));
  });

  test("a follower that joined and vanished blocks no one", async () => {
    await using node = await ours.start();
    await using bystander = await Bystander.start(node.port);
    for (let i = 0; i < 10; i++) {
      await using peer = await Peer.connect(node.port);
      const link = new JoinedFollower(peer);
      await link.frame();
    }
    await bystander.noticedNothing();
  });
});

/** A link that has had its snapshot: what is written from now on comes as live stream. */
async function onlineLink(peer: Peer, writer: Peer): Promise<JoinedFollower> {
  const link = new JoinedFollower(peer);
  await writer.ask("SET", "marker", "1");
  expect(await link.frame()).toEqual(set("marker", "1", noTtlSeconds));
  link.acknowledge();
  await link.framesUntilQuiet();
  return link;
}

function set(key: string, value: string, ttlSeconds: number): ReplicatedFrame {
  return { kind: "set", key, value, ttlSeconds };
}

function del(key: string): ReplicatedFrame {
  return { kind: "del", key, value: "", ttlSeconds: 0 };
}
