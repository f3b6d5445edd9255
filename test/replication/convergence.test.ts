/**
 * A leader under write load and followers that join late, die and come back: in the end all have
 * the same keys, values and times. Over every line-up of our nodes and real redis-servers.
 * Replay with REPLICATION_SEED=n; run longer with REPLICATION_WRITES=n.
 * Invariant: data is compared key by key, and a time by its absolute moment in milliseconds.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { lineUps, type Member, standingOf, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, whenShort } from "../support/repetitions.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import { forAllCases } from "../support/servers.ts";
import {
  contentsOf,
  differences,
  fill,
  settledContentsOf,
  WriteLoad,
} from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

const writes = numberFromEnvironment("REPLICATION_WRITES", repetitions(300, 4_000));
const timeoutMs = 60_000 + writes * 5;

/** The last one is of redis-servers alone and judges the suite, not a node. */
for (const lineUp of lineUps.slice(0, repetitions(3, 4))) {
  describe.skipIf(lineUp.isMissing)(lineUp.name, () => {
    const pair = forAllCases(async () => {
      const members = new AsyncDisposableStack();
      const leader = members.use(await lineUp.leader());
      const follower = members.use(await lineUp.follower(leader));
      await untilCaughtUp(leader, [follower]);
      return { leader, follower, [Symbol.asyncDispose]: () => members.disposeAsync() };
    });

    whenShort(() => {
      test("an empty leader makes an empty follower, and FLUSHALL empties both", async () => {
        const { leader, follower } = pair();
        expect((await contentsOf(follower.port)).size).toBe(0);
        await fill(leader.port, 1_000);
        await untilCaughtUp(leader, [follower]);
        expect((await contentsOf(follower.port)).size).toBe(1_000);
        await using peer = await Peer.connect(leader.port);
        await peer.ask("FLUSHALL");
        await peer.ask("SET", "after", "the flush");
        const contents = await expectEqualContents(leader, [follower]);
        expect([...contents.keys()]).toEqual(["after"]);
      });
    });

    test(
      "late followers, one of them killed and started again, end with the leader's data",
      async () => {
        const random = new Random(seedFor("REPLICATION_SEED"));
        await using members = new AsyncDisposableStack();
        const leader = members.use(await lineUp.leader());
        await fill(leader.port, repetitions(1_000, 10_000));
        await using load = await WriteLoad.start(leader.port, random);
        await load.more(writes / 4);
        const first = members.use(await lineUp.follower(leader));
        await load.more(writes / 4);
        const doomed = members.use(await lineUp.follower(leader));
        await load.more(writes / 4);
        doomed.process.kill("SIGKILL");
        await doomed.process.exited;
        await load.more(writes / 4);
        const second = members.use(await lineUp.follower(leader));
        await load.more(writes / 4);
        await load.stop();
        await expectEqualContents(leader, [first, second]);
      },
      timeoutMs,
    );

    test(
      "a link that is cut under load comes back, and nothing is lost",
      async () => {
        const random = new Random(seedFor("REPLICATION_SEED"));
        const { leader, follower } = pair();
        await using load = await WriteLoad.start(leader.port, random);
        await using peer = await Peer.connect(leader.port);
        for (let cuts = 0; cuts < repetitions(1, 3); cuts++) {
          await load.more(writes / 8);
          expect(await peer.ask("CLIENT", "KILL", "TYPE", "replica")).toBe(":1");
          await waitFor(async () => (await standingOf(leader.port)).followers === 1);
        }
        await load.stop();
        await expectEqualContents(leader, [follower]);
      },
      timeoutMs,
    );

    whenShort(() => {
      test("values of every kind and size arrive, before and after the follower joined", async () => {
        await using members = new AsyncDisposableStack();
        const leader = members.use(await lineUp.leader());
        await using peer = await Peer.connect(leader.port);
        await writeOddities(peer, "before");
        const follower = members.use(await lineUp.follower(leader));
        await untilCaughtUp(leader, [follower]);
        await writeOddities(peer, "after");
        const contents = await expectEqualContents(leader, [follower]);
        expect(contents.size).toBe(16);
      });
    });
  });
}

async function writeOddities(peer: Peer, prefix: string): Promise<void> {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await peer.ask("SET", `${prefix}:empty`, "");
  await peer.ask("SET", Buffer.concat([Buffer.from(prefix), all]), all);
  await peer.ask("SET", `${prefix}:${"k".repeat(65_536)}`, "long key");
  await peer.ask("SET", `${prefix}:large`, Buffer.alloc(5_000_000, "compresses well "));
  await peer.ask("SET", `${prefix}:chance`, new Random(1).bytes(200_000));
  await peer.ask("SET", `${prefix}:number`, "-123456");
  await peer.ask("SET", `${prefix}:moment`, "x", "PXAT", "4102444800123");
  await peer.ask("SET", `${prefix}:relative`, "x", "EX", "5000");
}

/** Waits for quiet and compares; the offsets must be equal, too. */
async function expectEqualContents(
  leader: Member,
  followers: readonly Member[],
): Promise<Map<string, string>> {
  const wanted = await settledContentsOf(leader.port);
  await untilCaughtUp(leader, followers);
  for (const follower of followers) {
    const got = await contentsOf(follower.port);
    expect(differences(wanted, got)).toEqual([]);
    expect((await standingOf(follower.port)).role).toBe("follower");
  }
  return wanted;
}
