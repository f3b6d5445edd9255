/**
 * What nodes report about replication, beside a real redis-server: the fields of INFO in both
 * roles, and the address at which INFO and ROLE show a follower behind address translation.
 * Compares only fixed values: offsets and replids always differ.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled, waitFor } from "../harness.ts";
import { type Member, replicationField, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { oracle, ours, redisNote } from "../support/servers.ts";
import { textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const diskless = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"];
const announced = { ip: "10.9.8.7", port: "7654" };

const startOurs = (args: readonly string[]): Promise<Member> => ours.start(args);
const startTheirs = (args: readonly string[]): Promise<Member> => {
  return oracle.start([...diskless, ...args]) as Promise<Member>;
};

async function fieldsOf({ port }: Member): Promise<string[]> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO", "replication"));
  return [...text.matchAll(/^([^:#\r\n]+):/gm)].map(([, name]) => name as string);
}

/** Every section of INFO and its fields, without those that are named after commands. */
async function outlineOf({ port }: Member): Promise<string[]> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO", "everything"));
  const lines = text.split("\r\n").filter((line) => line !== "");
  const names = lines.map((line) => (line.startsWith("#") ? line : line.replace(/:.*/, "")));
  return names.filter((name) => !/^(cmdstat|latency_percentiles|errorstat)_/.test(name));
}

/** What the servers have sent to followers, and received from leaders. */
async function trafficOf({ port }: Member): Promise<{ sent: number; received: number }> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO", "stats"));
  const count = (name: string) => Number(new RegExp(`^${name}:(\\d+)\r$`, "m").exec(text)?.[1]);
  const [sent, received] = ["output", "input"].map((way) => {
    const bytes = count(`total_net_repl_${way}_bytes`);
    expect(count(`total_net_${way}_bytes`)).toBeGreaterThanOrEqual(bytes);
    return bytes;
  });
  return { sent: sent as number, received: received as number };
}

/** CONFIG RESETSTAT sets what INFO counts of syncs back as well. */
async function expectForgottenSyncs({ port }: Member): Promise<void> {
  await using peer = await Peer.connect(port);
  expect(textOf(await peer.typed("INFO", "stats"))).toContain("sync_full:1\r\n");
  expect(await peer.ask("CONFIG", "RESETSTAT")).toBe("+OK");
  expect(textOf(await peer.typed("INFO", "stats"))).toContain("sync_full:0\r\n");
}

describe.skipIf(!redisInstalled())(`INFO replication${redisNote}`, () => {
  test("has all of Redis's fields, on a leader, on a follower and while a link is down", async () => {
    await using stack = new AsyncDisposableStack();
    const leaders = [stack.use(await startTheirs([])), stack.use(await startOurs([]))];
    const [theirs, mine] = leaders as [Member, Member];
    const at = ({ port }: Member) => ["127.0.0.1", `${port}`];
    const theirFollower = stack.use(await startTheirs(["--replicaof", ...at(theirs)]));
    const ourFollower = stack.use(await startOurs(["--leaderaddr", at(mine).join(":")]));
    await untilCaughtUp(theirs, [theirFollower]);
    await untilCaughtUp(mine, [ourFollower]);
    expect(await fieldsOf(mine)).toEqual(expect.arrayContaining(await fieldsOf(theirs)));
    for (const leader of leaders) await expectForgottenSyncs(leader);
    const wanted = await fieldsOf(theirFollower);
    expect(await fieldsOf(ourFollower)).toEqual(expect.arrayContaining(wanted));
    for (const { process } of [theirs, mine]) process.kill("SIGKILL");
    for (const { port } of [theirFollower, ourFollower]) {
      await waitFor(async () => (await replicationField(port, "master_link_status")) === "down");
    }
    const down = await fieldsOf(theirFollower);
    expect(down).toContain("master_link_down_since_seconds");
    expect(await fieldsOf(ourFollower)).toEqual(expect.arrayContaining(down));
  });

  test("INFO has Redis's sections and fields in its order, and ours behind them", async () => {
    await using stack = new AsyncDisposableStack();
    const pairs: Member[][] = [];
    for (const [start, flag] of [
      [startTheirs, "--replicaof"],
      [startOurs, "--leaderaddr"],
    ] as const) {
      const leader = stack.use(await start([]));
      const at = flag === "--replicaof" ? ["127.0.0.1", `${leader.port}`] : [`:${leader.port}`];
      const follower = stack.use(await start([flag, ...at]));
      await untilCaughtUp(leader, [follower]);
      pairs.push([leader, follower]);
      await using peer = await Peer.connect(leader.port);
      const [before, behind] = [await trafficOf(leader), await trafficOf(follower)];
      await peer.ask("SET", "k", "x".repeat(100_000));
      await untilCaughtUp(leader, [follower]);
      expect((await trafficOf(leader)).sent - before.sent).toBeWithin(100_000, 110_000);
      expect((await trafficOf(follower)).received - behind.received).toBeWithin(100_000, 110_000);
      expect(await peer.ask("CONFIG", "RESETSTAT")).toBe("+OK");
      expect((await trafficOf(leader)).sent).toBeLessThan(1_000);
    }
    const [theirs, mine] = pairs as [Member[], Member[]];
    for (const role of [0, 1]) {
      const wanted = await outlineOf(theirs[role] as Member);
      const here = await outlineOf(mine[role] as Member);
      const known = new Set(wanted);
      expect(here.filter((name) => known.has(name))).toEqual(wanted);
    }
  });

  test.each([
    ["mscache", "redis-server", startOurs, startTheirs],
    ["redis-server", "mscache", startTheirs, startOurs],
    ["mscache", "mscache", startOurs, startOurs],
  ] as const)("%s knows a follower, %s, by what it announces", async (_, __, lead, follow) => {
    await using stack = new AsyncDisposableStack();
    const leader = stack.use(await lead([]));
    const prefix = follow === startTheirs ? "--replica-announce" : "--announce";
    const address = [`${prefix}-ip`, announced.ip, `${prefix}-port`, announced.port];
    const target =
      follow === startTheirs
        ? ["--replicaof", "127.0.0.1", `${leader.port}`]
        : ["--leaderaddr", `127.0.0.1:${leader.port}`];
    const follower = stack.use(await follow([...address, ...target]));
    await untilCaughtUp(leader, [follower]);
    expect(await replicationField(leader.port, "slave0")).toStartWith(
      `ip=${announced.ip},port=${announced.port},state=online,`,
    );
    await using peer = await Peer.connect(leader.port);
    expect(await peer.ask("ROLE")).toContain(`*[$${announced.ip} $${announced.port} `);
  });
});
