/**
 * The other bounds of clients that CONFIG has: all of them together as bytes or as a share of the
 * memory for items, and the largest request. Redis judges the words of CONFIG.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type TestNode, waitFor } from "../harness.ts";
import { infoNumber } from "../support/info-number.ts";
import { Peer } from "../support/peer.ts";
import { oracle, ours, oursWithThreads } from "../support/servers.ts";
import { encodeCommand } from "../support/wire.ts";

const MiB = 1024 * 1024;

for (const contestant of [ours, oracle]) {
  describe.skipIf(contestant.isMissing)(`maxmemory-clients on ${contestant.name}`, () => {
    let server: TestNode;
    let peer: Peer;
    beforeAll(async () => {
      server = await contestant.start();
      peer = await Peer.connect(server.port);
    });
    afterAll(async () => {
      await peer[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    test.each([
      ["5%", "5%"],
      ["100%", "100%"],
      ["2mb", "2097152"],
      ["20m", "20000000"],
      ["0", "0"],
      ["0%", "0"],
    ])("is %p, and CONFIG GET shows %p", async (value, shown) => {
      expect(await peer.ask("CONFIG", "SET", "maxmemory-clients", value)).toBe("+OK");
      expect(await peer.ask("CONFIG", "GET", "maxmemory-clients")).toBe(
        `*[$maxmemory-clients $${shown}]`,
      );
    });

    test.each([
      ["101%", "percentage argument must be less or equal to 100"],
      ["x", "argument must be a memory or percent value"],
      ["-1", "argument must be a memory or percent value"],
      ["5.5%", "argument must be a memory or percent value"],
      ["%", "argument must be a memory or percent value"],
      ["5 %", "argument must be a memory or percent value"],
    ])("is not %p", async (value, problem) => {
      expect(await peer.ask("CONFIG", "SET", "maxmemory-clients", value)).toBe(
        `-ERR CONFIG SET failed (possibly related to argument 'maxmemory-clients') - ${problem}`,
      );
    });
  });
}

test("0 is no limit for clients, and INFO and the log say so", async () => {
  await using server = await ours.start(["--max-client-memory", "0"]);
  await using peer = await Peer.connect(server.port);
  expect(server.log()).toContain("max-client-memory is 0: many clients together may hold more");
  expect(await infoNumber(peer, "maxmemory_clients")).toBe(0);
  await using client = await Peer.connect(server.port);
  client.write(encodeCommand(["SET", "k", Buffer.alloc(8 * MiB, "v")]).subarray(0, -1));
  await waitFor(async () => (await infoNumber(peer, "mem_clients_normal")) > 8 * MiB);
  expect(await peer.ask("CONFIG", "SET", "maxmemory-clients", "2mb")).toBe("+OK");
  await waitFor(() => client.raw.isClosed);
  expect(await peer.ask("CONFIG", "SET", "maxmemory-clients", "0")).toBe("+OK");
  expect(await infoNumber(peer, "maxmemory_clients")).toBe(0);
});

test("a share of the memory for items follows when that changes", async () => {
  await using server = await ours.start(["--max-client-memory", "10%", "--max-memory", "100mb"]);
  await using peer = await Peer.connect(server.port);
  const bound = () => infoNumber(peer, "maxmemory_clients");
  expect(await bound()).toBe(10 * MiB);
  expect(await peer.ask("CONFIG", "SET", "maxmemory", "50mb")).toBe("+OK");
  expect(await bound()).toBe(5 * MiB);
  await using client = await Peer.connect(server.port);
  client.write(encodeCommand(["SET", "k", Buffer.alloc(8 * MiB, "v")]).subarray(0, -1));
  await waitFor(() => server.log().includes("holds the most of the memory"));
  expect(await infoNumber(peer, "evicted_clients")).toBe(1);
});

for (const contestant of [ours, oursWithThreads(2)]) {
  describe(`client-query-buffer-limit on ${contestant.name}`, () => {
    const tooBig = "-ERR Protocol error: too big request";
    const value = Buffer.alloc(2 * MiB, "v");

    test("is the largest request, for clients that were there before as well", async () => {
      await using server = await contestant.start();
      await using operator = await Peer.connect(server.port);
      await using before = await Peer.connect(server.port);
      expect(await before.ask("SET", "k", value)).toBe("+OK");
      expect(await operator.ask("CONFIG", "SET", "client-query-buffer-limit", "1mb")).toBe("+OK");
      await using later = await Peer.connect(server.port);
      expect(await later.ask("SET", "k", value.subarray(0, 900_000))).toBe("+OK");
      expect(await later.ask("SET", "k", value)).toBe(tooBig);
      await waitFor(async () => (await before.ask("SET", "k", value)) === tooBig);
      const count = () => infoNumber(operator, "client_query_buffer_limit_disconnections");
      expect(await count()).toBe(2);
      await operator.ask("CONFIG", "RESETSTAT");
      expect(await count()).toBe(0);
    });

    test("tells in INFO the largest input of a client, and that of its output", async () => {
      await using server = await contestant.start();
      await using operator = await Peer.connect(server.port);
      await using client = await Peer.connect(server.port);
      client.write(encodeCommand(["SET", "k", value]).subarray(0, -1));
      const input = () => infoNumber(operator, "client_recent_max_input_buffer");
      await waitFor(async () => (await input()) >= value.length);
      expect(await input()).toBeLessThan(3 * value.length);
      expect(await infoNumber(operator, "client_recent_max_output_buffer")).toBe(0);
    });
  });
}

test("a subscriber that asks while its messages become too many ends, and the node goes on", async () => {
  await using server = await ours.start(["--max-client-memory", "1mb"]);
  await using publisher = await Peer.connect(server.port);
  // On a busy machine its input may wait for a turn, and be more than the subscriber holds.
  await publisher.ask("CLIENT", "NO-EVICT", "ON");
  const news = Array.from({ length: 20 }, () => ["PUBLISH", "news", Buffer.alloc(100_000, "m")]);
  for (let round = 1; round <= 10; round++) {
    await using subscriber = await Peer.connect(server.port);
    await subscriber.ask("SUBSCRIBE", "news");
    subscriber.pause();
    while ((await infoNumber(publisher, "evicted_clients")) < round) {
      publisher.sendAll(news);
      for (let ping = 0; ping < 10 && !subscriber.raw.isClosed; ping++) subscriber.send("PING");
      await publisher.replies(news.length);
    }
  }
  expect(await publisher.ask("PING")).toBe("+PONG");
});
