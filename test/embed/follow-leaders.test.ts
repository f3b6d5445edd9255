/**
 * A copy in this process under everything that leaders send: after any mix of commands on few keys,
 * in several databases, it has each of their strings under its prefix, or says that it does not
 * know. The leaders are a node with one data thread, one with several, and redis-server.
 * Replay with FOLLOW_SEED=n; run longer with FOLLOW_STEPS=n.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { follow } from "../../src/embed/follow.ts";
import { caseMsMax, startNode, startRedis, waitFor } from "../harness.ts";
import { differ, inStep } from "../support/copies.ts";
import { payloadOf } from "../support/payload.ts";
import { Peer } from "../support/peer.ts";
import { elsewhere, redisWrites } from "../support/redis-writes.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import { oracle, redisNote } from "../support/servers.ts";

const MiB = 1024 * 1024;
const steps = numberFromEnvironment("FOLLOW_STEPS", repetitions(300, 6_000));
const batch = 60;
/** Data threads. */
const threadCounts = variants([2], [1, 4]);
/**
 * Each SWAPDB of the copy's database costs a full sync, for which it waits twice as long as for the
 * last one: from the tenth on, a minute and more.
 */
const swapsMax = 4;
setDefaultTimeout(caseMsMax + steps * 20);

const leaders = [
  ...threadCounts.map((threads) => ({
    name: `mscache, ${threads} data threads`,
    isMissing: false,
    start: () => startNode({ threads }),
  })),
  { name: `redis-server${redisNote}`, isMissing: oracle.isMissing, start: () => startRedis() },
];

const plain = Array.from({ length: 10 }, (_, i) => `k${i}`);
const sketches = Array.from({ length: 4 }, (_, i) => `hll${i}`);

describe.each(leaders)("a copy of $name", ({ isMissing, start }) => {
  test.skipIf(isMissing).each([
    { what: "of all keys", prefix: "", keys: [...plain, ...sketches], database: 0 },
    { what: "of a prefix", prefix: "k", keys: plain, database: 0 },
    { what: "of some keys of another database", prefix: "k1", keys: ["k1"], database: 2 },
  ])("$what equals its leader after random writes", async ({ prefix, keys, database }) => {
    await using leader = await start();
    await using writer = await Peer.connect(leader.port);
    await using other = await Peer.connect(leader.port);
    await using judge = await Peer.connect(leader.port);
    await judge.ask("SELECT", database);
    const random = new Random(seedFor("FOLLOW_SEED"));
    const write = redisWrites([payloadOf("plain bytes"), payloadOf("-7"), payloadOf("")]);
    await using copy = await follow(`redis://127.0.0.1:${leader.port}/${database}`, {
      maxMemory: 16 * MiB,
      prefix,
    });
    if (database > 0) await writer.ask("SELECT", database);
    let unknown = 0;
    let swaps = 0;
    const isTaken = ([name]: readonly unknown[]) => name !== "SWAPDB" || swaps++ < swapsMax;
    for (let done = 0; done < steps; done += batch) {
      const mine = Array.from({ length: batch / 2 }, () => write(random)).filter(isTaken);
      const theirs = Array.from({ length: batch / 2 }, () => elsewhere(random)).filter(isTaken);
      if (random.chance(0.2)) mine.push(["MULTI"], write(random), ["SET", "k1", "m"], ["EXEC"]);
      writer.sendAll(mine);
      other.sendAll(theirs);
      await Promise.all([writer.replies(mine.length), other.replies(theirs.length)]);
      await inStep(copy, leader.port);
      const lacking = await differ(copy, judge, keys);
      if (copy.complete) expect(lacking).toEqual([]);
      unknown += lacking.length;
    }
    expect(unknown).toBeLessThan((steps / batch) * keys.length * 0.9);
    await writer.ask("SWAPDB", database, 1); // the copy has nothing of the other one
    await waitFor(() => copy.state === "connected" && copy.complete, { message: "a full sync" });
    await inStep(copy, leader.port);
    expect(await differ(copy, judge, keys)).toEqual([]);
  });
});
