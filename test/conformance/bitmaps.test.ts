/**
 * Bitmaps against redis-server: a fuzz of every command on bits, on few keys, also with several
 * data threads; and what the memory limit makes of offsets far away.
 * Replay with BITMAPS_SEED=n. For single cases and effects, see unit/command/bits.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { bitCommand } from "../support/bit-commands.ts";
import { Peer } from "../support/peer.ts";
import { differencesIn } from "../support/random-batches.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { contestants, oracle, ours, oursWithThreads, redisNote } from "../support/servers.ts";

setDefaultTimeout(2 * caseMsMax);

const batches = repetitions(15, 300);
const batchSteps = 100;

for (const contestant of variants([oursWithThreads(2)], [ours, oursWithThreads(4)])) {
  test.skipIf(oracle.isMissing)(
    `random bits of ${contestant.name} are those of redis-server${redisNote}`,
    async () => {
      const random = new Random(seedFor("BITMAPS_SEED"));
      const draw = () => Array.from({ length: batchSteps }, () => bitCommand(random));
      expect(await differencesIn(batches, contestant, draw)).toBe("");
    },
  );
}

for (const contestant of contestants) {
  test.skipIf(contestant.isMissing)(
    `${contestant.name} sees a change of a watched bit, and none where there is none`,
    async () => {
      await using server = await contestant.start();
      await using peer = await Peer.connect(server.port);
      await using other = await Peer.connect(server.port);
      const survives = async (...command: string[]): Promise<boolean> => {
        await peer.ask("WATCH", "k");
        await other.ask(...command);
        await peer.ask("MULTI");
        return (await peer.ask("EXEC")) === "*[]";
      };
      await other.ask("SET", "k", "\x0f");
      expect(await survives("SETBIT", "k", "7", "1")).toBe(true);
      expect(await survives("SETBIT", "k", "7", "0")).toBe(false);
      expect(await survives("SETBIT", "k", "90", "0")).toBe(false);
      expect(await survives("BITFIELD", "k", "SET", "u4", "0", "0", "GET", "u8", "0")).toBe(true);
      expect(await survives("BITFIELD", "k", "INCRBY", "u4", "0", "1")).toBe(false);
      expect(await survives("BITCOUNT", "k")).toBe(true);
      expect(await survives("BITOP", "NOT", "k", "k")).toBe(false);
      expect(await survives("BITOP", "OR", "k", "none")).toBe(false);
      expect(await survives("BITOP", "OR", "k", "none")).toBe(true);
    },
  );
}

test("offsets up to the longest value are taken, those beyond are refused like a long SET", async () => {
  await using node = await ours.start(["--max-value-size", "32mb"]);
  await using peer = await Peer.connect(node.port);
  const MiB = 1024 * 1024;
  const last = 32 * MiB * 8 - 1;
  expect(await peer.ask("SETBIT", "far", `${last}`, "1")).toBe(":0");
  expect(await peer.ask("BITCOUNT", "far")).toBe(":1");
  expect(await peer.ask("BITPOS", "far", "1")).toBe(`:${last}`);
  const refusal = /^-ERR value is larger than this cache accepts/;
  expect(await peer.ask("SETBIT", "far", `${last + 1}`, "1")).toMatch(refusal);
  expect(await peer.ask("SETBIT", "new", "4294967295", "1")).toMatch(refusal);
  expect(await peer.ask("BITFIELD", "new", "SET", "u8", "4294967290", "1")).toMatch(refusal);
  expect(await peer.ask("EXISTS", "new")).toBe(":0");
  const beyond = "-ERR bit offset is not an integer or out of range";
  expect(await peer.ask("SETBIT", "new", "4294967296", "1")).toBe(beyond);
  expect(await peer.ask("STRLEN", "far")).toBe(`:${32 * MiB}`);
});
