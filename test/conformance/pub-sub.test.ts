/**
 * Publish and subscribe on the wire, in RESP2 and RESP3, against our node with one thread and with
 * two, and against redis-server; and as a stock client's users see it. Messages that cross from a
 * leader to its followers are in replication/messages.test.ts.
 * Invariant: a case that holds for redis-server and not for our node is a fault of our node.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { RedisClient } from "bun";
import { Redis as Ioredis6 } from "ioredis";
import { Redis as Ioredis5 } from "ioredis-5";
import { createClient } from "redis";
import { caseMsMax, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { contestants, forAllCases, ours } from "../support/servers.ts";
import { partsOf, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const threaded = {
  name: "mscache with 2 data threads",
  isMissing: process.platform !== "linux",
  start: () => ours.start(["--threads", "2"]),
};

for (const contestant of [...contestants, threaded]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());
    const connect = () => Peer.connect(server().port);
    messageCases(connect);
    subscriberCases(connect);
    reportCases(connect);
    clientCases(() => server().port);
  });
}

type Connect = () => Promise<Peer>;

/** A channel of its own for each test: the servers are shared. */
let names = 0;
const fresh = (): string => `channel-${++names}`;

function messageCases(connect: Connect): void {
  test("a message reaches the subscribers of its channel and of matching patterns", async () => {
    await using reader = await connect();
    await using writer = await connect();
    const name = fresh();
    expect(await reader.ask("SUBSCRIBE", name)).toBe(`*[$subscribe $${name} :1]`);
    expect(await reader.ask("PSUBSCRIBE", `${name}*`)).toBe(`*[$psubscribe $${name}* :2]`);
    expect(await writer.ask("PUBLISH", name, "hello")).toBe(":2");
    expect(await reader.shown()).toBe(`*[$message $${name} $hello]`);
    expect(await reader.shown()).toBe(`*[$pmessage $${name}* $${name} $hello]`);
    expect(await writer.ask("PUBLISH", `${name}x`, "more")).toBe(":1");
    expect(await reader.shown()).toBe(`*[$pmessage $${name}* $${name}x $more]`);
  });

  test("a RESP3 subscriber gets pushes and can still send commands", async () => {
    await using reader = await connect();
    await using writer = await connect();
    const name = fresh();
    await reader.ask("HELLO", "3");
    expect((await reader.typed("SUBSCRIBE", name)).type).toBe(">");
    expect(await reader.ask("SET", name, "1")).toBe("+OK");
    expect(await reader.ask("PING")).toBe("+PONG");
    expect(await writer.ask("PUBLISH", name, "hello")).toBe(":1");
    const push = await reader.reply();
    expect([push.type, ...partsOf(push).map(textOf)]).toEqual([">", "message", name, "hello"]);
    expect(await reader.ask("GET", name)).toBe("$1");
  });

  test("SPUBLISH reaches the subscribers of that shard channel, and nobody else", async () => {
    await using reader = await connect();
    await using other = await connect();
    await using writer = await connect();
    const name = fresh();
    expect(await reader.ask("SSUBSCRIBE", name)).toBe(`*[$ssubscribe $${name} :1]`);
    await other.ask("SUBSCRIBE", name);
    await other.ask("PSUBSCRIBE", `${name}*`);
    expect(await writer.ask("SPUBLISH", name, "hello")).toBe(":1");
    expect(await writer.ask("PUBLISH", name, "more")).toBe(":2");
    expect(await reader.shown()).toBe(`*[$smessage $${name} $hello]`);
    expect(await other.shown()).toBe(`*[$message $${name} $more]`);
    expect(await other.shown()).toBe(`*[$pmessage $${name}* $${name} $more]`);
    expect(await reader.ask("SUNSUBSCRIBE", name)).toBe(`*[$sunsubscribe $${name} :0]`);
    expect(await writer.ask("SPUBLISH", name, "gone")).toBe(":0");
  });

  test("shard channels are counted apart from channels and patterns", async () => {
    await using reader = await connect();
    const [one, two] = [fresh(), fresh()];
    reader.send("SSUBSCRIBE", one, two);
    expect(await reader.shown()).toBe(`*[$ssubscribe $${one} :1]`);
    expect(await reader.shown()).toBe(`*[$ssubscribe $${two} :2]`);
    expect(await reader.ask("SUBSCRIBE", one)).toBe(`*[$subscribe $${one} :1]`);
    expect(await reader.ask("PSUBSCRIBE", "x")).toBe("*[$psubscribe $x :2]");
    expect(await reader.ask("UNSUBSCRIBE")).toBe(`*[$unsubscribe $${one} :1]`);
    expect(await reader.ask("PUNSUBSCRIBE")).toBe("*[$punsubscribe $x :0]");
    expect(await reader.ask("GET", "k")).toStartWith("-ERR Can't execute 'get': only (P|S)SUB");
    expect(await reader.ask("SUNSUBSCRIBE", "none")).toBe("*[$sunsubscribe $none :2]");
    expect(await reader.ask("SUNSUBSCRIBE", one, two)).toBe(`*[$sunsubscribe $${one} :1]`);
    expect(await reader.shown()).toBe(`*[$sunsubscribe $${two} :0]`);
    expect(await reader.ask("SUNSUBSCRIBE")).toBe("*[$sunsubscribe $null :0]");
    expect(await reader.ask("GET", "k")).toBe("$null");
  });

  test("SSUBSCRIBE in a transaction is refused, SPUBLISH in one is delivered", async () => {
    await using reader = await connect();
    await using writer = await connect();
    const name = fresh();
    await reader.ask("SSUBSCRIBE", name);
    for (const args of [["MULTI"], ["SSUBSCRIBE", name], ["SPUBLISH", name, "hello"]]) {
      await writer.ask(...args);
    }
    expect(await writer.ask("EXEC")).toBe(
      "*[-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client :1]",
    );
    expect(await reader.shown()).toBe(`*[$smessage $${name} $hello]`);
  });

  test("a RESP2 subscriber that tracks keys is told only what is redirected to it", async () => {
    await using reader = await connect();
    await using writer = await connect();
    const name = fresh();
    const id = (await reader.ask("CLIENT", "ID")).slice(1);
    await reader.ask("CLIENT", "TRACKING", "ON", "BCAST");
    await reader.ask("SUBSCRIBE", name);
    await writer.ask("SET", name, "1");
    await writer.ask("DEL", name);
    await writer.ask("PUBLISH", name, "1");
    expect(await reader.shown()).toBe(`*[$message $${name} $1]`);
    await writer.ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", name, "REDIRECT", id);
    await writer.ask("SET", name, "2");
    expect(await reader.shown()).toBe(`*[$message $__redis__:invalidate *[$${name}]]`);
  });

  test("a RESP3 client that waits for followers hears messages meanwhile", async () => {
    await using reader = await connect();
    await using writer = await connect();
    const name = fresh();
    const id = (await reader.ask("CLIENT", "ID")).slice(1);
    await reader.ask("HELLO", "3");
    await reader.ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", name);
    await reader.ask("SUBSCRIBE", name);
    reader.sendAll([["WAIT", "1", "0"], ["PING"]]);
    await waitFor(async () => /flags=\w*b/.test(await writer.ask("CLIENT", "LIST", "ID", id)));
    await writer.ask("PUBLISH", name, "hello");
    expect(await reader.shown()).toBe(`>[$message $${name} $hello]`);
    await writer.ask("SET", name, "1");
    expect(await reader.shown()).toBe(`>[$invalidate *[$${name}]]`);
    expect(await writer.ask("CLIENT", "UNBLOCK", id)).toBe(":1");
    expect(await reader.shown()).toBe(":0");
    expect(await reader.shown()).toBe("+PONG");
  });

  test("a RESP3 subscriber gets shard messages as pushes", async () => {
    await using reader = await connect();
    const name = fresh();
    await reader.ask("HELLO", "3");
    expect((await reader.typed("SSUBSCRIBE", name)).type).toBe(">");
    reader.send("SPUBLISH", name, "own");
    const push = await reader.reply();
    expect([push.type, ...partsOf(push).map(textOf)]).toEqual([">", "smessage", name, "own"]);
    expect(await reader.shown()).toBe(":1");
  });

  test("channels, patterns and messages may be any bytes", async () => {
    await using reader = await connect();
    await using writer = await connect();
    const name = Buffer.from([0, 255, 13, 10, 36, names++]);
    const payload = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256));
    const shown = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
    await reader.typed("SUBSCRIBE", name);
    expect(await writer.ask("PUBLISH", name, payload)).toBe(":1");
    const parts = partsOf(await reader.reply()).map(textOf);
    expect(parts).toEqual(["message", shown(name), shown(payload)]);
  });

  test("messages of one publisher arrive in order, without loss", async () => {
    await using reader = await connect();
    await using writer = await connect();
    const name = fresh();
    await reader.ask("SUBSCRIBE", name);
    for (let i = 0; i < 2_000; i++) writer.send("PUBLISH", name, i);
    for (let i = 0; i < 2_000; i++) expect(await reader.shown()).toBe(`*[$message $${name} $${i}]`);
    for (const { value } of await writer.replies(2_000)) expect(value).toBe("1");
  });

  test("a pipeline may publish between other commands, to who listens and to nobody", async () => {
    await using reader = await connect();
    await using writer = await connect();
    const name = fresh();
    await reader.ask("SUBSCRIBE", name);
    const long = "l".repeat(5000);
    const [here, there, shard] = [
      ["PUBLISH", name],
      ["publish", `${name} `],
      ["SPUBLISH", name],
    ];
    const commands = [
      ...[
        [...here, "1"],
        [...here, "2"],
        ["SET", name, "v"],
        [...here, "3"],
        [...there, "4"],
      ],
      ...[
        [...shard, "5"],
        [...shard, "6"],
        [...here, long],
        [...here, "7"],
        ["PUBLISH", name],
      ],
      ...[
        [...here, "8"],
        ["GET", name],
        ["INCR", `${name}n`],
        [...here, "9"],
      ],
    ];
    for (let round = 0; round < 5; round++) {
      for (const [command = "", ...args] of commands) writer.send(command, ...args);
    }
    for (let round = 1; round <= 5; round++) {
      const replies = await Promise.all(commands.map(() => writer.shown()));
      expect(replies).toEqual([
        ...[":1", ":1", "+OK", ":1", ":0", ":0", ":0", ":1", ":1"],
        expect.stringContaining("wrong number of arguments for 'publish' command"),
        ...[":1", "$v", `:${round}`, ":1"],
      ]);
      for (const payload of ["1", "2", "3", long, "7", "8", "9"]) {
        expect(await reader.shown()).toBe(`*[$message $${name} $${payload}]`);
      }
    }
  });

  test("a subscriber that reads late gets messages of all sizes, in order", async () => {
    await using late = await connect();
    await using prompt = await connect();
    await using writer = await connect();
    const name = fresh();
    await late.ask("HELLO", "3");
    for (const reader of [late, prompt]) await reader.ask("SUBSCRIBE", name);
    late.pause();
    const sizes = [1, 10_000, 100, 4_000, 1, 70_000, 3];
    const payloads = Array.from({ length: 700 }, (_, index) =>
      String(index).padEnd(sizes[index % sizes.length], "."),
    );
    for (const payload of payloads) writer.send("PUBLISH", name, payload);
    for (const _ of payloads) expect(await writer.shown()).toBe(":2");
    late.resume();
    late.send("UNSUBSCRIBE");
    for (const reader of [prompt, late]) {
      for (const payload of payloads)
        expect(textOf(partsOf(await reader.reply())[2])).toBe(payload);
    }
    expect(await late.shown()).toContain("$unsubscribe");
  });

  test("a subscription is confirmed before its first message", async () => {
    await using writer = await connect();
    const name = fresh();
    const storm = (async () => {
      for (let i = 0; i < 300; i++) await writer.ask("PUBLISH", name, i);
    })();
    for (let i = 0; i < 20; i++) {
      await using reader = await connect();
      expect(await reader.ask("SUBSCRIBE", name)).toBe(`*[$subscribe $${name} :1]`);
    }
    await storm;
  });

  test("PUBLISH in a transaction is delivered when it is executed", async () => {
    await using reader = await connect();
    await using writer = await connect();
    const name = fresh();
    await reader.ask("SUBSCRIBE", name);
    for (const args of [["MULTI"], ["SET", name, "1"], ["PUBLISH", name, "in"]]) {
      await writer.ask(...(args as [string]));
    }
    expect(await writer.ask("PUBLISH", name, "in too")).toBe("+QUEUED");
    expect(await writer.ask("EXEC")).toBe("*[+OK :1 :1]");
    expect(await reader.shown()).toBe(`*[$message $${name} $in]`);
    expect(await reader.shown()).toBe(`*[$message $${name} $in too]`);
  });
}

function subscriberCases(connect: Connect): void {
  test("a RESP2 subscriber may only change its subscriptions, PING, QUIT and RESET", async () => {
    await using peer = await connect();
    const [one, two] = [fresh(), fresh()];
    expect(await peer.ask("SUBSCRIBE", one, two)).toBe(`*[$subscribe $${one} :1]`);
    expect(await peer.shown()).toBe(`*[$subscribe $${two} :2]`);
    const only =
      "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
    expect(await peer.ask("GET", "a")).toBe(`-ERR Can't execute 'get': ${only}`);
    expect(await peer.ask("CLIENT", "LIST")).toBe(`-ERR Can't execute 'client|list': ${only}`);
    expect(await peer.ask("PING")).toBe("*[$pong $]");
    expect(await peer.ask("PING", "x")).toBe("*[$pong $x]");
    expect(await peer.ask("UNSUBSCRIBE", one)).toBe(`*[$unsubscribe $${one} :1]`);
    expect(await peer.ask("UNSUBSCRIBE")).toBe(`*[$unsubscribe $${two} :0]`);
    expect(await peer.ask("UNSUBSCRIBE")).toBe("*[$unsubscribe $null :0]");
    expect(await peer.ask("PUNSUBSCRIBE", "x*")).toBe("*[$punsubscribe $x* :0]");
    expect(await peer.ask("PING")).toBe("+PONG");
  });

  test("RESET ends all subscriptions", async () => {
    await using peer = await connect();
    await using writer = await connect();
    const name = fresh();
    await peer.ask("SUBSCRIBE", name);
    await peer.ask("PSUBSCRIBE", `${name}*`);
    expect(await peer.ask("RESET")).toBe("+RESET");
    expect(await peer.ask("PING")).toBe("+PONG");
    expect(await writer.ask("PUBLISH", name, "nobody")).toBe(":0");
  });

  test("a channel subscribed to twice counts once", async () => {
    await using peer = await connect();
    await using writer = await connect();
    const name = fresh();
    await peer.ask("SUBSCRIBE", name);
    expect(await peer.ask("SUBSCRIBE", name)).toBe(`*[$subscribe $${name} :1]`);
    expect(await writer.ask("PUBLISH", name, "once")).toBe(":1");
  });

  test("a subscriber that has disconnected is no longer counted", async () => {
    await using writer = await connect();
    const name = fresh();
    const peer = await connect();
    await peer.ask("SUBSCRIBE", name);
    expect(await writer.ask("PUBLISH", name, "x")).toBe(":1");
    await peer[Symbol.asyncDispose]();
    await waitFor(async () => (await writer.ask("PUBLISH", name, "x")) === ":0");
    expect(await writer.ask("PUBSUB", "CHANNELS", name)).toBe("*[]");
  });

  test("CLIENT KILL TYPE pubsub closes subscribers and spares others", async () => {
    await using reader = await connect();
    await using other = await connect();
    await using killer = await connect();
    await reader.ask("SUBSCRIBE", fresh());
    await killer.ask("MULTI");
    await killer.ask("CLIENT", "KILL", "TYPE", "pubsub");
    expect(await killer.ask("EXEC")).toMatch(/^\*\[:[1-9]\d*\]$/);
    await reader.raw.closed();
    expect(await other.ask("PING")).toBe("+PONG");
  });
}

function reportCases(connect: Connect): void {
  test("PUBSUB reports channels, subscribers and patterns", async () => {
    await using reader = await connect();
    await using peer = await connect();
    const name = fresh();
    await reader.ask("SUBSCRIBE", name);
    await reader.ask("PSUBSCRIBE", `${name}*`);
    expect(await peer.ask("PUBSUB", "CHANNELS", `${name}*`)).toBe(`*[$${name}]`);
    expect(await peer.ask("PUBSUB", "NUMSUB", name, "none")).toBe(`*[$${name} :1 $none :0]`);
    expect(await peer.ask("PUBSUB", "NUMSUB")).toBe("*[]");
    expect(Number((await peer.ask("PUBSUB", "NUMPAT")).slice(1))).toBeGreaterThan(0);
    expect(await peer.ask("PUBSUB", "NOSUCH")).toBe(
      "-ERR unknown subcommand 'NOSUCH'. Try PUBSUB HELP.",
    );
  });

  test("PUBSUB reports shard channels apart from the others", async () => {
    await using reader = await connect();
    await using peer = await connect();
    const name = fresh();
    await reader.ask("SSUBSCRIBE", name);
    expect(await peer.ask("PUBSUB", "SHARDCHANNELS", `${name}*`)).toBe(`*[$${name}]`);
    expect(await peer.ask("PUBSUB", "SHARDNUMSUB", name, "none")).toBe(`*[$${name} :1 $none :0]`);
    expect(await peer.ask("PUBSUB", "SHARDNUMSUB")).toBe("*[]");
    expect(await peer.ask("PUBSUB", "CHANNELS", `${name}*`)).toBe("*[]");
    expect(await peer.ask("PUBSUB", "NUMSUB", name)).toBe(`*[$${name} :0]`);
    expect(await peer.ask("PUBSUB", "SHARDCHANNELS", "a", "b")).toBe(
      "-ERR unknown subcommand or wrong number of arguments for 'SHARDCHANNELS'. Try PUBSUB HELP.",
    );
    expect(textOf(await peer.typed("INFO", "stats"))).toMatch(/^pubsubshard_channels:[1-9]\d*\r$/m);
    expect(textOf(await peer.typed("CLIENT", "LIST", "TYPE", "pubsub"))).toMatch(
      / flags=P .* ssub=1 /,
    );
  });

  test("INFO and CLIENT LIST count subscriptions", async () => {
    await using reader = await connect();
    await using peer = await connect();
    const name = fresh();
    await reader.ask("CLIENT", "SETNAME", name);
    await reader.ask("SUBSCRIBE", name);
    await reader.ask("PSUBSCRIBE", `${name}*`);
    const info = textOf(await peer.typed("INFO", "stats"));
    expect(info).toMatch(/^pubsub_channels:[1-9]\d*\r$/m);
    expect(info).toMatch(/^pubsub_patterns:[1-9]\d*\r$/m);
    await peer.ask("MULTI");
    await peer.ask("CLIENT", "LIST", "TYPE", "pubsub");
    const list = await peer.ask("EXEC");
    const found = new RegExp(`name=${name} .* flags=P .* sub=1 psub=1 ssub=0 multi=-1`);
    expect(list).toMatch(found);
  });
}

/** Subscribes with a client's own methods and collects what it hands over. */
type Listen = (port: number, channel: string, got: (text: string) => void) => Promise<() => void>;

const listeners: Record<string, Listen> = {
  "ioredis 6": (port, channel, got) => overIoredis(new Ioredis6({ port }), channel, got),
  "ioredis 5": (port, channel, got) => overIoredis(new Ioredis5({ port }), channel, got),
  "node-redis": async (port, channel, got) => {
    const client = createClient({ socket: { host: "127.0.0.1", port } });
    client.on("error", () => undefined); // the test sees what does not arrive
    await client.connect();
    await client.subscribe(channel, (message) => got(message));
    await client.pSubscribe(`${channel}*`, (message) => got(`by pattern ${message}`));
    return () => client.destroy();
  },
  "Bun's RedisClient": async (port, channel, got) => {
    const client = new RedisClient(`redis://127.0.0.1:${port}`);
    await client.subscribe(channel, (message) => {
      got(message);
      got(`by pattern ${message}`); // it has no PSUBSCRIBE of its own
    });
    return () => client.close();
  },
};

async function overIoredis(
  client: Ioredis5 | Ioredis6,
  channel: string,
  got: (text: string) => void,
): Promise<() => void> {
  client.on("message", (_channel: string, message: string) => got(message));
  client.on("pmessage", (_p: string, _c: string, message: string) => got(`by pattern ${message}`));
  await client.subscribe(channel);
  await client.psubscribe(`${channel}*`);
  return () => client.disconnect();
}

function clientCases(port: () => number): void {
  test.each(Object.entries(listeners))("%s hears what is published", async (_, listen) => {
    await using writer = await Peer.connect(port());
    const channel = fresh();
    const heard: string[] = [];
    const close = await listen(port(), channel, (text) => heard.push(text));
    for (const text of ["one", "two"]) await writer.ask("PUBLISH", channel, text);
    await waitFor(() => heard.length === 4, { message: "four messages" });
    expect(heard.sort()).toEqual(["by pattern one", "by pattern two", "one", "two"]);
    close();
  });
}

test("a subscriber that does not read is disconnected, and the others are served", async () => {
  await using node = await ours.start();
  await using slow = await Peer.connect(node.port);
  await using quick = await Peer.connect(node.port);
  await using writer = await Peer.connect(node.port);
  await slow.ask("HELLO", "3");
  await slow.ask("SUBSCRIBE", "flood");
  await quick.ask("SUBSCRIBE", "flood");
  slow.pause();
  const payload = Buffer.alloc(1024 * 1024, "x");
  const receivers: string[] = [];
  while (receivers.at(-1) !== ":1" && receivers.length < 200) {
    receivers.push(await writer.ask("PUBLISH", "flood", payload));
    await quick.reply();
  }
  expect(receivers.at(-1)).toBe(":1");
  expect(receivers.length).toBeGreaterThan(30);
  await waitFor(() => node.log().includes("does not read its messages: disconnected"), {
    message: "the node to say whom it cut off", // its log comes through a pipe of its own
  });
});
