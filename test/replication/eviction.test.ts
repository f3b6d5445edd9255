/**
 * A leader that evicts and is flushed, and followers that must not evict by themselves: every item
 * that the leader removes reaches them as an effect, over our nodes and real redis-servers. The
 * followers have more memory than their leader, so that an eviction of their own would show.
 * Invariant: the data are compared key by key while the leader is full, and again after FLUSHALL.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled, waitFor } from "../harness.ts";
import { type Member, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { oracle, ours, redisNote } from "../support/servers.ts";
import { textOf } from "../support/wire.ts";
import { contentsOf } from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

/** Half as much again as fits. */
const writeCount = 3_000;
const batchSize = 500;
const value = Buffer.alloc(2_000, "a value that fills memory ");

interface Kind {
  readonly name: string;
  readonly isMissing: boolean;
  leader(): Promise<Member>;
  follower(leaderPort: number): Promise<Member>;
}

function ourKind(threads: number): Kind {
  const common = ["--threads", `${threads}`];
  return {
    name: threads === 1 ? "mscache" : `mscache with ${threads} data threads`,
    isMissing: false,
    leader: () => ours.start([...common, "--max-memory", "4mb"]),
    follower: (port) => ours.start([...common, "--leaderaddr", `127.0.0.1:${port}`]),
  };
}

const redisKind: Kind = {
  name: `redis-server${redisNote}`,
  isMissing: !redisInstalled(),
  leader: () => {
    const policy = ["--maxmemory", "6mb", "--maxmemory-policy", "allkeys-lru"];
    return oracle.start([...policy, "--repl-diskless-sync-delay", "0"]) as Promise<Member>;
  },
  follower: (port) => oracle.start(["--replicaof", "127.0.0.1", `${port}`]) as Promise<Member>,
};

/** Writes more than fits, an eighth of it into keys that are written again and again. */
async function overfill(peer: Peer): Promise<void> {
  for (let at = 0; at < writeCount; at += batchSize) {
    peer.sendAll(
      Array.from({ length: batchSize }, (_, index) => {
        const i = at + index;
        if (i % 8 === 0) return ["SET", `hot:${i % 64}`, `${i}`, "EX", 1_000];
        return ["SET", `key:${i}`, value];
      }),
    );
    const replies = await peer.replies(batchSize);
    expect(replies.filter(({ type }) => type === "-")).toEqual([]);
  }
}

async function statistic({ port }: Member, name: string): Promise<number> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO", "stats"));
  return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1]);
}

/**
 * Compares with eviction turned off, as a Redis evicts for the replies that it is asked for, too.
 */
async function expectEqual(leader: Member, followers: readonly Member[]): Promise<number> {
  await using peer = await Peer.connect(leader.port);
  expect(await peer.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")).toBe("+OK");
  await untilCaughtUp(leader, followers);
  const wanted = await contentsOf(leader.port);
  for (const { port } of followers) {
    const got = await contentsOf(port);
    expect([...wanted.keys()].filter((key) => got.get(key) !== wanted.get(key))).toEqual([]);
    expect([...got.keys()].filter((key) => !wanted.has(key))).toEqual([]);
  }
  expect(await peer.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")).toBe("+OK");
  return wanted.size;
}

const single = ourKind(1);
for (const [leaderKind, followerKind] of [
  [single, redisKind],
  [redisKind, single],
  [single, single],
  [ourKind(4), redisKind],
] as const) {
  const isMissing = leaderKind.isMissing || followerKind.isMissing;
  describe.skipIf(isMissing)(`${leaderKind.name} followed by ${followerKind.name}`, () => {
    test("evictions and FLUSHALL of the leader leave the same data on both", async () => {
      await using stack = new AsyncDisposableStack();
      const leader = stack.use(await leaderKind.leader());
      const early = stack.use(await followerKind.follower(leader.port));
      await untilCaughtUp(leader, [early]);
      const peer = stack.use(await Peer.connect(leader.port));
      await overfill(peer);
      const evicted = await statistic(leader, "evicted_keys");
      expect(evicted).toBeGreaterThan(writeCount / 10);
      const size = await expectEqual(leader, [early]);
      expect(size).toBeGreaterThan(100);

      // A full sync of a leader that evicts all the while.
      const filling = overfill(peer);
      const late = stack.use(await followerKind.follower(leader.port));
      await filling;
      await waitFor(async () => (await statistic(leader, "sync_full")) === 2);
      await expectEqual(leader, [early, late]);
      expect(await statistic(leader, "evicted_keys")).toBeGreaterThan(evicted);
      for (const it of [early, late]) expect(await statistic(it, "evicted_keys")).toBe(0);

      expect(await peer.ask("FLUSHALL")).toBe("+OK");
      await peer.ask("SET", "after", "the flush");
      expect(await expectEqual(leader, [early, late])).toBe(1);
      expect(await statistic(leader, "sync_full")).toBe(2);
    });
  });
}
