/**
 * Copies in this process while everything goes wrong: the link is cut, stands still, is slow, the
 * leader stops and continues, dies and comes back without its data, hands over to another one. What
 * a copy answers meanwhile is judged by a history of all writes. Single events are in
 * follow-link.test.ts.
 * Replay with FOLLOW_CHAOS_SEED=n, which repeats the choices and not their moments.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { LocalCopy } from "../../src/embed/copy-types.ts";
import { follow } from "../../src/embed/follow.ts";
import { connect, MSCacheError } from "../../src/index.ts";
import {
  caseMsMax,
  freePort,
  redisInstalled,
  startNode,
  startRedis,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { roomy } from "../support/copies.ts";
import { CopyHistory } from "../support/copy-history.ts";
import { replicationField } from "../support/line-ups.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, whenLong } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { leaderName, Member, startGuarded } from "../support/sentinels.ts";
import { redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);
const MiB = 1024 * 1024;
const boundMs = 200;
/** How late a time limit may be noticed on a busy machine. */
const slackMs = 5_000;
const faults = repetitions(5, 60);

/** What can be done to a leader, beside what its proxy does. */
interface Victim extends AsyncDisposable {
  readonly port: number;
  stop?(): void;
  continue?(): void;
  /** It dies, and comes back without its data. */
  die?(): Promise<void>;
  revive?(): Promise<void>;
}

async function ourLeader(): Promise<Victim> {
  const directory = await temporaryDirectory();
  const member = new Member(directory.path, await freePort(), null);
  await Bun.write(member.configFile, "max-memory 64mb\n");
  await member.start();
  return {
    port: member.port,
    stop: () => member.signal("SIGSTOP"),
    continue: () => member.signal("SIGCONT"),
    die: () => member.kill(),
    revive: () => member.start(),
    [Symbol.asyncDispose]: async () => {
      await member[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** Writes until it is told to end, over one connection after the other. */
async function write(history: CopyHistory, port: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const peer = await Peer.connect(port).catch(() => null);
    let isBroken = peer === null;
    const send = async (...command: string[]) => {
      const answer = await (peer as Peer).ask(...command).catch((error) => `-${error}`);
      if (!answer.startsWith("-")) return answer;
      isBroken = true;
      throw new Error(answer);
    };
    while (!isBroken && !signal.aborted) {
      await history.write(send);
      if (history.writes % 8 === 0) await Bun.sleep(1); // the reader's turn
    }
    peer?.breakOff();
    await Bun.sleep(5); // a leader that is gone is not asked all the time
  }
}

/** Reads until it is told to end. What is wrong is thrown. */
async function read(
  history: CopyHistory,
  copies: readonly [copy: LocalCopy, boundMs?: number][],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const [copy, bound] of copies) for (let i = 0; i < 5; i++) history.read(copy, bound);
    await Bun.sleep(1); // the writer's turn
  }
}

/** One thing goes wrong for a while. */
async function disturb(
  random: Random,
  proxy: LinkProxy,
  victim: Victim,
  history: CopyHistory,
): Promise<void> {
  // The trouble lasts for less than the bound, or for longer.
  const pause = () => Bun.sleep(random.below(2 * boundMs));
  const cut = async () => {
    proxy.cut();
    await pause();
    proxy.heal();
  };
  const hold = async () => {
    proxy.hold(random.below(20_000));
    await pause();
    if (random.chance(0.3)) proxy.cut(); // and what was held is lost
    proxy.release();
    proxy.heal();
  };
  const slow = async () => {
    proxy.delayMs = random.below(2 * boundMs);
    await pause();
    await pause();
    proxy.cut();
    proxy.delayMs = 0;
    proxy.heal();
  };
  const stop = async () => {
    victim.stop?.();
    await pause();
    victim.continue?.();
  };
  const die = async () => {
    await victim.die?.();
    history.wiped();
    await pause();
    await victim.revive?.();
  };
  const choices = [cut, hold, slow];
  if (victim.stop !== undefined) choices.push(stop, stop);
  if (victim.die !== undefined) choices.push(die);
  await random.pick(choices)();
  await pause();
}

/** Time limits hold while everything goes wrong. */
async function timesOut(copy: LocalCopy, address: string): Promise<void> {
  const began = performance.now();
  const waits = copy.waitFor(Number.MAX_SAFE_INTEGER, { timeout: 50 });
  const another = follow(address, { ...roomy, timeout: 50 }).then((it) => it.close());
  for (const result of await Promise.allSettled([waits, another])) {
    if (result.status === "rejected") expect(result.reason).toBeInstanceOf(MSCacheError);
  }
  expect(performance.now() - began).toBeLessThan(50 + slackMs);
}

const leaders = [
  { name: "mscache", isMissing: false, start: ourLeader },
  { name: `redis-server${redisNote}`, isMissing: !redisInstalled(), start: startRedis },
];

describe.each(leaders)("copies of $name", ({ isMissing, start }) => {
  test.skipIf(isMissing)("answer what the leader had, never go back, and converge", async () => {
    const random = new Random(seedFor("FOLLOW_CHAOS_SEED"));
    const history = new CopyHistory(random, { keys: 400, bytes: 4_000 });
    await using victim: Victim = await start();
    await using proxy = await LinkProxy.start(victim.port);
    await using whole = await follow(proxy.address, { maxMemory: 32 * MiB });
    await using fresh = await follow(proxy.address, { ...roomy, maxStaleness: boundMs });
    await using small = await follow(proxy.address, { maxMemory: MiB });
    const end = new AbortController();
    const writes = write(history, victim.port, end.signal);
    const reads = read(history, [[whole], [fresh, boundMs], [small]], end.signal);
    const work = (async () => {
      for (let i = 0; i < faults; i++) {
        await disturb(random, proxy, victim, history);
        if (i % 4 === 0) await timesOut(whole, proxy.address);
      }
    })();
    try {
      await Promise.race([reads, work]);
    } finally {
      victim.continue?.();
      await work;
      end.abort();
      await Promise.all([writes, reads]);
    }
    for (const copy of [whole, fresh, small]) {
      await waitFor(() => copy.state === "connected" && history.differences(copy).length === 0, {
        message: "the copy to have what the leader has",
      });
    }
    expect(whole.complete).toBe(true);
    expect(small.size).toBeLessThan(300);
    expect(history.told).toBeGreaterThan(history.unknown / 10);
  });
});

describe("a group", () => {
  test("the copy moves with the leader, by hand and by its end", async () => {
    await using a = await startNode({ threads: 1 });
    const b = await startNode({ threads: 1, leaderAddr: { host: "127.0.0.1", port: a.port } });
    await using atA = await Peer.connect(a.port);
    await atA.ask("SET", "k", "1");
    await using copy = await follow([b.address, a.address], { ...roomy, maxStaleness: 2_000 });
    expect([copy.get("k"), await replicationField(a.port, "connected_slaves")]).toEqual(["1", "2"]);
    await using atB = await Peer.connect(b.port);
    await atB.ask("REPLICAOF", "NO", "ONE");
    await atA.ask("REPLICAOF", "127.0.0.1", b.port);
    await atB.ask("SET", "k", "2");
    await waitFor(() => copy.get("k") === "2", { message: "the write at the new leader" });
    await waitFor(async () => (await replicationField(b.port, "connected_slaves")) === "2", {
      message: "the copy to be at the new leader itself",
    });
    await b[Symbol.asyncDispose]();
    await using again = await Peer.connect(a.port);
    await again.ask("REPLICAOF", "NO", "ONE");
    await again.ask("SET", "k", "3");
    await waitFor(() => copy.get("k") === "3", { message: "the write at the last one" });
  });

  test("an idle leader is asked, so that a short bound holds without writes", async () => {
    await using leader = await startNode({ threads: 1 });
    await using copy = await follow(leader.address, { ...roomy, maxStaleness: 1_000 });
    for (let i = 0; i < 3; i++) {
      await waitFor(() => copy.lag.ms > 100);
      await waitFor(() => copy.lag.ms < 100, { message: "the next answer" });
      expect([copy.get("none"), copy.complete]).toEqual([null, true]);
    }
  });
});

whenLong(() => {
  test.skipIf(!redisInstalled())(`under Sentinels${redisNote}`, async () => {
    await using guarded = await startGuarded("max-memory 64mb\n");
    const sentinels = guarded.sentinelPorts.map((port) => `127.0.0.1:${port}`);
    await using copy = await follow(sentinels, { ...roomy, sentinel: leaderName });
    await using client = await connect(sentinels, { sentinel: leaderName });
    for (const [round, how] of ["kill", "stop"].entries()) {
      const former = await guarded.settled();
      await client.set("round", `${round}`);
      await waitFor(() => copy.get("round") === `${round}`, { message: "the write" });
      if (how === "kill") await former.kill();
      else former.signal("SIGSTOP");
      const write = client.with({ timeout: 1_000 });
      await waitFor(() => write.set("moved", `${round}`).catch(() => false), {
        message: "the next leader",
      });
      await waitFor(() => copy.get("moved") === `${round}`, { message: "the copy to be there" });
      if (how === "kill") await former.start();
      else former.signal("SIGCONT");
    }
  });
});
