/**
 * Clients that send before they read, or never read: how much memory they may hold, which one is
 * disconnected, and that no other is affected. The bound of all clients together is
 * --max-client-memory.
 */
import { describe, expect, test } from "bun:test";
import { waitFor } from "../harness.ts";
import { Bystander } from "../support/bystander.ts";
import { Peer } from "../support/peer.ts";
import { peakBytes, residentBytes, tellsMemory } from "../support/process-memory.ts";
import { oracle, ours, oursWithThreads } from "../support/servers.ts";
import { encodeCommand } from "../support/wire.ts";

const MiB = 1024 * 1024;

const servers = [ours, oursWithThreads(2), oracle];

describe("send everything, then read", () => {
  for (const { name, isMissing, start } of servers) {
    test.skipIf(isMissing)(`works for values of a megabyte on ${name}`, async () => {
      await using server = await start();
      await using client = await Peer.connect(server.port);
      const value = Buffer.alloc(MiB, "v");
      expect(await client.ask("SET", "v", value)).toBe("+OK");
      client.pause();
      const requests: Buffer[] = [];
      for (let i = 0; i < 10; i++) {
        requests.push(encodeCommand(["GET", "v"]), encodeCommand(["SET", `v${i}`, value]));
      }
      const everything = Buffer.concat(requests);
      client.write(everything);
      // The server takes all of it although nobody reads: it is done when the last key is there.
      await using other = await Peer.connect(server.port);
      await waitFor(async () => (await other.ask("EXISTS", "v9")) === ":1", { timeoutMs: 60_000 });
      client.resume();
      const length = 10 * (MiB + `$${MiB}\r\n\r\n+OK\r\n`.length);
      expect((await client.raw.readExactly(length, 60_000)).length).toBe(length);
    });

    test.skipIf(isMissing)(`works for a pipeline of 300,000 GETs on ${name}`, async () => {
      await using server = await start();
      await using client = await Peer.connect(server.port);
      expect(await client.ask("SET", "k", "x".repeat(50))).toBe("+OK");
      client.pause();
      const get = encodeCommand(["GET", "k"]);
      const everything = Buffer.concat(Array.from({ length: 300_000 }, () => get));
      client.write(Buffer.concat([everything, encodeCommand(["SET", "end", "1"])]));
      await using other = await Peer.connect(server.port);
      await waitFor(async () => (await other.ask("EXISTS", "end")) === ":1", { timeoutMs: 60_000 });
      client.resume();
      const length = 300_000 * "$50\r\n\r\n".length + 300_000 * 50 + "+OK\r\n".length;
      expect((await client.raw.readExactly(length, 60_000)).length).toBe(length);
    });
  }
});

describe("a client that never reads", () => {
  test("is disconnected when all clients together hold too much, the largest first", async () => {
    await using server = await ours.start(["--max-client-memory", "32mb"]);
    await using bystander = await Bystander.start(server.port);
    await using client = await Peer.connect(server.port);
    await using small = await Peer.connect(server.port);
    expect(await client.ask("SET", "v", Buffer.alloc(MiB, "v"))).toBe("+OK");
    small.pause();
    for (let i = 0; i < 6; i++) small.send("GET", "v");
    client.pause();
    // Above half of the bound it is not read from; one command whose answer is beyond it is too
    // much.
    const keys = Array.from({ length: 100 }, () => "v");
    client.send("MGET", ...keys);
    await waitFor(() => server.log().includes("holds the most of the memory"), {
      timeoutMs: 60_000,
    });
    await bystander.noticedNothing();
    small.resume();
    expect((await small.raw.readExactly(6 * (MiB + 12), 60_000)).length).toBe(6 * (MiB + 12));
  });

  test("is disconnected as a subscriber, too, and nobody in its place", async () => {
    await using server = await ours.start(["--max-client-memory", "8mb"]);
    await using bystander = await Bystander.start(server.port);
    await using subscriber = await Peer.connect(server.port);
    await using publisher = await Peer.connect(server.port);
    expect(await subscriber.ask("SUBSCRIBE", "c")).toBe("*[$subscribe $c :1]");
    subscriber.pause();
    for (let i = 0; i < 30; i++) publisher.send("PUBLISH", "c", Buffer.alloc(MiB, "m"));
    expect((await publisher.replies(30)).length).toBe(30);
    await bystander.noticedNothing();
    expect(server.log()).toMatch(/holds the most of the memory/);
  });

  test("is disconnected as a follower, too, and nobody in its place", async () => {
    await using server = await ours.start(["--max-client-memory", "16mb"]);
    await using operator = await Peer.connect(server.port);
    await using follower = await Peer.connect(server.port);
    await using small = await Peer.connect(server.port);
    expect(await operator.ask("SET", "v", Buffer.alloc(MiB, "v"))).toBe("+OK");
    for (const client of [follower, small]) client.pause();
    follower.send("MGET", ..."vvvvvvv");
    follower.send("PSYNC", "?", "-1");
    await waitFor(async () => (await operator.ask("INFO", "replication")).includes("slave0:"));
    for (let i = 0; i < 5; i++) small.send("GET", "v");
    small.send("SET", "end", "1");
    await waitFor(async () => (await operator.ask("EXISTS", "end")) === ":1");
    expect(await operator.ask("CONFIG", "SET", "maxmemory-clients", "2mb")).toBe("+OK");
    await waitFor(() => server.log().includes("holds the most of the memory"));
    expect(await operator.ask("PING")).toBe("+PONG");
    small.resume();
    expect((await small.raw.readExactly(5 * (MiB + 12), 60_000)).length).toBe(5 * (MiB + 12));
  });

  test("is not read from above half of that bound, and is served again when it reads", async () => {
    await using server = await ours.start(["--max-client-memory", "16mb"]);
    await using client = await Peer.connect(server.port);
    expect(await client.ask("SET", "v", Buffer.alloc(MiB, "v"))).toBe("+OK");
    client.pause();
    for (let i = 0; i < 60; i++) client.send("GET", "v");
    client.send("SET", "end", "1");
    await using other = await Peer.connect(server.port);
    await waitFor(async () => heldBytes(await other.ask("INFO", "memory")) > 8 * MiB, {
      timeoutMs: 60_000,
    });
    expect(await other.ask("EXISTS", "end")).toBe(":0");
    client.resume();
    await client.raw.readExactly(60 * (MiB + 12), 60_000);
    await waitFor(async () => (await other.ask("EXISTS", "end")) === ":1", { timeoutMs: 60_000 });
    await waitFor(async () => heldBytes(await other.ask("INFO", "memory")) === 0);
  });

  test("is disconnected only after the strangers who hold something", async () => {
    await using server = await ours.start(["--password", "secret", "--max-client-memory", "24mb"]);
    await using client = await Peer.connect(server.port);
    expect(await client.ask("AUTH", "secret")).toBe("+OK");
    const command = encodeCommand(["SET", "k", Buffer.alloc(12 * MiB, "v")]);
    client.write(command.subarray(0, -1));
    await using operator = await Peer.connect(server.port);
    expect(await operator.ask("AUTH", "secret")).toBe("+OK");
    await waitFor(async () => heldBytes(await operator.ask("INFO", "memory")) > 12 * MiB);
    await using crowd = new AsyncDisposableStack();
    const arguments_ = Array.from({ length: 9 }, () => Buffer.alloc(16 * 1024 - 1, "x"));
    const unfinished = encodeCommand(["G", ...arguments_]).subarray(0, -1);
    while (!server.log().includes("holds the most")) {
      const stranger = crowd.use(await Peer.connect(server.port));
      stranger.write(unfinished);
    }
    client.write(command.subarray(-1));
    expect(await client.shown()).toBe("+OK");
  });

  test("may hold no more than a few kilobytes before it has logged in", async () => {
    await using server = await ours.start(["--password", "secret"]);
    const stranger = await Peer.connect(server.port);
    stranger.pause();
    const nonsense = encodeCommand(["G"]);
    const megabyte = Buffer.concat(Array.from({ length: 90_000 }, () => nonsense));
    for (let i = 0; i < 8; i++) stranger.write(megabyte);
    await waitFor(() => server.log().includes("has not logged in"), { timeoutMs: 60_000 });
    await stranger[Symbol.asyncDispose]();
  });
});

describe("an answer that is too long for the bound of all clients", () => {
  const keys = Array.from({ length: 300 }, () => "v");

  test("is not made whole before its client is cut off", async () => {
    await using server = await ours.start(["--max-client-memory", "8mb"]);
    await using bystander = await Bystander.start(server.port);
    await using client = await Peer.connect(server.port);
    expect(await client.ask("SET", "v", Buffer.alloc(MiB, "v"))).toBe("+OK");
    await bystander.noticedNothing();
    const before = tellsMemory ? residentBytes(server.process.pid) : 0;
    for (let i = 0; i < 3; i++) {
      await using greedy = await Peer.connect(server.port);
      greedy.pause();
      greedy.send("MGET", ...keys);
      await waitFor(() => server.log().split("holds the most").length > i + 1, {
        timeoutMs: 60_000,
      });
    }
    if (tellsMemory) expect(peakBytes(server.process.pid) - before).toBeLessThan(100 * MiB);
    await bystander.noticedNothing();
  });

  test("leaves no transaction half done", async () => {
    await using server = await ours.start(["--max-client-memory", "8mb"]);
    await using client = await Peer.connect(server.port);
    expect(await client.ask("SET", "v", Buffer.alloc(MiB, "v"))).toBe("+OK");
    await using greedy = await Peer.connect(server.port);
    greedy.pause();
    greedy.send("MULTI");
    greedy.send("INCR", "before");
    greedy.send("MGET", ...keys);
    greedy.send("INCR", "after");
    greedy.send("EXEC");
    await waitFor(() => server.log().includes("holds the most"), { timeoutMs: 60_000 });
    expect(await client.ask("MGET", "before", "after")).toBe("*[$1 $1]");
  });
});

function heldBytes(info: string): number {
  return Number(/mem_clients_normal:(\d+)/.exec(info)?.[1] ?? Number.NaN);
}
