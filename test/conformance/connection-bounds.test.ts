/**
 * The bounds of the state that the node keeps for one connection: watched keys and subscriptions,
 * in number and in bytes. Redis has no such bounds, so only our nodes are tested. bad-input.test.ts
 * and the tests of the decoder cover the bounds of a single request.
 * Invariant: a connection at a bound keeps what it has, and no other connection is affected.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  clientNameBytesMax,
  hostBytesMax,
  keyBytesMax,
  subscriptionBytesMax,
  subscriptionsMax,
  textBytesMax,
  watchedBytesMax,
  watchedKeysMax,
} from "../../src/base/limits.ts";
import { caseMsMax, startNode } from "../harness.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);

/** Different names of that length, which together are the most that fits. */
function namesThatFill(bytes: number, bytesEach: number): Buffer[] {
  const count = Math.floor(bytes / bytesEach);
  return Array.from({ length: count }, (_, i) => Buffer.alloc(bytesEach, 0x61 + i));
}

const shortNames = (count: number) => Array.from({ length: count }, (_, i) => `name:${i}`);

describe("WATCH", () => {
  const refusal = "-ERR too many watched keys, or too many bytes of them";

  test.each([
    ["bytes", () => namesThatFill(watchedBytesMax, keyBytesMax), Buffer.alloc(1024, "z")],
    ["keys", () => shortNames(watchedKeysMax), "z"],
  ])("guards so many %s and no more, on each connection", async (_, names, oneMore) => {
    await using node = await startNode();
    await using peer = await Peer.connect(node.port);
    await using other = await Peer.connect(node.port);
    const [first, ...rest] = names();
    expect(await peer.ask("WATCH", first ?? "")).toBe("+OK");
    for (const name of rest.splice(0, 4)) expect(await peer.ask("WATCH", name)).toBe("+OK");
    if (rest.length > 0) expect(await peer.ask("WATCH", ...rest)).toBe("+OK");
    expect(await peer.ask("WATCH", oneMore)).toBe(refusal);
    expect(await peer.ask("WATCH", first ?? "")).toBe("+OK"); // it is guarded already
    expect(await other.ask("WATCH", oneMore)).toBe("+OK");
    expect(await other.ask("INCR", "counter")).toBe(":1");
    expect(await other.ask("SET", "name:0", "1")).toBe("+OK");
    // What was guarded before still is.
    expect(await peer.ask("MULTI")).toBe("+OK");
    expect(await peer.ask("EXEC")).toBe(first === "name:0" ? "*null" : "*[]");
    expect(await peer.ask("WATCH", oneMore)).toBe("+OK");
  });
});

describe("SUBSCRIBE", () => {
  const refusal = "-ERR too many subscriptions on this connection, or too long names";
  const megabytes = 16 * 1024 * 1024;
  const pattern = Buffer.alloc(1024, "p"); // a pattern has a bound of its own

  test.each([
    [
      "bytes",
      () => {
        const [first = pattern, ...others] = namesThatFill(subscriptionBytesMax, megabytes);
        return [pattern, first.subarray(pattern.length), ...others];
      },
    ],
    ["names", () => shortNames(subscriptionsMax)],
  ])("takes so many %s of channels and patterns and no more", async (_, names) => {
    await using node = await startNode();
    await using peer = await Peer.connect(node.port);
    await using other = await Peer.connect(node.port);
    // The confirmations are longer than what may wait for a subscriber, here as in Redis.
    const unbounded = ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"];
    expect(await other.ask(...unbounded)).toBe("+OK");
    const [pattern = "", ...channels] = names();
    peer.send("PSUBSCRIBE", pattern);
    peer.send("SUBSCRIBE", ...channels);
    await peer.replies(1 + channels.length);
    const more = Buffer.alloc(1024, "z");
    expect(await peer.ask("SUBSCRIBE", more)).toBe(refusal);
    expect(await peer.ask("PSUBSCRIBE", more)).toBe(refusal);
    expect(await peer.ask("SUBSCRIBE", channels[0] ?? "")).toStartWith("*[$subscribe"); // as before
    expect(await other.ask("PUBLISH", channels[0] ?? "", "still there")).toBe(":1");
    expect(await peer.shown()).toContain("$still there");
    expect(await other.ask("SUBSCRIBE", more)).toStartWith("*[$subscribe");
    peer.send("PUNSUBSCRIBE", pattern);
    await peer.reply();
    expect(await peer.ask("SUBSCRIBE", more)).toStartWith("*[$subscribe");
  });
});

describe("a name", () => {
  const tooLong = `-ERR names are at most ${clientNameBytesMax} bytes long`;

  test.each([
    [["CLIENT", "SETNAME"]],
    [["CLIENT", "SETINFO", "LIB-NAME"]],
    [["CLIENT", "SETINFO", "LIB-VER"]],
    [["HELLO", "2", "SETNAME"]],
  ])("given by %p has a bound, as CLIENT LIST holds it", async (command) => {
    await using node = await startNode();
    await using peer = await Peer.connect(node.port);
    const longest = "n".repeat(clientNameBytesMax);
    expect(await peer.ask(...command, longest)).not.toStartWith("-");
    expect(await peer.ask("CLIENT", "LIST")).toContain(longest);
    expect(await peer.ask(...command, `${longest}n`)).toBe(tooLong);
    expect(await peer.ask("CLIENT", "LIST")).toContain(longest);
  });
});

describe("a host", () => {
  const refusal = `-ERR a host is a name or an IP address of at most ${hostBytesMax} characters`;
  const bad = ["10.0.0.1\r\nrole:master", "a b", "x:y", "h".repeat(hostBytesMax + 1), "\x01"];
  const good = ["10.0.0.1", "fe80::1%eth0", "h".repeat(hostBytesMax)];

  test("that a follower announces forges no line of INFO and has a bound", async () => {
    await using node = await startNode();
    await using peer = await Peer.connect(node.port);
    for (const host of bad) expect(await peer.ask("REPLCONF", "ip-address", host)).toBe(refusal);
    for (const host of good) expect(await peer.ask("REPLCONF", "ip-address", host)).toBe("+OK");
  });

  test("of a leader is one that a configuration file can hold", async () => {
    await using node = await startNode();
    await using peer = await Peer.connect(node.port);
    for (const host of [...bad, ""]) {
      expect(await peer.ask("REPLICAOF", host, "1")).toBe(refusal);
      expect(await peer.ask("FAILOVER", "TO", host, "1")).toBe(refusal);
    }
    expect(await peer.ask("ROLE")).toStartWith("*[$master");
    expect(await peer.ask("CONFIG", "SET", "replica-announce-ip", "h\r\nx:1")).toBe(
      "-ERR CONFIG SET failed (possibly related to argument 'replica-announce-ip') - " +
        '"h  x:1" is not a host name or IP address',
    );
  });
});

test("a setting has a bound, whatever it is a setting of", async () => {
  await using node = await startNode();
  await using peer = await Peer.connect(node.port);
  const long = "v".repeat(textBytesMax + 1);
  expect(await peer.ask("CONFIG", "SET", "requirepass", long)).toBe(
    "-ERR CONFIG SET failed (possibly related to argument 'requirepass') - " +
      `a value is at most ${textBytesMax} bytes`,
  );
  expect(await peer.ask("CONFIG", "GET", "requirepass")).toBe("*[$requirepass $]");
  expect(await peer.ask("CONFIG", "GET", long)).toBe("*[]");
});
