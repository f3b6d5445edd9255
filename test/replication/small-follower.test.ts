/**
 * A follower with less memory than its leader's data need, under writes in several databases: of
 * what it has, each value is the leader's; what has no room is missing and counted.
 * Replay with SMALL_SEED=n.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { lineUps, replicationField, standingOf, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { ours } from "../support/servers.ts";
import type { Argument } from "../support/wire.ts";
import { contentsOf, differences } from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

const commandCount = repetitions(600, 6_000);

type Maker = (random: Random) => Argument[];

const key = (r: Random) => `k${r.below(40)}`;
const database = (r: Random) => r.pick([0, 0, 0, 1, 2]);
const value = (r: Random) => Buffer.alloc(r.pick([3, 5_000, 50_000, 400_000]), `${r.below(999)}.`);

const makers: readonly (readonly [number, Maker])[] = [
  [6, (r) => ["SET", key(r), value(r)]],
  [2, (r) => ["APPEND", key(r), value(r)]],
  [2, (r) => ["INCR", `n${r.below(20)}`]],
  [2, (r) => ["SETRANGE", key(r), r.below(1000), `${r.below(1e6)}`]],
  [1, (r) => ["SETBIT", key(r), r.below(100_000), 1]],
  [1, (r) => ["DEL", key(r)]],
  [1, (r) => ["EXPIRE", key(r), 1000]],
  [2, (r) => ["RENAME", key(r), key(r)]],
  [4, (r) => ["MOVE", key(r), database(r)]],
  [9, (r) => ["COPY", key(r), key(r), "DB", r.below(3), ...r.pick([["REPLACE"], []])]],
  [1, (r) => ["BITOP", "XOR", key(r), key(r), key(r)]],
  [1, (r) => ["MSETNX", key(r), "m", key(r), value(r)]],
  [1, (r) => ["PFADD", `h${r.below(9)}`, `${r.below(1e6)}`]],
  [1, (r) => ["PFMERGE", `h${r.below(9)}`, `h${r.below(9)}`]],
  [4, (r) => ["SELECT", database(r)]],
  [1, (r) => ["SWAPDB", database(r), database(r)]],
  [1, () => ["MULTI"]],
  [3, () => ["EXEC"]],
];

describe.each(lineUps.filter(({ name }) => !/followed by redis/.test(name)))("$name", (lineUp) => {
  test.skipIf(lineUp.isMissing)(
    "a follower without room has its leader's values or none",
    async () => {
      const random = new Random(seedFor("SMALL_SEED"));
      await using leader = await lineUp.leader();
      const memory = ["--max-memory", "2mb", "--reserve", "3mb"];
      await using follower = await ours.start([...memory, "--leaderaddr", leader.address]);
      await waitFor(async () => (await standingOf(follower.port)).link === "connected");
      await using writer = await Peer.connect(leader.port);
      for (let done = 0; done < commandCount; done += 20) {
        writer.sendAll(Array.from({ length: 20 }, () => random.weighted(makers)(random)));
        await writer.replies(20);
      }
      await writer.ask("DISCARD");
      await untilCaughtUp(leader, [follower]);
      const wanted = await contentsOf(leader.port);
      const found = await contentsOf(follower.port);
      const kept = new Map([...wanted].filter(([name]) => found.has(name)));
      expect(differences(kept, found)).toEqual([]);
      expect(found.size).toBeLessThan(wanted.size);
      const refused = await replicationField(follower.port, "mscache_sync_refused_items");
      expect(Number(refused)).toBeGreaterThan(0);
    },
  );
});
