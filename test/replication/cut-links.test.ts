/**
 * Links that are cut under a steady load of mixed writes, in every line-up and in chains: the
 * journal bridges the gap where it can, and a full sync where it cannot. The leader's counters tell
 * which of the two it was; at the end keys, values, times and offsets are equal on all nodes.
 * Replay with REPLICATION_SEED=n.
 * Invariant: a path is never inferred from the data; every test asserts the counters.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, freePort, redisInstalled, startRedis, waitFor } from "../harness.ts";
import {
  type Member,
  replicationField,
  standingOf,
  syncsOf,
  untilCaughtUp,
} from "../support/line-ups.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, whenShort } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { ours, redisNote } from "../support/servers.ts";
import {
  contentsOf,
  differences,
  fill,
  settledContentsOf,
  WriteLoad,
} from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

const cutCount = repetitions(2, 10);
const cutMsMax = repetitions(400, 1_000);
const MiB = 1024 * 1024;

interface Kind {
  readonly name: string;
  readonly leader: (journalBytes: number, port?: number) => Promise<Member>;
  readonly follower: (leaderPort: number) => Promise<Member>;
}

function ourKind(threads: number): Kind {
  const common = ["--threads", `${threads}`];
  return {
    name: threads === 1 ? "mscache" : `mscache with ${threads} data threads`,
    leader: (journalBytes, port = 0) => {
      const address = ["--listenaddr", `127.0.0.1:${port}`];
      return ours.start([...common, ...address, "--journal-size", `${journalBytes}`]);
    },
    follower: (port) => ours.start([...common, "--leaderaddr", `127.0.0.1:${port}`]),
  };
}

const diskless = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"];

const redisKind: Kind = {
  name: `redis-server${redisNote}`,
  leader: (journalBytes) => {
    return startRedis([...diskless, "--repl-backlog-size", `${journalBytes}`]) as Promise<Member>;
  },
  follower: (port) => {
    const backlog = ["--repl-backlog-size", `${64 * MiB}`];
    const leader = ["--replicaof", "127.0.0.1", `${port}`];
    return startRedis([...diskless, ...backlog, ...leader]) as Promise<Member>;
  },
};

const single = ourKind(1);
const several = ourKind(4);
const everyLineUp: readonly (readonly [leader: Kind, follower: Kind])[] = [
  [single, single],
  [single, redisKind],
  [redisKind, single],
  [several, several],
];
/** Several threads are cut in every run by test/threads/replication.test.ts. */
const lineUps = everyLineUp.slice(0, repetitions(3, 4));

async function expectEqual(leader: Member, followers: readonly Member[]): Promise<void> {
  const wanted = await settledContentsOf(leader.port);
  await waitFor(
    async () => {
      const { offset } = await standingOf(leader.port);
      const standings = await Promise.all(followers.map(({ port }) => standingOf(port)));
      return standings.every((it) => it.link === "connected" && it.offset === offset);
    },
    { message: "all offsets to be equal" },
  );
  for (const follower of followers) {
    expect(differences(wanted, await contentsOf(follower.port))).toEqual([]);
  }
}

for (const [leaderKind, followerKind] of lineUps) {
  const isMissing = [leaderKind, followerKind].includes(redisKind) && !redisInstalled();
  const name = `${leaderKind.name} followed by ${followerKind.name}`;
  // They wait most of their time, for cables and for each other.
  const judge = isMissing ? test.skip : test.concurrent;

  judge(`${name}: a link that is cut ${cutCount} times is resumed from the journal`, async () => {
    const random = new Random(seedFor("REPLICATION_SEED"));
    await using stack = new AsyncDisposableStack();
    const leader = stack.use(await leaderKind.leader(256 * MiB));
    const proxy = stack.use(await LinkProxy.start(leader.port));
    const follower = stack.use(await followerKind.follower(proxy.port));
    await untilCaughtUp(leader, [follower]);
    const load = stack.use(await WriteLoad.start(leader.port, random));
    for (let cut = 1; cut <= cutCount; cut++) {
      await load.more(200);
      proxy.cut();
      // The time that the cable is out is what this test is about.
      await Bun.sleep(random.between(1, cutMsMax));
      proxy.heal();
      await waitFor(async () => (await syncsOf(leader.port)).partial >= cut);
    }
    await load.stop();
    await expectEqual(leader, [follower]);
    expect(await syncsOf(leader.port)).toEqual({ full: 1, partial: cutCount });
  });

  judge(`${name}: a gap that is longer than the journal needs a full sync`, async () => {
    await using stack = new AsyncDisposableStack();
    const leader = stack.use(await leaderKind.leader(MiB));
    const proxy = stack.use(await LinkProxy.start(leader.port));
    const follower = stack.use(await followerKind.follower(proxy.port));
    await fill(leader.port, 1_000);
    await untilCaughtUp(leader, [follower]);
    proxy.cut();
    await fill(leader.port, 2_000, 1_000);
    const { offset } = await standingOf(leader.port);
    const first = Number(await replicationField(leader.port, "repl_backlog_first_byte_offset"));
    expect(offset - first).toBeLessThanOrEqual(MiB + 64 * 1024); // redis keeps whole blocks
    proxy.heal();
    await waitFor(async () => (await syncsOf(leader.port)).full === 2);
    await expectEqual(leader, [follower]);
    expect((await syncsOf(leader.port)).partial).toBe(0);
  });
}

describe("mscache", () => {
  test("a follower that is killed and started again under load gets a full sync", async () => {
    await using stack = new AsyncDisposableStack();
    const leader = stack.use(await single.leader(64 * MiB));
    const load = await WriteLoad.start(leader.port, new Random(seedFor("REPLICATION_SEED")));
    stack.use(load);
    const doomed = stack.use(await single.follower(leader.port));
    await load.more(400);
    doomed.process.kill("SIGKILL");
    await doomed.process.exited;
    await load.more(400);
    const reborn = stack.use(await single.follower(leader.port));
    await load.more(400);
    await load.stop();
    await expectEqual(leader, [reborn]);
    expect(await syncsOf(leader.port)).toEqual({ full: 2, partial: 0 });
  });

  whenShort(() => {
    test("a leader that comes back empty empties its followers by a full sync", async () => {
      await using stack = new AsyncDisposableStack();
      const port = await freePort();
      const first = stack.use(await single.leader(64 * MiB, port));
      const follower = stack.use(await single.follower(port));
      await fill(port, 500);
      await untilCaughtUp(first, [follower]);
      first.process.kill("SIGKILL");
      await first.process.exited;
      const second = stack.use(await single.leader(64 * MiB, port));
      await using peer = await Peer.connect(port);
      // More bytes than the first life had: an offset alone would look as if it could be continued.
      await fill(port, 100);
      await waitFor(async () => (await syncsOf(port)).full === 1);
      await peer.ask("SET", "only in", "the second life");
      await expectEqual(second, [follower]);
      expect(await syncsOf(port)).toEqual({ full: 1, partial: 0 });
      expect((await contentsOf(follower.port)).size).toBe(101);
    });
  });

  whenShort(() => {
    test("INFO tells how many seconds of writes the journal holds", async () => {
      await using stack = new AsyncDisposableStack();
      const leader = stack.use(await single.leader(MiB));
      expect(await replicationField(leader.port, "mscache_journal_seconds")).toBe("0");
      const follower = stack.use(await single.follower(leader.port));
      await untilCaughtUp(leader, [follower]);
      await fill(leader.port, 10);
      const seconds = async () => {
        return Number(await replicationField(leader.port, "mscache_journal_seconds"));
      };
      await waitFor(async () => (await seconds()) >= 3);
      const began = performance.now();
      await fill(leader.port, 2_000, 1_000);
      // What the journal holds now was all written since then, and not three seconds before.
      await waitFor(async () => (await seconds()) <= 1 + (performance.now() - began) / 1000);
    });
  });
});

const chains: readonly (readonly Kind[])[] = [
  [single, single, single],
  [redisKind, single, redisKind],
  [single, redisKind, single],
];

for (const [first, second, third] of chains.slice(0, repetitions(2, 3))) {
  const isMissing = [first, second, third].includes(redisKind) && !redisInstalled();
  const name = `the chain ${first.name} -> ${second.name} -> ${third.name}`;
  describe.skipIf(isMissing)(name, () => {
    test("under load, with either link cut, needs one full sync for each link", async () => {
      const random = new Random(seedFor("REPLICATION_SEED"));
      await using stack = new AsyncDisposableStack();
      const leader = stack.use(await first.leader(64 * MiB));
      const upper = stack.use(await LinkProxy.start(leader.port));
      const middle = stack.use(await second.follower(upper.port));
      await fill(leader.port, 1_000);
      await untilCaughtUp(leader, [middle]);
      const lower = stack.use(await LinkProxy.start(middle.port));
      const last = stack.use(await third.follower(lower.port));
      await waitFor(async () => (await standingOf(last.port)).link === "connected");
      const load = stack.use(await WriteLoad.start(leader.port, random));
      for (const proxy of [upper, lower]) {
        await load.more(400);
        const before = proxy.passed;
        proxy.cut();
        await load.more(400);
        proxy.heal();
        await waitFor(() => proxy.passed > before);
      }
      await load.stop();
      await expectEqual(leader, [middle, last]);
      expect(await syncsOf(leader.port)).toEqual({ full: 1, partial: 1 });
      expect((await syncsOf(middle.port)).full).toBe(1);
    });
  });
}
