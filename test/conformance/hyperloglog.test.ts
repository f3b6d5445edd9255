/**
 * HyperLogLogs against redis-server: a fuzz of every command on few keys, also with several data
 * threads, compared byte for byte; and counts of many elements.
 * Replay with SKETCHES_SEED=n. For single cases and effects, see unit/command/hyperloglog.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { sketchCommand } from "../support/bit-commands.ts";
import { Peer } from "../support/peer.ts";
import { differencesIn } from "../support/random-batches.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { contestants, oracle, ours, oursWithThreads, redisNote } from "../support/servers.ts";

setDefaultTimeout(2 * caseMsMax);

const batches = repetitions(8, 300);
const batchSteps = 50;

for (const contestant of variants([oursWithThreads(2)], [ours, oursWithThreads(4)])) {
  test.skipIf(oracle.isMissing)(
    `random sketches of ${contestant.name} are those of redis-server${redisNote}`,
    async () => {
      const random = new Random(seedFor("SKETCHES_SEED"));
      const draw = () => Array.from({ length: batchSteps }, () => sketchCommand(random));
      expect(await differencesIn(batches, contestant, draw)).toBe("");
    },
  );
}

for (const contestant of contestants) {
  test.skipIf(contestant.isMissing)(`${contestant.name} passes its own PFSELFTEST`, async () => {
    await using server = await contestant.start();
    await using peer = await Peer.connect(server.port);
    expect(await peer.ask("PFSELFTEST")).toBe("+OK");
    expect(await peer.ask("DBSIZE")).toBe(":0");
  });

  test.skipIf(contestant.isMissing)(
    `${contestant.name} takes a PFCOUNT that keeps what it counted for a write`,
    async () => {
      await using server = await contestant.start();
      await using peer = await Peer.connect(server.port);
      await using other = await Peer.connect(server.port);
      await other.ask("PFADD", "k", "a", "b");
      const survivesCount = async (): Promise<boolean> => {
        await peer.ask("WATCH", "k");
        expect(await other.ask("PFCOUNT", "k")).toBe(":2");
        await peer.ask("MULTI");
        return (await peer.ask("EXEC")) === "*[]";
      };
      expect([await survivesCount(), await survivesCount()]).toEqual([false, true]);
      await peer.ask("CLIENT", "PAUSE", "1000000", "WRITE");
      let isAnswered = false;
      const counted = other.ask("PFCOUNT", "k").then((reply) => {
        isAnswered = true;
        return reply;
      });
      for (let i = 0; i < 20; i++) await peer.ask("PING");
      expect(isAnswered).toBe(false);
      await peer.ask("CLIENT", "UNPAUSE");
      expect(await counted).toBe(":2");
    },
  );
}

for (const contestant of [...contestants, oursWithThreads(2)]) {
  test.skipIf(contestant.isMissing)(
    `hll-sparse-max-bytes says when a sketch of ${contestant.name} becomes dense`,
    async () => {
      await using server = await contestant.start(["--hll-sparse-max-bytes", "200"]);
      await using peer = await Peer.connect(server.port);
      const elements = Array.from({ length: 2_000 }, (_, i) => `element ${i}`);
      const encoding = async (key: string) => await peer.ask("PFDEBUG", "ENCODING", key);
      await peer.ask("PFADD", "small", "a", "b");
      await peer.ask("PFADD", "large", ...elements);
      expect([await encoding("small"), await encoding("large")]).toEqual(["+sparse", "+dense"]);
      const name = "hll-sparse-max-bytes";
      expect(await peer.ask("CONFIG", "SET", name, "20kb")).toBe("+OK");
      expect(await peer.ask("CONFIG", "GET", name)).toBe(`*[$${name} $20480]`);
      await peer.ask("PFADD", "larger", ...elements);
      expect([await encoding("large"), await encoding("larger")]).toEqual(["+dense", "+sparse"]);
      expect(Number((await peer.ask("STRLEN", "larger")).slice(1))).toBeGreaterThan(3_000);
      await peer.ask("PFMERGE", "merged", "small", "larger");
      expect(await encoding("merged")).toBe("+sparse");
      expect(await peer.ask("CONFIG", "SET", name, "0")).toBe("+OK");
      await peer.ask("PFADD", "empty");
      await peer.ask("PFADD", "one", "a");
      await peer.ask("PFMERGE", "both", "small");
      expect([await encoding("empty"), await encoding("one")]).toEqual(["+sparse", "+dense"]);
      expect(await encoding("both")).toBe("+dense");
      expect(await peer.ask("CONFIG", "SET", name, "-1")).toBe(
        `-ERR CONFIG SET failed (possibly related to argument '${name}') - argument must be a memory value`,
      );
    },
  );
}
