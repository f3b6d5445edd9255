/**
 * Real Redis Sentinels fail our nodes over: leaders are killed, and one is asked to step down,
 * while a client writes through ioredis's Sentinel mode. A killed leader restarts only when there
 * is a new one: if it restarted unnoticed, it would be an empty leader whose followers copy it,
 * which src/replication/README.md names as not guaranteed.
 * Invariant: a write counts as safe only if WAIT on the same connection said that a follower has
 * it.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Redis } from "ioredis";
import { caseMsMax, redisInstalled, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { type Guarded, type Member, startGuarded } from "../support/sentinels.ts";
import { redisNote } from "../support/servers.ts";
import { textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const killCount = repetitions(2, 5);
const writerPauseMs = repetitions(5, 0);
const failoverMsMax = 10_000;
const configuration =
  "# Kept over every rewrite.\nmax-memory 64mb\n\nmax-clients 500 \n# The end.\n";

/** Writes one key after the other, wherever the leader is, until it is told to stop. */
class Writer implements AsyncDisposable {
  /** What was written and acknowledged by a follower. */
  readonly safe: string[] = [];
  private readonly client: Redis;
  private readonly done: Promise<void>;
  private stopped = false;

  constructor({ name, sentinelPorts }: Guarded) {
    this.client = new Redis({
      name,
      sentinels: sentinelPorts.map((port) => ({ host: "127.0.0.1", port })),
      sentinelRetryStrategy: () => 50,
      retryStrategy: () => 50,
      // A WAIT that went out again on another connection would vouch for a write that it never saw.
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
    });
    this.client.on("error", () => {
      // Each write that fails is simply not counted.
    });
    this.done = this.run();
  }

  private async run(): Promise<void> {
    for (let i = 0; !this.stopped; i++) {
      const key = `write:${i}`;
      try {
        const results = await this.client.pipeline().set(key, key).wait(1, 100).exec();
        const [[failure] = [], [, acknowledged] = []] = results ?? [];
        if (!failure && Number(acknowledged) >= 1) this.safe.push(key);
        // Its pace: without one it takes half of a processor all the while.
        await Bun.sleep(writerPauseMs);
      } catch {
        // The leader is gone: the client looks for the next one, which takes real time.
        await Bun.sleep(10);
      }
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.client.disconnect();
  }
}

async function field(port: number, name: string): Promise<string> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO"));
  return new RegExp(`^${name}:(.*)\r$`, "m").exec(text)?.[1] ?? `no field ${name}`;
}

/** The keys that a node does not have. */
async function missing(port: number, keys: readonly string[]): Promise<string[]> {
  await using peer = await Peer.connect(port);
  for (const key of keys) peer.send("EXISTS", key);
  const replies = await peer.replies(keys.length);
  return keys.filter((_, index) => replies[index]?.value !== "1");
}

describe.skipIf(!redisInstalled())(`three redis-sentinels and three nodes${redisNote}`, () => {
  let guarded: Guarded;
  beforeAll(async () => {
    guarded = await startGuarded(configuration);
  });
  afterAll(() => guarded[Symbol.asyncDispose]());

  /** Waits until somebody other than `former` leads, and returns how long that took. */
  async function untilReplaced(former: Member): Promise<{ leader: Member; ms: number }> {
    const begin = performance.now();
    const leader = await waitFor(
      async () => {
        const present = await guarded.leader();
        return present === former ? null : present;
      },
      { message: "another leader" },
    );
    return { leader, ms: performance.now() - begin };
  }

  test(`${killCount} leaders are killed one after the other, and no safe write is lost`, async () => {
    await using writer = new Writer(guarded);
    for (let round = 0; round < killCount; round++) {
      const former = await guarded.settled();
      const before = writer.safe.length;
      await waitFor(() => writer.safe.length > before + 20, { message: "writes before the kill" });
      await former.kill();
      const safe = [...writer.safe];
      const { leader, ms } = await untilReplaced(former);
      expect(ms).toBeLessThan(failoverMsMax);
      expect(await missing(leader.port, safe)).toEqual([]);
      await expectPartialSync(leader);
      await waitFor(() => writer.safe.length > safe.length, { message: "writes after the kill" });
      await former.start();
    }
    const last = await guarded.settled();
    expect(await field(last.port, "sync_full")).toBe("1"); // the restarted one had nothing
    await writer.stop();
    for (const { port } of guarded.members) {
      // One follower vouched for the last writes; the other may get them a moment later.
      await waitFor(async () => (await missing(port, writer.safe)).length === 0);
    }
  });

  /** The follower that is left has all but the last bytes, and needs no full sync. */
  async function expectPartialSync(leader: Member): Promise<void> {
    await waitFor(async () => (await field(leader.port, "sync_partial_ok")) === "1", {
      message: "the other follower to go on with the new leader",
    });
    expect(await field(leader.port, "sync_full")).toBe("0");
  }

  test("SENTINEL FAILOVER makes a follower the leader, and the leader its follower", async () => {
    const former = await guarded.settled();
    await using bystander = await Peer.connect(former.port);
    await using sentinel = await Peer.connect(guarded.sentinelPorts[0] as number);
    expect(await sentinel.ask("SENTINEL", "FAILOVER", guarded.name)).toBe("+OK");
    const { leader, ms } = await untilReplaced(former);
    expect(ms).toBeLessThan(failoverMsMax);
    await bystander.raw.closed();
    expect(await guarded.settled()).toBe(leader);
    expect(await field(former.port, "role")).toBe("slave");
  });

  test("the configuration file names the leader, and keeps everything else", async () => {
    const leader = await guarded.settled();
    for (const member of guarded.members) {
      const text = await Bun.file(member.configFile).text();
      expect(text).toStartWith(configuration);
      const written = /^leaderaddr (.*)$/m.exec(text)?.[1];
      const follows = member === leader ? [undefined, '""'] : [`127.0.0.1:${leader.port}`];
      expect(follows).toContain(written);
    }
  });
});
