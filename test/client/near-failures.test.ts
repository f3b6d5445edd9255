/**
 * The near cache while things fail: links that flap and stand still, servers that stop, go on and
 * restart, followers that lag, leaders that are replaced under real Sentinels. What is read is
 * checked against the stated bound (support/near-history.ts).
 * The order of bytes is near-races.test.ts, what is held and dropped near.test.ts.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type ConnectOptions, connect, type NearOptions } from "../../src/index.ts";
import {
  caseMsMax,
  freePort,
  redisInstalled,
  type SpawnedNode,
  spawnNode,
  startRedis,
  waitFor,
} from "../harness.ts";
import { replicationField } from "../support/line-ups.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { NearHistory } from "../support/near-history.ts";
import { repetitions, variants, whenLong, whenShort } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { leaderName, startGuarded } from "../support/sentinels.ts";
import { type Contestant, oracle, ours, oursWithThreads, redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

/** Long enough for a reply on a busy machine, or nothing would ever be vouched for. */
const maxSilence = 250;
const modes: readonly NearOptions[] = [{ mode: "keys" }, { mode: "broadcast" }];
/** Requests to a node that stands still end within the case, those to a busy one are answered. */
const options: ConnectOptions = {
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 5_000,
  reconnect: { minDelayMs: 1, maxDelayMs: 10 },
};
const rounds = repetitions(4, 12);

for (const contestant of variants<Contestant>(
  [oursWithThreads(2)],
  [ours, oursWithThreads(4), oracle],
)) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    test.each(modes)(
      "nothing is too old from a link that flaps and stands still: %j",
      async (mode) => {
        const random = new Random(seedFor("NEAR_SEED"));
        await using server = await contestant.start();
        await using proxy = await LinkProxy.start(server.port);
        await using client = await connect(proxy.address, options);
        await using writer = await connect(server.address, options);
        for (const maxStaleness of [0, 2 * maxSilence]) {
          await using near = await client.near({ ...mode, maxSilence, maxStaleness });
          const boundMs = Math.max(maxSilence, maxStaleness);
          const history = new NearHistory({ random, near, writer, boundMs });
          for (let round = 0; round < rounds; round++) {
            await history.until(10, () => near.isVouchedFor && history.served.held > 0);
            if (random.chance(0.5)) proxy.cut();
            else proxy.hold(random.below(200));
            await history.until(random.below(60), () => true);
            proxy.heal();
            proxy.release();
          }
          await history.converged();
          expect(history.faults).toEqual([]);
          expect(history.served.held).toBeGreaterThan(0);
        }
      },
    );
  });
}

for (const { name, isMissing, start } of [
  { name: ours.name, isMissing: false, start: () => ours.start() },
  { name: oracle.name, isMissing: oracle.isMissing, start: () => startRedis() },
]) {
  describe.skipIf(isMissing)(name, () => {
    whenShort(() => {
      test("a read whose reply does not come is shared for maxSilence, and no longer", async () => {
        await using server = await start();
        await using proxy = await LinkProxy.start(server.port);
        await using client = await connect(proxy.address, { ...options, requestTimeoutMs: 60_000 });
        await using writer = await connect(server.address, options);
        await using near = await client.near({ maxSilence: 1_000 });
        await writer.set("late", "1");
        proxy.hold(0);
        const first = near.get("late");
        await waitFor(() => proxy.isHolding); // the server has read it
        await writer.set("late", "2");
        const reads: Promise<string | null>[] = [];
        await waitFor(() => {
          reads.push(near.get("late"));
          return reads.length > 1 && reads.at(-1) !== reads.at(-2) && !near.isVouchedFor;
        });
        proxy.release();
        expect([await first, await reads.at(-1)]).toEqual(["1", "2"]);
      });
    });

    test.each(modes)("nothing is too old of a server that stops and goes on: %j", async (mode) => {
      const random = new Random(seedFor("NEAR_SEED"));
      await using server = await start();
      await using client = await connect(server.address, options);
      await using writer = await connect(server.address, options);
      await using near = await client.near({ ...mode, maxSilence });
      const history = new NearHistory({ random, near, writer, boundMs: maxSilence });
      for (let round = 0; round < rounds; round++) {
        await history.until(10, () => near.isVouchedFor && history.served.held > 0);
        server.process.kill("SIGSTOP");
        await history.until(random.below(30), () => !near.isVouchedFor);
        server.process.kill("SIGCONT");
      }
      await history.converged();
      expect(history.faults).toEqual([]);
      expect(history.served.held).toBeGreaterThan(0);
    });
  });
}

test.each(modes)(
  "nothing of a server's earlier life is served after its restart: %j",
  async (mode) => {
    const random = new Random(seedFor("NEAR_SEED"));
    const listens = ["--listenaddr", `127.0.0.1:${await freePort()}`];
    let server: SpawnedNode = await spawnNode(listens);
    try {
      await using client = await connect(server.address, options);
      await using writer = await connect(server.address, options);
      await using near = await client.near({ ...mode, maxSilence });
      const history = new NearHistory({ random, near, writer, boundMs: maxSilence });
      for (let round = 0; round < repetitions(2, 8); round++) {
        await history.until(10, () => near.isVouchedFor && history.served.held > 0);
        server.process.kill("SIGKILL");
        await server.process.exited;
        history.lost();
        await history.until(5, () => !near.isVouchedFor);
        server = await spawnNode(listens);
      }
      await history.converged();
      expect(history.faults).toEqual([]);
    } finally {
      await server[Symbol.asyncDispose]();
    }
  },
);

const pairs = {
  ours: {
    leader: () => spawnNode(),
    follower: (port: number) => spawnNode(["--leaderaddr", `127.0.0.1:${port}`]),
  },
  [`Redis's${redisNote}`]: {
    leader: () => startRedis(),
    follower: (port: number) => startRedis(["--replicaof", "127.0.0.1", `${port}`]),
  },
};

describe.each(Object.entries(pairs))("read from a follower of %s", (name, start) => {
  const isMissing = name !== "ours" && !redisInstalled();

  test.skipIf(isMissing)("nothing is older than what the follower was seen to have", async () => {
    const random = new Random(seedFor("NEAR_SEED"));
    await using leader = await start.leader();
    await using toLeader = await LinkProxy.start(leader.port);
    await using follower = await start.follower(toLeader.port);
    const inStep = () => replicationField(follower.port, "master_link_status");
    await waitFor(async () => (await inStep()) === "up");
    await using toFollower = await LinkProxy.start(follower.port);
    await using client = await connect(toFollower.address, options);
    await using writer = await connect(leader.address, options);
    const mode = random.pick(modes);
    await using near = await client.near({ ...mode, maxSilence });
    const isEverywhere = async () => Number(await writer.command("WAIT", 1, 200)) === 1;
    const history = new NearHistory({ random, near, writer, boundMs: maxSilence, isEverywhere });
    for (let round = 0; round < rounds; round++) {
      await history.until(20, () => near.isVouchedFor && history.served.held > 0);
      const link = random.pick([toLeader, toFollower]);
      if (random.chance(0.5)) link.cut();
      else link.hold(random.below(200));
      await history.until(random.below(40), () => true);
      link.heal();
      link.release();
    }
    await history.converged();
    expect(history.faults).toEqual([]);
    expect(history.served.held).toBeGreaterThan(0);
  });

  test.skipIf(isMissing)(
    "with readYourWrites no read is older than the write before it",
    async () => {
      await using leader = await start.leader();
      await using toLeader = await LinkProxy.start(leader.port);
      await using follower = await start.follower(toLeader.port);
      const inStep = () => replicationField(follower.port, "master_link_status");
      await waitFor(async () => (await inStep()) === "up");
      await using client = await connect([leader.address, follower.address], {
        ...{ ...options, requestTimeoutMs: 60_000, reads: "followers", readYourWrites: true },
      });
      await waitFor(async () => (await client.info("replication")).includes("role:slave"));
      await using near = await client.near({ maxSilence: 60_000 });
      const write = async (value: number) => {
        await client.set("own", String(value));
        expect(await near.get("own")).toBe(String(value));
      };
      for (let i = 0; i < 10; i++) await write(i);
      toLeader.hold(0); // the follower gets nothing more
      for (let i = 10; i < 15; i++) await write(i);
      toLeader.release();
      await waitFor(async () => (await near.get("own")) !== null && near.peek("own") === "14");
    },
  );
});

whenLong(() => {
  describe.skipIf(!redisInstalled())(`under three sentinels${redisNote}`, () => {
    test.each(["leader", "followers"] as const)("nothing is too old: reads %s", async (reads) => {
      const random = new Random(seedFor("NEAR_SEED"));
      await using guarded = await startGuarded("max-memory 64mb\n");
      await guarded.settled();
      const addresses = guarded.sentinelPorts.map((port) => `127.0.0.1:${port}`);
      const bySentinel: ConnectOptions = { ...options, sentinel: leaderName };
      await using client = await connect(addresses, { ...bySentinel, reads });
      await using writer = await connect(addresses, bySentinel);
      let followers = guarded.members.length - 1;
      const isEverywhere = async () =>
        Number(await writer.command("WAIT", followers, 300)) >= followers;
      // Seven processes share the machine: a reply within a shorter time would be rare.
      const boundMs = 1_000;
      await using near = await client.near({ ...random.pick(modes), maxSilence: boundMs });
      const history = new NearHistory({ random, near, writer, boundMs, isEverywhere });
      for (let round = 0; round < 2; round++) {
        const former = await guarded.settled();
        await history.until(50, () => near.isVouchedFor && history.served.held > 0);
        followers--;
        const isStopped = round % 2 === 1;
        if (isStopped) former.signal("SIGSTOP");
        else await former.kill();
        // A client that reads from followers alone has no reason to look for its leader.
        const movers = reads === "leader" ? [client, writer] : [writer];
        const hasMoved = () =>
          movers.every(({ address }) => address !== `127.0.0.1:${former.port}`);
        await history.until(50, hasMoved);
        await history.until(50, () => near.isVouchedFor && history.served.held > 0);
        if (isStopped) former.signal("SIGCONT");
        else await former.start();
        await guarded.settled();
        followers++;
      }
      await history.converged();
      expect(history.faults).toEqual([]);
      expect(history.served.held).toBeGreaterThan(0);
    });
  });
});
