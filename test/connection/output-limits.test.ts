/**
 * client-output-buffer-limit: what CONFIG says and refuses, as redis-server does, and whom each
 * class's bounds disconnect. Neither server is told how much the system's own buffers take, so a
 * slow client is fed until it is cut off.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type TestNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { oracle, ours, oursWithThreads } from "../support/servers.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const name = "client-output-buffer-limit";
/** More than the system keeps for a connection on its own. */
const tooMuchBytes = 64 * MiB;
const message = Buffer.alloc(256 * KiB, "m");

async function counter(operator: Peer, field: string): Promise<number> {
  const info = await operator.ask("INFO", "stats");
  return Number(new RegExp(`${field}:(\\d+)`).exec(info)?.[1] ?? Number.NaN);
}

const cutOff = (operator: Peer) => counter(operator, "client_output_buffer_limit_disconnections");

/** Whether a client of this name is connected. */
async function isThere(operator: Peer, client: string): Promise<boolean> {
  return (await operator.ask("CLIENT", "LIST")).includes(`name=${client} `);
}

async function named(server: TestNode, client: string): Promise<Peer> {
  const peer = await Peer.connect(server.port);
  expect(await peer.ask("CLIENT", "SETNAME", client)).toBe("+OK");
  return peer;
}

/** Publishes until the subscriber is gone. */
async function publishUntilGone(operator: Peer): Promise<boolean> {
  for (let sent = 0; sent < tooMuchBytes; sent += message.length) {
    await operator.ask("PUBLISH", "c", message);
    if (!(await isThere(operator, "slow"))) return true;
  }
  return false;
}

/** Publishes until that many bytes wait for the subscriber in the server itself. */
async function publishUntilWaiting(operator: Peer, bytes: number): Promise<void> {
  for (let sent = 0; sent < tooMuchBytes; sent += message.length) {
    await operator.ask("PUBLISH", "c", message);
    const line = /name=slow .*? omem=(\d+)/.exec(await operator.ask("CLIENT", "LIST"));
    if (Number(line?.[1] ?? 0) >= bytes) return;
  }
  throw new Error("nothing waits for the subscriber");
}

for (const contestant of [ours, oursWithThreads(2), oracle]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    let server: TestNode;
    let operator: Peer;
    beforeAll(async () => {
      server = await contestant.start();
      operator = await Peer.connect(server.port);
    });
    afterAll(async () => {
      await operator[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    const set = async (value: string) =>
      expect(await operator.ask("CONFIG", "SET", name, value)).toBe("+OK");

    test("CONFIG SET changes what it names, and CONFIG GET shows all classes", async () => {
      await set("normal 1mb 2mb 3 replica 5mb 1mb 60 pubsub 9mb 8k 1");
      const get = () => operator.ask("CONFIG", "GET", name);
      const shown = (normal: string) =>
        `*[$${name} $normal ${normal} slave 5242880 1048576 60 pubsub 9437184 8000 1]`;
      expect(await get()).toBe(shown("1048576 2097152 3"));
      await set("NORMAL 4 5 +6 normal 7 8 09");
      await set("");
      expect(await get()).toBe(shown("7 8 9"));
    });

    test.each([
      ["normal 1", "Wrong number of arguments in buffer limit configuration."],
      ["normal  1mb 0 0", "Wrong number of arguments in buffer limit configuration."],
      [" normal 1 2 3", "Wrong number of arguments in buffer limit configuration."],
      ["master 1 1 1", "Invalid client class specified in buffer limit configuration."],
      ["normal 1 2 3 bad 1 1 1", "Invalid client class specified in buffer limit configuration."],
      ...["x 0 0", "-1 0 0", "1.5 1 1", "1 2kx 1", "1mb 0 -1", "1mb 0 1s"].map((numbers) => [
        `normal ${numbers}`,
        "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
      ]),
    ])("CONFIG SET refuses %p and changes nothing", async (value, problem) => {
      const before = await operator.ask("CONFIG", "GET", name);
      expect(await operator.ask("CONFIG", "SET", name, value)).toBe(
        `-ERR CONFIG SET failed (possibly related to argument '${name}') - ${problem}`,
      );
      expect(await operator.ask("CONFIG", "GET", name)).toBe(before);
    });

    test("a subscriber is disconnected above the hard bound of its class", async () => {
      await set("normal 1 0 0 pubsub 1mb 0 0");
      await using slow = await named(server, "slow");
      await slow.ask("SUBSCRIBE", "c");
      slow.pause();
      expect(await publishUntilGone(operator)).toBe(true);
      await set("normal 0 0 0");
    });

    test("a subscriber is disconnected after its time above the soft bound, without a message", async () => {
      await set("pubsub 0 1mb 1");
      await using slow = await named(server, "slow");
      await slow.ask("SUBSCRIBE", "c");
      slow.pause();
      await publishUntilWaiting(operator, MiB);
      await waitFor(async () => !(await isThere(operator, "slow")), { timeoutMs: 60_000 });
    });

    test("a subscriber stays that is above the soft bound for less than its time", async () => {
      await set("pubsub 0 1mb 1000");
      await using slow = await named(server, "slow");
      await slow.ask("SUBSCRIBE", "c");
      slow.pause();
      await publishUntilWaiting(operator, 4 * MiB);
      expect(await isThere(operator, "slow")).toBe(true);
      await set("pubsub 1mb 0 0");
      // The bound applies to what already waits, at the latest with the next message.
      await operator.ask("PUBLISH", "c", message);
      await waitFor(async () => !(await isThere(operator, "slow")), { timeoutMs: 60_000 });
    });

    test("a client that does not read its replies is disconnected above the bound for normal ones", async () => {
      await set("normal 2mb 0 0 pubsub 1 0 0");
      await operator.ask("SET", "v", Buffer.alloc(MiB, "v"));
      await using slow = await named(server, "slow");
      slow.pause();
      for (let i = 0; i < tooMuchBytes / MiB; i++) slow.send("GET", "v");
      await waitFor(async () => !(await isThere(operator, "slow")), { timeoutMs: 60_000 });
      await set("pubsub 0 0 0");
    });
  });
}

for (const contestant of [ours, oursWithThreads(2)]) {
  test(`INFO counts who was disconnected, and CONFIG RESETSTAT forgets it (${contestant.name})`, async () => {
    await using server = await contestant.start([`--${name}`, "pubsub 64kb 0 0"]);
    await using operator = await Peer.connect(server.port);
    await using slow = await named(server, "slow");
    await slow.ask("SUBSCRIBE", "c");
    slow.pause();
    expect(await cutOff(operator)).toBe(0);
    expect(await publishUntilGone(operator)).toBe(true);
    expect(await cutOff(operator)).toBe(1);
    expect(await counter(operator, "evicted_clients")).toBe(0);
    await operator.ask("CONFIG", "RESETSTAT");
    expect(await cutOff(operator)).toBe(0);
  });

  test(`a follower is disconnected above the bound of its class (${contestant.name})`, async () => {
    await using server = await contestant.start(["--journal-size", "1mb"]);
    await using operator = await Peer.connect(server.port);
    expect(await operator.ask("CONFIG", "SET", name, "replica 2mb 0 0")).toBe("+OK");
    await using follower = await Peer.connect(server.port);
    follower.send("PSYNC", "?", "-1");
    await waitFor(async () => (await operator.ask("INFO", "replication")).includes("state=online"));
    follower.pause();
    const links = async () => await operator.ask("INFO", "replication");
    for (let sent = 0; sent < tooMuchBytes; sent += message.length) {
      await operator.ask("SET", "k", message);
      if ((await links()).includes("connected_slaves:0")) break;
    }
    await waitFor(async () => (await links()).includes("connected_slaves:0"));
    expect(await cutOff(operator)).toBe(1);
  });
}
