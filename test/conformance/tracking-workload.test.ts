/**
 * Clients that keep what they read, in each mode of CLIENT TRACKING, under random writes and cut
 * connections: against our node with one thread and with four, on a follower, and against
 * redis-server. Whenever the writers rest and all invalidations have arrived, each kept value is
 * the present one.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { BasicClientSideCache, createClient } from "redis";
import { caseMsMax, waitFor } from "../harness.ts";
import { CachingClient, type CachingMode, cachingModes } from "../support/caching-client.ts";
import { untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { forAllCases, oracle, ours, oursWithThreads } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

/** Data threads. */
const threadCounts = variants([2], [1, 4]);
const keyCount = 12;
const rests = repetitions(4, 60);
const stepsPerRest = 60;
const readerCount = 2;

for (const contestant of [...variants([], [oracle]), ...threadCounts.map(oursWithThreads)]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());
    for (const mode of cachingModes) {
      test(`${mode.name}: what a client keeps is never older than what it was told`, async () => {
        await workload(mode, server().port, server().port);
      });
    }
    test("node-redis keeps what it reads, until it changes", async () => {
      await nodeRedis(server().port);
    });
  });
}

for (const threads of threadCounts) {
  describe.skipIf(process.platform !== "linux")(`a follower with ${threads} data threads`, () => {
    const leader = forAllCases(() => ours.start());
    const follower = forAllCases(async () => {
      const args = ["--leaderaddr", leader().address, "--threads", `${threads}`];
      const node = await ours.start(args);
      await untilCaughtUp(leader(), [node]);
      return node;
    });

    test("a full sync tells its clients to drop everything", async () => {
      await using first = await ours.start();
      await using second = await ours.start();
      const args = ["--leaderaddr", first.address, "--threads", `${threads}`];
      await using moved = await ours.start(args);
      await untilCaughtUp(first, [moved]);
      await using reader = await Peer.connect(moved.port);
      await reader.ask("HELLO", "3");
      await reader.ask("CLIENT", "TRACKING", "ON");
      await reader.ask("GET", "k");
      await reader.ask("REPLICAOF", "127.0.0.1", `${second.port}`);
      expect(await reader.shown()).toBe(">[$invalidate _null]");
    });
    for (const mode of cachingModes) {
      test(`${mode.name}: what its client keeps is never older than what it was told`, async () => {
        await workload({ ...mode, dropsOwn: false }, follower().port, leader().port);
      });
    }
  });
}

/** Reads at one node, writes at its leader or at the same. */
async function workload(mode: CachingMode, readPort: number, writePort: number): Promise<void> {
  const random = new Random(seedFor("TRACKING_SEED"));
  await using writer = await Peer.connect(writePort);
  await using looker = await Peer.connect(readPort);
  const mayWrite = readPort === writePort;
  const readers: CachingClient[] = [];
  for (let i = 0; i < readerCount; i++) readers.push(await CachingClient.open(readPort, mode));
  try {
    for (let rest = 0; rest < rests; rest++) {
      await work(random, readers, writer, mayWrite);
      if (random.chance(0.3)) {
        const cut = random.below(readers.length);
        readers[cut]?.breakOff();
        readers[cut] = await CachingClient.open(readPort, mode);
      }
      await compare(readers, writer, looker, rest);
    }
  } finally {
    for (const reader of readers) await reader[Symbol.asyncDispose]();
  }
}

async function work(random: Random, readers: readonly CachingClient[], writer: Peer, own: boolean) {
  let unanswered = 0;
  for (let i = 0; i < stepsPerRest; i++) {
    const reader = random.pick(readers);
    if (random.chance(0.6)) reader.read(`k${random.below(keyCount)}`);
    else if (own && random.chance(0.3)) {
      const args = randomWrite(random);
      reader.write(
        args,
        args.filter((arg) => arg.startsWith("k")),
      );
    } else {
      writer.send(...randomWrite(random));
      unanswered++;
    }
    if (random.chance(0.1)) await Bun.sleep(0); // lets what was sent pass, now and then
  }
  await writer.replies(unanswered);
  for (const reader of readers) await reader.settled();
}

let versions = 0;

function randomWrite(random: Random): string[] {
  const key = `k${random.below(keyCount)}`;
  const value = `${++versions}`;
  return random.pick([
    ["SET", key, value],
    ["SET", key, value, "PX", "5"],
    ["INCR", key],
    ["APPEND", key, "1"],
    ["DEL", key],
    ["PEXPIRE", key, "3"],
    ["MSET", key, value, `k${random.below(keyCount)}`, value],
    ["GETDEL", key],
    ["COPY", key, `k${random.below(keyCount)}`, "REPLACE"],
  ]);
}

/** With all invalidations delivered, what is kept equals what is there. */
async function compare(
  readers: readonly CachingClient[],
  writer: Peer,
  looker: Peer,
  rest: number,
): Promise<void> {
  const names = Array.from({ length: keyCount }, (_, i) => `k${i}`);
  // Keys that are about to expire do so before the comparison, at the leader as well.
  for (const key of names) await writer.ask("PERSIST", key);
  const end = `end${rest}`;
  for (const reader of readers) {
    reader.read(end);
    await reader.settled();
  }
  await writer.ask("SET", end, "1");
  for (const reader of readers) await reader.toldOf(end);
  for (const key of names) {
    const shown = await looker.ask("GET", key);
    for (const reader of readers) {
      const kept = reader.cache.get(key);
      if (kept === undefined) continue;
      expect([key, kept === null ? "$null" : `$${kept}`]).toEqual([key, shown]);
    }
  }
}

async function nodeRedis(port: number): Promise<void> {
  const clientSideCache = new BasicClientSideCache({ ttl: 0, maxEntries: 0 });
  const client = createClient({ url: `redis://127.0.0.1:${port}`, RESP: 3, clientSideCache });
  await client.connect();
  await using writer = await Peer.connect(port);
  try {
    await writer.ask("SET", "nr", "1");
    expect(await client.get("nr")).toBe("1");
    expect(await client.get("nr")).toBe("1");
    expect(clientSideCache.stats().hitCount).toBe(1);
    await writer.ask("SET", "nr", "2");
    await waitFor(async () => (await client.get("nr")) === "2");
    await writer.ask("FLUSHALL");
    await waitFor(async () => (await client.get("nr")) === null);
  } finally {
    client.destroy();
  }
}
