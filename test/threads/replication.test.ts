/**
 * Replication of nodes with several data threads: effects of all threads in one journal, links
 * whose connection is in another thread, and roles that change between two commands of every
 * thread.
 * The suites of test/replication/ run over such nodes too: MSCACHE_TEST_THREADS=4 bun test
 * test/replication.
 * Replay with REPLICATION_SEED=n; run longer with REPLICATION_WRITES=n.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import {
  type Member,
  replicationField,
  standingOf,
  syncsOf,
  untilCaughtUp,
} from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, whenShort } from "../support/repetitions.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import { forAllCases, oracle, ours } from "../support/servers.ts";
import type { Argument } from "../support/wire.ts";
import {
  contentsOf,
  differences,
  fill,
  settledContentsOf,
  WriteLoad,
} from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

const writerCount = repetitions(3, 8);
const writes = numberFromEnvironment("REPLICATION_WRITES", repetitions(100, 2_000));
const threaded = ["--threads", `${repetitions(2, 4)}`];
const smallJournal = ["--journal-size", "1mb"];

const ourFollower = (leader: Member): Promise<Member> => {
  return ours.start([...threaded, "--leaderaddr", leader.address]);
};
const redisFollower = (leader: Member): Promise<Member> => {
  return oracle.start(["--replicaof", "127.0.0.1", `${leader.port}`]) as Promise<Member>;
};

/** Several connections that write at the same time, on several threads therefore. */
async function startLoads(port: number, stack: AsyncDisposableStack): Promise<WriteLoad[]> {
  const seed = seedFor("REPLICATION_SEED");
  const starting = Array.from({ length: writerCount }, async (_, number) => {
    return stack.use(await WriteLoad.start(port, new Random(seed + number)));
  });
  return await Promise.all(starting);
}

async function expectEqualContents(leader: Member, followers: readonly Member[]): Promise<void> {
  const wanted = await settledContentsOf(leader.port);
  await untilCaughtUp(leader, followers);
  for (const follower of followers) {
    expect(differences(wanted, await contentsOf(follower.port))).toEqual([]);
  }
}

/** Of the cases that leave it as it was. */
const pair = forAllCases(async () => {
  const members = new AsyncDisposableStack();
  const leader = members.use(await ours.start(threaded));
  const follower = members.use(await ourFollower(leader));
  await untilCaughtUp(leader, [follower]);
  return { leader, follower, [Symbol.asyncDispose]: () => members.disposeAsync() };
});

describe("a leader with several data threads", () => {
  test.each([
    ["a node with several data threads", ourFollower],
    ["a redis-server", redisFollower],
  ] as const)("under load from many connections fills %s that joins late", async (_, follow) => {
    if (follow === redisFollower && oracle.isMissing) return; // its absence is told by other suites
    await using stack = new AsyncDisposableStack();
    const { leader } = pair();
    await fill(leader.port, repetitions(1_000, 10_000));
    const loads = await startLoads(leader.port, stack);
    await Promise.all(loads.map((load) => load.more(writes / 2)));
    const follower = stack.use(await follow(leader));
    await Promise.all(loads.map((load) => load.more(writes)));
    await Promise.all(loads.map((load) => load.stop()));
    await expectEqualContents(leader, [follower]);
  });

  test("a small journal loses no link: writes wait for links, and large ones go another way", async () => {
    await using stack = new AsyncDisposableStack();
    const leader = stack.use(await ours.start([...threaded, ...smallJournal]));
    const follower = stack.use(await ourFollower(leader));
    await untilCaughtUp(leader, [follower]);
    const peers = await Promise.all(
      Array.from({ length: writerCount }, async () => stack.use(await Peer.connect(leader.port))),
    );
    const value = Buffer.alloc(20_000, "small enough for a thread ");
    const large = Buffer.alloc(3_000_000, "larger than the ring ");
    const writing = peers.map(async (peer, number) => {
      for (let i = 0; i < 100; i++) peer.send("SET", `${number}:${i % 10}`, value);
      peer.send("SET", `${number}:large`, large);
      for (let i = 0; i < 100; i++) peer.send("APPEND", `${number}:${i % 10}`, `${i}`);
      return await peer.replies(201);
    });
    const replies = (await Promise.all(writing)).flat();
    expect(replies.filter(({ type }) => type === "-")).toEqual([]);
    await expectEqualContents(leader, [follower]);
    expect(await replicationField(leader.port, "connected_slaves")).toBe("1");
    expect((await syncsOf(leader.port)).full).toBe(1);
  });

  test("a link that is cut is resumed from the journal, on whichever thread it lands", async () => {
    await using stack = new AsyncDisposableStack();
    const { leader, follower } = pair();
    const loads = await startLoads(leader.port, stack);
    const peer = stack.use(await Peer.connect(leader.port));
    const before = await syncsOf(leader.port);
    for (let cut = 1; cut <= 3; cut++) {
      await Promise.all(loads.map((load) => load.more(writes / 10)));
      expect(await peer.ask("CLIENT", "KILL", "TYPE", "replica")).toBe(":1");
      await waitFor(async () => (await syncsOf(leader.port)).partial === before.partial + cut);
    }
    await Promise.all(loads.map((load) => load.stop()));
    await expectEqualContents(leader, [follower]);
    expect((await syncsOf(leader.port)).full).toBe(before.full);
  });
});

describe("roles", () => {
  /** Two leaders, and a node that follows none at the end of each case. */
  const nodes = forAllCases(async () => {
    const members = new AsyncDisposableStack();
    const leaders = [members.use(await ours.start()), members.use(await ours.start())] as const;
    const node = members.use(await ours.start([...threaded, "--max-memory", "16mb"]));
    return { leaders, node, [Symbol.asyncDispose]: () => members.disposeAsync() };
  });

  test("a node that becomes a follower under load is a copy, and accepts no writes then", async () => {
    const {
      leaders: [leader],
      node,
    } = nodes();
    await fill(leader.port, 2_000);
    for (let round = 0; round < repetitions(2, 3); round++) {
      const writers = await Promise.all(Array.from({ length: 4 }, () => Peer.connect(node.port)));
      const refused = writers.map((peer, number) => writeUntilRefused(peer, `${round}:${number}`));
      await waitFor(async () => (await askOnce(node, "DBSIZE")) !== ":0");
      expect(await askOnce(node, "REPLICAOF", "127.0.0.1", leader.port)).toBe("+OK");
      await Promise.all(refused);
      await Promise.all(writers.map((peer) => peer[Symbol.asyncDispose]()));
      await expectEqualContents(leader, [node]);
      expect(await askOnce(node, "REPLICAOF", "NO", "ONE")).toBe("+OK");
      expect((await standingOf(node.port)).role).toBe("leader");
    }
  });

  whenShort(() => {
    test("every thread refuses writes at once, and names the present leader", async () => {
      const { leaders, node } = nodes();
      for (const leader of leaders) {
        const { port } = leader;
        expect(await askOnce(node, "REPLICAOF", "127.0.0.1", port)).toBe("+OK");
        const refusals = await Promise.all(
          Array.from({ length: 20 }, () => askOnce(node, "SET", "a", 1)),
        );
        const refusal = `-READONLY You can't write against a read only replica. Its leader is 127.0.0.1:${port}.`;
        expect(new Set(refusals)).toEqual(new Set([refusal]));
        await untilCaughtUp(leader, [node]); // no other leader is taken during a load
      }
      expect(await askOnce(node, "REPLICAOF", "NO", "ONE")).toBe("+OK");
      expect(await askOnce(node, "SET", "a", 1)).toBe("+OK");
    });
  });

  test("a follower shows all keys of an MSET or none, whichever thread is asked", async () => {
    await using stack = new AsyncDisposableStack();
    const { leader, follower } = pair();
    const sets = repetitions(200, 1_000);
    const keys = Array.from({ length: 40 }, (_, i) => `together:${i}`);
    const writer = stack.use(await Peer.connect(leader.port));
    const readers = await Promise.all(
      Array.from({ length: 4 }, async () => stack.use(await Peer.connect(follower.port))),
    );
    let isOver = false;
    const reading = readers.map(async (peer) => {
      let reads = 0;
      for (; !isOver || reads === 0; reads++) {
        const values = (await peer.typed("MGET", ...keys)).value as readonly { value: string }[];
        expect(new Set(values.map(({ value }) => value)).size).toBe(1);
      }
    });
    for (let i = 0; i < sets; i++) writer.send("MSET", ...keys.flatMap((key) => [key, i]));
    await writer.replies(sets);
    await untilCaughtUp(leader, [follower]);
    isOver = true;
    await Promise.all(reading);
  });
});

/** On a connection of its own: a node that turns follower closes those it has. */
async function askOnce({ port }: Member, ...command: Argument[]): Promise<string> {
  await using peer = await Peer.connect(port);
  return await peer.ask(...command);
}

/**
 * Writes until the node closes the connection or says that it follows another one, or that it
 * loads.
 */
async function writeUntilRefused(peer: Peer, prefix: string): Promise<void> {
  for (let i = 0; ; i++) {
    for (let n = 0; n < 50; n++) peer.send("SET", `${prefix}:${i % 500}`, `value ${i} ${n}`);
    const replies = await peer.replies(50).catch(() => null);
    if (replies === null) return;
    const refusals = replies.filter(({ type }) => type === "-");
    if (refusals.length === 0) continue;
    const words = new Set(refusals.map(({ value }) => String(value).split(" ")[0]));
    expect(words.isSubsetOf(new Set(["READONLY", "LOADING"]))).toBe(true);
    return;
  }
}
