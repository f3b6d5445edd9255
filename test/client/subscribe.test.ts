// client.subscribe(): what its iterator yields, what it says of messages that may be missing, and
// when it asks the server for names. At nodes that follow a script, and at real servers.

import { describe, expect, test } from "bun:test";
import { type Client, connect, type Message, type Missed } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { eachServer } from "../support/client-servers.ts";
import { failureOf } from "../support/failure.ts";
import { connectPatiently, patient } from "../support/patient-client.ts";
import { type Peer, type Script, ScriptedNode } from "./scripted-node.ts";

const quick = { ...patient, reconnect: { minDelayMs: 1, maxDelayMs: 5 } };

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

/** Confirms subscriptions, but refuses those to "no" while `refuses` says so. */
function broker(refuses: () => boolean = () => false): Script {
  return (command) => {
    if (command.startsWith("HELLO")) return undefined;
    const [verb = "", name = ""] = command.split(" ");
    if (!/^[PS]?(UN)?SUBSCRIBE$/.test(verb)) return "+OK\r\n";
    if (name === "no" && refuses()) return "-NOPERM no\r\n";
    return `>3\r\n${bulk(verb.toLowerCase())}${bulk(name)}:1\r\n`;
  };
}

function publish(peer: Peer | undefined, channel: string, ...messages: string[]): void {
  const pushes = messages.map((text) => `>3\r\n${bulk("message")}${bulk(channel)}${bulk(text)}`);
  peer?.socket.write(pushes.join(""));
}

async function take(
  from: AsyncIterator<Message, undefined>,
  count: number,
): Promise<[string, Missed | null][]> {
  const found: [string, Missed | null][] = [];
  while (found.length < count) {
    const { value } = await from.next();
    if (value === undefined) break;
    found.push([value.message, value.missed]);
  }
  return found;
}

describe("a subscription", () => {
  test("shares one connection and one name with others, and leaves with the last", async () => {
    await using node = new ScriptedNode(broker());
    await using client = await connect(node.addr, quick);
    const first = await client.subscribe("a");
    const second = await client.subscribe(["a", "b"]);
    const peer = node.peers[1];
    expect(peer?.commands).toEqual(["SUBSCRIBE a", "SUBSCRIBE b"]);
    publish(peer, "a", "1");
    expect(await take(first, 1)).toEqual([["1", null]]);
    expect(await take(second, 1)).toEqual([["1", null]]);
    second.close();
    await waitFor(() => peer?.commands.at(-1) === "UNSUBSCRIBE b");
    expect(await second.next()).toEqual({ value: undefined, done: true });
    first.close();
    await waitFor(() => peer?.isClosed === true);
    const third = await client.subscribe("c");
    expect(node.peers[2]?.commands).toEqual(["SUBSCRIBE c"]);
    third.close();
  });

  test("comes back after a lost connection, and the next message tells of the gap", async () => {
    await using node = new ScriptedNode(broker());
    await using client = await connect(node.addr, quick);
    const told: Missed[] = [];
    await using news = await client.subscribe("a", { onMissed: (missed) => told.push(missed) });
    publish(node.peers[1], "a", "1", "2");
    await take(news, 1);
    node.peers[1]?.socket.terminate();
    await waitFor(() => node.peers[2]?.commands.includes("SUBSCRIBE a"));
    publish(node.peers[2], "a", "3", "4");
    const gap = { linkLost: true, dropped: 0 };
    expect(await take(news, 3)).toEqual([
      ["2", null],
      ["3", gap],
      ["4", null],
    ]);
    expect(told).toEqual([gap]);
  });

  test("drops the oldest of too many messages, and says how many", async () => {
    await using node = new ScriptedNode(broker());
    await using client = await connect(node.addr, quick);
    const told: Missed[] = [];
    const onMissed = (missed: Missed) => void told.push(missed);
    await using few = await client.subscribe("a", { messagesMax: 2, onMissed });
    await using small = await client.subscribe("a", { bytesMax: 4 });
    publish(node.peers[1], "a", "11", "22", "33", "44", "55555");
    await waitFor(async () => told.length > 0);
    publish(node.peers[1], "a", "6");
    const [[first, missed] = []] = await take(small, 1);
    expect([first, missed]).toEqual(["55555", { linkLost: false, dropped: 4 }]);
    expect(await take(small, 1)).toEqual([["6", null]]);
    expect(await take(few, 2)).toEqual([
      ["55555", { linkLost: false, dropped: 4 }],
      ["6", null],
    ]);
    expect(told).toEqual([{ linkLost: false, dropped: 1 }]);
  });

  test("that the server refuses rejects, and others stay", async () => {
    await using node = new ScriptedNode(broker(() => true));
    await using client = await connect(node.addr, quick);
    await using other = await client.subscribe("a");
    expect(await failureOf(client.subscribe(["b", "no"]))).toMatchObject({ serverCode: "NOPERM" });
    publish(node.peers[1], "a", "1");
    expect(await take(other, 1)).toEqual([["1", null]]);
  });

  test("that the server refuses as the first one says why, and the next one listens", async () => {
    let refuses = true;
    await using node = new ScriptedNode(broker(() => refuses));
    await using client = await connect(node.addr, quick);
    const refused = failureOf(client.subscribe("no"));
    const other = client.subscribe("a");
    expect(await refused).toMatchObject({ serverCode: "NOPERM" });
    await using listening = await other;
    publish(node.peers.at(-1), "a", "1");
    expect(await take(listening, 1)).toEqual([["1", null]]);
    expect(await failureOf(client.subscribe("no"))).toMatchObject({ serverCode: "NOPERM" });
    refuses = false;
    await using allowed = await client.subscribe("no");
    publish(node.peers.at(-1), "no", "2");
    expect(await take(allowed, 1)).toEqual([["2", null]]);
  });

  test("that the server refuses alone says why, each time", async () => {
    await using node = new ScriptedNode(broker(() => true));
    await using client = await connect(node.addr, quick);
    for (const _ of [1, 2]) {
      expect(await failureOf(client.subscribe("no"))).toMatchObject({ serverCode: "NOPERM" });
    }
    const refused = failureOf(client.subscribe("no"));
    const soon = refused.then(() => client.subscribe("a"));
    expect(await refused).toMatchObject({ serverCode: "NOPERM" });
    await using listening = await soon;
    publish(node.peers.at(-1), "a", "1");
    expect(await take(listening, 1)).toEqual([["1", null]]);
  });

  test("that the server refuses after a lost connection throws, and others stay", async () => {
    let refuses = false;
    await using node = new ScriptedNode(broker(() => refuses));
    await using client = await connect(node.addr, quick);
    await using other = await client.subscribe("a");
    const refused = await client.subscribe("no");
    refuses = true;
    node.peers[1]?.socket.terminate();
    expect(await failureOf(refused.next())).toMatchObject({ serverCode: "NOPERM" });
    expect(await refused.next()).toEqual({ value: undefined, done: true });
    await waitFor(() => node.peers[2]?.commands.includes("SUBSCRIBE a"));
    publish(node.peers[2], "a", "1");
    expect(await take(other, 1)).toEqual([["1", { linkLost: true, dropped: 0 }]]);
  });

  test("ends with the client, and throws when the client gives up", async () => {
    const node = new ScriptedNode(broker());
    const client = await connect(node.addr, quick);
    const waiting = (await client.subscribe("a")).next();
    await client.close();
    expect(await waiting).toEqual({ value: undefined, done: true });
    expect(await failureOf(client.subscribe("a"))).toMatchObject({ code: "CLOSED" });
    await using other = await connect(node.addr, { ...patient, reconnect: { maxAttempts: 0 } });
    const given = await other.subscribe("a");
    await node[Symbol.asyncDispose]();
    expect(await failureOf(given.next())).toMatchObject({ code: "CONNECTION_LOST" });
  });

  test("waits for a node that is away, and misses nothing before it begins", async () => {
    const first = new ScriptedNode(broker());
    const { port, addr } = first;
    await using client = await connect(addr, quick);
    const other = await client.subscribe("a");
    await first[Symbol.asyncDispose]();
    await waitFor(() => first.peers.every((peer) => peer.isClosed));
    const told: Missed[] = [];
    const waiting = client.subscribe("b", { onMissed: (missed) => told.push(missed) });
    await using node = new ScriptedNode(broker(), port);
    await using news = await waiting;
    const peer = node.peers.find(({ commands }) => commands.includes("SUBSCRIBE b"));
    expect(peer?.commands).toContain("SUBSCRIBE a");
    publish(peer, "b", "1");
    publish(peer, "a", "2");
    expect(await take(news, 1)).toEqual([["1", null]]);
    expect(await take(other, 1)).toEqual([["2", { linkLost: true, dropped: 0 }]]);
    expect(told).toEqual([]);
    other.close();
  });

  test("waits for its first connection as long, but no longer than connectTimeoutMs", async () => {
    const first = new ScriptedNode(broker());
    const { port, addr } = first;
    await using client = await connect(addr, { ...quick, connectTimeoutMs: 300 });
    await using strict = await connect(addr, { ...quick, offlineQueue: false });
    await using few = await connect(addr, { ...quick, maxPending: 1 });
    await first[Symbol.asyncDispose]();
    const cause = { code: "CONNECT_FAILED" };
    const begin = performance.now();
    expect(await failureOf(client.subscribe("a"))).toMatchObject({ code: "CONNECT_FAILED", cause });
    expect(performance.now() - begin).toBeGreaterThan(290);
    expect(await failureOf(strict.subscribe("a"))).toMatchObject({ code: "CONNECT_FAILED", cause });
    const waiting = few.subscribe("a");
    const surplus = few.subscribe("b");
    expect(await failureOf(surplus)).toMatchObject({ code: "TOO_MANY_PENDING" });
    const ended = failureOf(few.subscribe("c")); // another one may not wait either
    await using node = new ScriptedNode(broker(), port);
    (await waiting).close();
    expect(await ended).toMatchObject({ code: "TOO_MANY_PENDING" });
    await using news = await client.subscribe("again");
    const peer = node.peers.find(({ commands }) => commands.includes("SUBSCRIBE again"));
    publish(peer, "again", "1");
    expect(await take(news, 1)).toEqual([["1", null]]);
  });

  test("that waits is over when the client is closed", async () => {
    const node = new ScriptedNode(broker());
    const client = await connect(node.addr, quick);
    await node[Symbol.asyncDispose]();
    const waiting = failureOf(client.subscribe("a"));
    await Bun.sleep(20); // some attempts
    await client.close();
    expect(await waiting).toMatchObject({ code: "CLOSED" });
  });

  test("names what is wrong and sends nothing", async () => {
    await using node = new ScriptedNode(broker());
    await using client = await connect(node.addr, quick);
    const loose = client as unknown as { subscribe(...args: unknown[]): Promise<unknown> };
    const wrong: [unknown[], string][] = [
      [[7], "channels"],
      [[[]], "channels"],
      [[[7]], "channels[0]"],
      [[{ patterns: "a" }], "patterns"],
      [["a", 7], "options"],
      [["a", { bytes: 1 }], "bytes"],
      [["a", { messagesMax: 0 }], "messagesMax"],
      [["a", { bytesMax: 0.5 }], "bytesMax"],
      [["a", { onMissed: 1 }], "onMissed"],
    ];
    for (const [args, name] of wrong) {
      const error = await failureOf(loose.subscribe(...args));
      expect([error.name, error.message]).toEqual([
        "InvalidArgumentError",
        expect.stringContaining(name),
      ]);
    }
    expect(node.peers).toHaveLength(1);
  });
});

eachServer("subscribe()", (node) => {
  test("yields the messages of channels, patterns and shard channels", async () => {
    await using client: Client = await connectPatiently(node().address);
    await using plain = await client.subscribe("news");
    await using matched = await client.subscribe({ patterns: ["ne*"] }, { bytes: true });
    await using sharded = await client.subscribe({ shardChannels: ["news"] });
    await client.command("PUBLISH", "news", "hello");
    await client.command("SPUBLISH", "news", "shard");
    for await (const { channel, pattern, message, missed } of plain) {
      expect([channel, pattern, message, missed]).toEqual(["news", null, "hello", null]);
      break;
    }
    expect((await matched.next()).value).toEqual({
      channel: "news",
      pattern: "ne*",
      message: new TextEncoder().encode("hello"),
      missed: null,
    });
    expect((await sharded.next()).value?.message).toBe("shard");
    await waitFor(async () => (await client.command("PUBSUB CHANNELS")).length === 0);
  });

  test("comes back when the server has killed its connection, and tells of the gap", async () => {
    await using client = await connectPatiently(node().address, quick);
    await using news = await client.subscribe(["gap", "other"]);
    await client.command("CLIENT KILL", "TYPE", "PUBSUB");
    await waitFor(async () => (await client.publish("gap", "after")) === 1);
    const gap = { linkLost: true, dropped: 0 };
    expect(await take(news, 1)).toEqual([["after", gap]]);
  });

  test("of a channel that the user may not read rejects, and another one listens", async () => {
    await using admin = await connectPatiently(node().address);
    const rules = ["reset", "on", ">secret", "+@all", "resetchannels", "&open"];
    await admin.command("ACL SETUSER", "listener", ...rules);
    const login = { username: "listener", password: "secret" };
    await using client = await connectPatiently(node().address, login);
    expect(await failureOf(client.subscribe("closed"))).toMatchObject({ serverCode: "NOPERM" });
    const both = failureOf(client.subscribe(["open", "closed"]));
    expect(await both).toMatchObject({ serverCode: "NOPERM" });
    await using news = await client.subscribe("open");
    await admin.publish("open", "hello");
    expect(await take(news, 1)).toEqual([["hello", null]]);
  });
});
