/**
 * A snapshot that its leader made while it wrote has a transaction by half, until the stream has
 * brought the rest. No client of a follower may see that: it gets what was there before, LOADING,
 * or all of it. At first with a leader of prepared bytes, whose stream is held back; then with real
 * leaders under load behind a slow link. redis-server is judged by the same history: its snapshot
 * is that of one moment.
 * Replay with SETTLED_SEED=n, which repeats the choices and not their moments.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled, type SpawnedNode, type TestNode, waitFor } from "../harness.ts";
import { replicationField, standingOf } from "../support/line-ups.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, variants, whenLong } from "../support/repetitions.ts";
import { ScriptedLeader } from "../support/scripted-leader.ts";
import { Random, seedFor } from "../support/seed.ts";
import { forAllCases, oracle, ours, redisNote } from "../support/servers.ts";
import { type UnsettledOptions, UnsettledSnapshot } from "../support/unsettled-snapshot.ts";

setDefaultTimeout(caseMsMax);
const MiB = 1024 * 1024;
/** Data threads. */
const threadCounts = variants([2], [1, 4]);
/** The answers to PING and to two REPLCONF. */
const handshakeBytes = "+PONG\r\n+OK\r\n+OK\r\n".length;

/** A follower that has read the snapshot, and of the stream all but so many bytes. */
async function unsettled(
  stack: AsyncDisposableStack,
  follower: SpawnedNode,
  options: UnsettledOptions = {},
  heldBytes?: number,
) {
  const { bytes, stream } = new UnsettledSnapshot(options);
  const leader = stack.use(await ScriptedLeader.start(() => ({ bytes, staysOpen: true })));
  const proxy = stack.use(await LinkProxy.start(leader.port));
  proxy.hold(handshakeBytes + bytes.length - (heldBytes ?? stream.length));
  const peer = stack.use(await Peer.connect(follower.port));
  expect(await peer.ask("REPLICAOF", "127.0.0.1", proxy.port)).toBe("+OK");
  await waitFor(() => proxy.isHolding, { message: "the stream to stand still" });
  return { proxy, peer };
}

const pairOf = (peer: Peer) => peer.ask("MGET", "a", "b");

describe.each(threadCounts)("a snapshot that is not settled, %d data threads", (threads) => {
  const shared = forAllCases(() => ours.start(["--threads", `${threads}`]));

  /** It leads, pauses nobody, and has no data. */
  const emptied = async (): Promise<SpawnedNode> => {
    await using peer = await Peer.connect(shared().port);
    for (const command of [["CLIENT", "UNPAUSE"], ["REPLICAOF", "NO", "ONE"], ["FLUSHALL"]]) {
      expect(await peer.ask(...command)).toBe("+OK");
    }
    return shared();
  };

  test("leaves the old data readable until the stream has brought the rest", async () => {
    await using stack = new AsyncDisposableStack();
    const follower = await emptied();
    await using writer = await Peer.connect(follower.port);
    expect(await writer.ask("MSET", "a", "before", "b", "before")).toBe("+OK");
    const { proxy, peer } = await unsettled(stack, follower);
    for (let i = 0; i < 50; i++) expect(await pairOf(peer)).toBe("*[$before $before]");
    expect((await standingOf(follower.port)).link).toBe("sync");
    expect(await replicationField(follower.port, "master_link_status")).toBe("down");
    proxy.release();
    await waitFor(async () => (await pairOf(peer)) === "*[$new $new]");
    expect((await standingOf(follower.port)).link).toBe("connected");
    expect(await replicationField(follower.port, "master_link_status")).toBe("up");
  });

  test("is answered with LOADING until then by a node without data", async () => {
    await using stack = new AsyncDisposableStack();
    const { proxy, peer } = await unsettled(stack, await emptied());
    await waitFor(async () => (await pairOf(peer)).startsWith("-LOADING"));
    for (let i = 0; i < 50; i++) expect(await pairOf(peer)).toStartWith("-LOADING");
    proxy.release();
    await waitFor(async () => !(await pairOf(peer)).startsWith("-LOADING"));
    expect(await pairOf(peer)).toBe("*[$new $new]");
  });

  test("is loaded while clients are paused, with what belongs to it", async () => {
    await using stack = new AsyncDisposableStack();
    const follower = await emptied();
    await using writer = await Peer.connect(follower.port);
    await writer.ask("MSET", "a", "before", "b", "before");
    const { proxy, peer } = await unsettled(stack, follower);
    expect(await peer.ask("CLIENT", "PAUSE", caseMsMax, "WRITE")).toBe("+OK");
    proxy.release();
    await waitFor(async () => (await pairOf(peer)) === "*[$new $new]");
  });

  test("leaves the old data to a node that is promoted before", async () => {
    await using stack = new AsyncDisposableStack();
    const follower = await emptied();
    await using writer = await Peer.connect(follower.port);
    await writer.ask("MSET", "a", "before", "b", "before");
    const { peer } = await unsettled(stack, follower);
    expect(await peer.ask("REPLICAOF", "NO", "ONE")).toBe("+OK");
    expect(await pairOf(peer)).toBe("*[$before $before]");
    expect(await peer.ask("SET", "a", "after")).toBe("+OK");
  });

  test("leaves nothing to a node that had no data, if its link is cut before", async () => {
    await using stack = new AsyncDisposableStack();
    const follower = await emptied();
    const { proxy, peer } = await unsettled(stack, follower);
    await waitFor(async () => (await pairOf(peer)).startsWith("-LOADING"));
    proxy.cut();
    await waitFor(async () => (await standingOf(follower.port)).link === "connect");
    expect([await pairOf(peer), await peer.ask("DBSIZE")]).toEqual(["*[$null $null]", ":0"]);
    proxy.release();
    proxy.heal();
    await waitFor(async () => (await pairOf(peer)) === "*[$new $new]");
  });

  test("is hidden behind LOADING where more of the stream belongs to it than is kept", async () => {
    await using stack = new AsyncDisposableStack();
    const follower = await emptied();
    await using writer = await Peer.connect(follower.port);
    await writer.ask("MSET", "a", "before", "b", "before");
    const { proxy, peer } = await unsettled(stack, follower, { padding: 5 * MiB }, 20);
    await waitFor(async () => (await pairOf(peer)).startsWith("-LOADING"));
    for (let i = 0; i < 50; i++) expect(await pairOf(peer)).toStartWith("-LOADING");
    proxy.release();
    await waitFor(async () => !(await pairOf(peer)).startsWith("-LOADING"));
    expect(await pairOf(peer)).toBe("*[$new $new]");
  });
});

// ---- a history ----------------------------------------------------------------------------------

const pairs = 200;
const fillers = repetitions(5_000, 20_000);
const syncs = repetitions(2, 20);
/** After so many transactions a writer pauses. */
const burst = repetitions(1, 4);
/** In which writers and readers leave the machine to the others. */
const turnMs = repetitions(3, 1);
/** What a follower's link is late by: so long its snapshot would be seen unsettled. */
const delayMs = 40;

/** Writes pairs, each in a transaction, with numbers that grow, until it is stopped. */
async function load(
  port: number,
  name: string,
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  await using peer = await Peer.connect(port);
  for (let number = 1; !signal.aborted; number++) {
    const pair = random.below(pairs);
    const value = `${name} ${number}`;
    const sets = ["x", "y"].map((half) => ["SET", `${half}:${pair}`, value]);
    peer.sendAll([["MULTI"], ...sets, ["EXEC"]]);
    await peer.replies(4);
    if (number % burst === 0) await Bun.sleep(turnMs); // the others' turn
  }
}

interface Seen {
  whole: number;
  loading: number;
}

/** Reads pairs until it is stopped; rejects with what no reader may see. */
async function judge(port: number, signal: AbortSignal): Promise<Seen> {
  await using peer = await Peer.connect(port);
  const newest = new Map<string, number>();
  const seen = { whole: 0, loading: 0 };
  for (let at = 0; !signal.aborted; at++) {
    const pair = at % pairs;
    const reply = await peer.ask("MGET", `x:${pair}`, `y:${pair}`);
    if (reply.startsWith("-LOADING")) seen.loading++;
    else if (reply !== "*[$null $null]") {
      const [, x, y] = /^\*\[\$(\w+ \d+) \$(\w+ \d+)\]$/.exec(reply) ?? [];
      if (x === undefined || x !== y) throw new Error(`half of a transaction: ${reply}`);
      const [name, number] = x.split(" ");
      const before = newest.get(`${pair} ${name}`) ?? 0;
      if (Number(number) < before) throw new Error(`${reply} after ${before}`);
      newest.set(`${pair} ${name}`, Number(number));
      seen.whole++;
    }
    if (at % 8 === 0) await Bun.sleep(turnMs); // the others' turn
  }
  return seen;
}

/** A leader under load, behind a slow link. */
async function busyLeader(stack: AsyncDisposableStack, server: TestNode) {
  await using peer = await Peer.connect(server.port);
  const filler = "f".repeat(100);
  peer.sendAll(Array.from({ length: fillers }, (_, i) => ["SET", `filler:${i}`, filler]));
  await peer.replies(fillers);
  const proxy = stack.use(await LinkProxy.start(server.port));
  proxy.delayMs = delayMs;
  return proxy;
}

const names = ["one", "two"] as const;

async function follow(follower: TestNode, proxy: LinkProxy): Promise<void> {
  await using peer = await Peer.connect(follower.port);
  expect(await peer.ask("REPLICAOF", "127.0.0.1", proxy.port)).toBe("+OK");
}

/** Has a follower go from one leader to the other and back, each time by a full sync. */
async function history(start: () => Promise<TestNode>): Promise<void> {
  const random = new Random(seedFor("SETTLED_SEED"));
  await using stack = new AsyncDisposableStack();
  const follower = stack.use(await start());
  const leaders = [stack.use(await start()), stack.use(await start())];
  const proxies: LinkProxy[] = [];
  for (const leader of leaders) proxies.push(await busyLeader(stack, leader));
  const end = new AbortController();
  const work = leaders.map(({ port }, i) => {
    return load(port, names[i] as string, new Random(random.below(2 ** 32)), end.signal);
  });
  await follow(follower, proxies[1] as LinkProxy); // a node that is demoted closes its clients
  const readers = [judge(follower.port, end.signal), judge(follower.port, end.signal)];
  const turns = async () => {
    await using peer = await Peer.connect(follower.port);
    for (let sync = 0; sync < syncs; sync++) {
      await follow(follower, proxies[sync % 2] as LinkProxy);
      await waitFor(async () => (await peer.ask("GET", "x:0")).startsWith(`$${names[sync % 2]} `), {
        message: `the data of ${names[sync % 2]}`,
      });
      // The link is late by this time, in which readers look at what comes right after a sync.
      await Bun.sleep(delayMs);
    }
  };
  try {
    await Promise.race([turns(), Promise.all(readers)]);
  } finally {
    end.abort();
    await Promise.all(work);
  }
  const seen = await Promise.all(readers);
  expect(Math.min(...seen.map(({ whole }) => whole))).toBeGreaterThan(0);
}

test.each(threadCounts)(
  "no reader meets half of a transaction, %d data threads",
  async (threads) => {
    await history(() => ours.start(["--threads", `${threads}`]));
  },
);

whenLong(() =>
  test.skipIf(!redisInstalled())(`nor does one of redis-server${redisNote}`, async () => {
    await history(() => oracle.start(["--repl-diskless-sync-delay", "0"]));
  }),
);
