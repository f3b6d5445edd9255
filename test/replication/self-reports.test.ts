/**
 * All reports of a node about itself agree at every moment of start, load, sync, failover and
 * change of role: support/self-report.ts asks in a loop while a scenario runs. A redis-server runs
 * through the same scenarios. The tests also assert that each state was seen at all.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, freePort, temporaryDirectory, waitFor } from "../harness.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { SelfReports } from "../support/self-report.ts";
import { type Contestant, forAllCases, oracle, ours, oursWithThreads } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const pauseMs = repetitions(20, 0);
/** Of these, a load takes so long that reports of it are met. */
const loadedKeys = repetitions(60_000, 300_000);
const patience = { timeoutMs: 60_000 };

interface Judged extends Contestant {
  /**
   * Whether it answers while the leader's bytes are held back; a Redis that loads waits for them.
   */
  readonly answersAlways: boolean;
  /** The option by which it follows a leader, and how the address is written. */
  follows(port: number): string[];
}

const contestants: Judged[] = [
  ...[ours, oursWithThreads(2)].map((contestant) => ({
    ...contestant,
    answersAlways: true,
    follows: (port: number) => ["--leaderaddr", `127.0.0.1:${port}`],
  })),
  {
    ...oracle,
    answersAlways: false,
    start: (args = []) => {
      return oracle.start([
        "--repl-diskless-load",
        "swapdb",
        "--repl-diskless-sync-delay",
        "0",
        ...args,
      ]);
    },
    follows: (port) => ["--replicaof", "127.0.0.1", `${port}`],
  },
];

async function fill(port: number, megabytes: number): Promise<void> {
  await using peer = await Peer.connect(port);
  const value = Buffer.alloc(1024 * 1024, "v");
  for (let i = 0; i < megabytes; i++) peer.send("SET", `large ${i}`, value);
  await peer.replies(megabytes);
}

async function ask(port: number, ...command: string[]): Promise<string> {
  await using peer = await Peer.connect(port);
  return await peer.ask(...command);
}

const isConnected = async (port: number) => (await ask(port, "ROLE")).includes("$connected");
const untilMet = (reports: SelfReports, state: RegExp) =>
  waitFor(() => [...reports.states].some((it) => state.test(it)), {
    ...patience,
    message: `${state} in ${[...reports.states].join("; ")}`,
  });

/** The leader of all syncs. */
const source = forAllCases(async () => {
  const leader = await ours.start();
  await fill(leader.port, 12);
  return leader;
});

describe.each([...variants(contestants.slice(1, 2), contestants)])("$name", (contestant) => {
  test.skipIf(contestant.isMissing)(
    "agrees with itself through syncs, cuts and changes of role",
    async () => {
      await using proxy = await LinkProxy.start(source().port);
      await using node = await contestant.start();
      await using reports = new SelfReports(node.port, pauseMs);
      await untilMet(reports, /^master$/);
      const full = async (states: RegExp) => {
        if (contestant.answersAlways) proxy.hold(6 * 1024 * 1024);
        expect(await ask(node.port, "REPLICAOF", "127.0.0.1", `${proxy.port}`)).toBe("+OK");
        if (contestant.answersAlways) await untilMet(reports, states);
        proxy.release();
      };
      // Without data of its own, so that nothing can be read meanwhile; cut in the middle, and
      // whole.
      await full(/sync down loading/);
      proxy.cut();
      await untilMet(reports, /slave \$connect down$/);
      proxy.heal();
      await waitFor(() => isConnected(node.port), patience);
      await untilMet(reports, /slave \$connected up$/);
      // A partial sync.
      proxy.cut();
      proxy.heal();
      await waitFor(() => isConnected(node.port), patience);
      // A full sync beside the data that are there: those of another history.
      expect(await ask(node.port, "REPLICAOF", "NO", "ONE")).toBe("+OK");
      expect(await ask(node.port, "SET", "own", "write")).toBe("+OK");
      await full(/sync down async/);
      await waitFor(() => isConnected(node.port), patience);
      // A leader that is not there.
      expect(await ask(node.port, "REPLICAOF", "127.0.0.1", `${await freePort()}`)).toBe("+OK");
      await untilMet(reports, /slave \$(connect|connecting) down$/);
      expect([...reports.found]).toEqual([]);
      expect(reports.samples).toBeGreaterThan(10);
    },
  );

  test.skipIf(contestant.isMissing)(
    "agrees with itself through a failover, on both sides",
    async () => {
      await using leader = await contestant.start();
      await using follower = await contestant.start(contestant.follows(leader.port));
      await using first = new SelfReports(leader.port, pauseMs);
      await using second = new SelfReports(follower.port, pauseMs);
      await waitFor(() => isConnected(follower.port), patience);
      for (const [from, to, reports] of [
        [leader, follower, first],
        [follower, leader, second],
      ] as const) {
        await untilMet(reports, /^(master|slave \$connected up)$/);
        await waitFor(async () => {
          const reply = await ask(from.port, "FAILOVER");
          return reply === "+OK";
        }, patience);
        await waitFor(() => isConnected(from.port), patience);
        expect(await ask(to.port, "ROLE")).toStartWith("*[$master");
        await untilMet(reports, /^slave \$connected up$/);
      }
      expect([...first.found, ...second.found]).toEqual([]);
      expect([...first.states]).toContain("master");
    },
  );
});

describe("a start from a file", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const path = () => `${directory.path}/dump.rdb`;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    await using node = await ours.start(["--snapshot-file", path()]);
    await fill(node.port, 8);
    await using peer = await Peer.connect(node.port);
    for (let i = 0; i < loadedKeys; i += 1_000) {
      const pairs = Array.from({ length: 1_000 }, (_, n) => [`small ${i + n}`, "x"]);
      expect(await peer.ask("MSET", ...pairs.flat())).toBe("+OK");
    }
    expect(await ask(node.port, "SAVE")).toBe("+OK");
  }, caseMsMax);
  afterAll(() => directory[Symbol.asyncDispose]());

  test.each(variants([2], [1, 2]))(
    "agrees with itself while it loads, as a leader and as a follower, with %d threads",
    async (threads) => {
      const file = ["--snapshot-file", path(), "--threads", `${threads}`];
      await using leader = await ours.start();
      for (const follows of [[], ["--leaderaddr", leader.address]]) {
        const isFollower = follows.length > 0;
        const wanted = isFollower ? "slave $connect down loading" : "master loading";
        const found: string[] = [];
        // On a busy machine it may have loaded before anybody asked: then it starts once more.
        await waitFor(async () => {
          const port = await freePort();
          const listens = ["--listenaddr", `127.0.0.1:${port}`];
          // Without a pause: the load is over soon.
          await using reports = new SelfReports(port, 0);
          await using node = await ours.start([...file, ...follows, ...listens]);
          await waitFor(async () => {
            if (isFollower) return (await ask(node.port, "ROLE")).includes("$connected");
            return (await ask(node.port, "PING")) === "+PONG";
          }, patience);
          found.push(...reports.found);
          return reports.states.has(wanted);
        }, patience);
        expect(found).toEqual([]);
      }
    },
  );
});
