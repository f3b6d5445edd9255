// Replication between our nodes, between redis-servers, and between the two: how long a full sync
// takes while the leader serves, how long the leader's other clients wait meanwhile, and how far a
// follower lags under a steady load of writes. Every server may use all processors, since leader
// and follower share a machine here.
// Invariant: after each full sync the follower has as many items as its leader; otherwise there is
// no figure.

import { preload, runBench } from "../../src/bench/load-run.ts";
import { Probe } from "./probe.ts";
import {
  assertServed,
  type RunningServer,
  type ServerSpec,
  startServers,
  workloadFor,
} from "./servers.ts";
import { alternate, type Benchmark, type Cell, type Context, fixed, median } from "./suite.ts";
import { type Turns, turnCells, turnColumns, turnsOf } from "./turns.ts";

const connectionCount = 8;
const linkPollMs = 2;
const syncMsMax = 120_000;
const maxMemoryBytes = 1024 ** 3;
/** Clients that ping the leader during a full sync: enough to count, too few to slow it down. */
const pingingClients = 4;
const pingPauseMs = 2;
/** A wait that a client would notice; the same bound as for turns. */
const shortMs = 10;
const writesPerSecond = 20_000;
const lagPauseMs = 2;

interface Pair {
  readonly name: string;
  readonly specs: readonly [leader: ServerSpec, follower: ServerSpec];
}

interface Sample {
  readonly pair: string;
  readonly syncMs: number;
  readonly pings: number;
  /** Pings that were answered within `shortMs`. */
  readonly shortPings: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly turns: Turns;
  readonly lag: { readonly p50: number; readonly p99: number; readonly max: number };
}

export const replication: Benchmark = {
  name: "replication",
  summary: "time of a full sync, its effect on clients, and a follower's lag",
  async run(context) {
    const pairs = pairsOf(context);
    const samples: Sample[] = [];
    for (let round = 0; round < context.rounds; round++) {
      for (const pair of alternate(pairs, round)) {
        context.say(`replication: round ${round + 1}, ${pair.name}`);
        samples.push(await measure(context, pair));
      }
    }
    return [syncTable(context, pairs, samples), lagTable(pairs, samples)];
  },
};

function pairsOf({ servers }: Context): Pair[] {
  const replicating = servers.filter(({ protocol }) => protocol === "resp");
  return replicating.flatMap((leader) => {
    return replicating.map((follower): Pair => {
      return { name: `${leader.name} -> ${follower.name}`, specs: [leader, follower] };
    });
  });
}

async function measure(context: Context, { name, specs }: Pair): Promise<Sample> {
  const options = { maxMemoryBytes: maxMemoryBytes, unpinned: true };
  await using servers = await startServers(specs, options);
  const [leader, follower] = servers.running;
  const keys = context.smoke ? 5_000 : 1_000_000;
  const workload = workloadFor(leader, { keys });
  assertServed(leader, await preload(leader.target, workload, connectionCount), name);
  const served = await whileSyncing(leader, follower, keys);
  const lags = await lagUnderWrites(leader, follower, context.smoke ? 0.2 : 10, keys);
  return {
    ...{ pair: name, ...served },
    lag: { p50: share(lags, 0.5), p99: share(lags, 0.99), max: Math.max(...lags) },
  };
}

// ---- the full sync ------------------------------------------------------------------------------

async function whileSyncing(leader: RunningServer, follower: RunningServer, keys: number) {
  await using order = await Probe.connect(follower.target.port);
  await using operator = await Probe.connect(leader.target.port);
  // Redis waits for more followers by default; our node has no such option and returns an error.
  await operator.ask("CONFIG", "SET", "repl-diskless-sync-delay", "0");
  await leader.resetStatistics();
  const pings = pingUntilStopped(leader.target.port);
  const begin = performance.now();
  await order.ask("REPLICAOF", leader.target.host, String(leader.target.port));
  await untilLinkIsUp(order);
  const syncMs = performance.now() - begin;
  const waits = await pings.stop();
  const turns = turnsOf(await leader.statistics());
  const items = await follower.items();
  if (items !== keys) throw new Error(`the follower has ${items} of ${keys} items`);
  const shortPings = waits.filter((wait) => wait < shortMs).length;
  const [p99Ms, p999Ms] = [share(waits, 0.99), share(waits, 0.999)];
  const maxMs = Math.max(...waits);
  return { syncMs, pings: waits.length, shortPings, p99Ms, p999Ms, maxMs, turns };
}

async function untilLinkIsUp(follower: Probe): Promise<void> {
  const deadline = performance.now() + syncMsMax;
  while (performance.now() < deadline) {
    // A loading server may refuse this.
    if ((await follower.ask("INFO", "replication")).includes("master_link_status:up")) return;
    await Bun.sleep(linkPollMs);
  }
  throw new Error(`the follower's link was not up after ${syncMsMax} ms`);
}

/** How long the leader's clients wait meanwhile: every ping counts, including late ones. */
function pingUntilStopped(port: number): { stop(): Promise<number[]> } {
  let isOver = false;
  const waits: number[] = [];
  const pingInTurn = async () => {
    await using probe = await Probe.connect(port);
    do {
      waits.push(await probe.ping());
      await Bun.sleep(pingPauseMs);
    } while (!isOver);
  };
  const work = Promise.all(Array.from({ length: pingingClients }, pingInTurn));
  return {
    stop: async () => {
      isOver = true;
      await work;
      return waits;
    },
  };
}

// ---- the lag ------------------------------------------------------------------------------------

/** Milliseconds from the reply to a write until the follower has it. */
async function lagUnderWrites(
  leader: RunningServer,
  follower: RunningServer,
  seconds: number,
  keys: number,
): Promise<number[]> {
  const workload = workloadFor(leader, { keys, gets: 0, sets: 1 });
  const plan = { connections: connectionCount, rate: writesPerSecond, seconds };
  const load = runBench(leader.target, workload, plan);
  const lags: number[] = [];
  let isOver = false;
  const probing = (async () => {
    await using writer = await Probe.connect(leader.target.port);
    await using reader = await Probe.connect(follower.target.port);
    while (!isOver || lags.length === 0) {
      lags.push(await lagOfOneWrite(writer, reader, String(lags.length)));
      await Bun.sleep(lagPauseMs);
    }
  })();
  assertServed(leader, await load, "writes");
  isOver = true;
  await probing;
  return lags;
}

async function lagOfOneWrite(writer: Probe, reader: Probe, value: string): Promise<number> {
  await writer.ask("SET", "replication lag", value);
  const begin = performance.now();
  while ((await reader.ask("GET", "replication lag")) !== value) {
    // the next look
  }
  return performance.now() - begin;
}

// ---- tables -------------------------------------------------------------------------------------

function share(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

function cellOf(own: readonly Sample[], pick: (sample: Sample) => number, digits: number): Cell {
  return fixed(median(own.map(pick)), digits);
}

function syncTable(context: Context, pairs: readonly Pair[], samples: readonly Sample[]) {
  const items = context.smoke ? "5 thousand" : "a million";
  return {
    title: `Full sync of ${items} 100-byte items, milliseconds`,
    columns: [
      ...["leader -> follower", "sync", "pings", "ping p99", "p99.9", "max"],
      ...["% of pings under 10 ms", ...turnColumns],
    ],
    rows: pairs.map(({ name }) => {
      const own = samples.filter(({ pair }) => pair === name);
      return [
        name,
        cellOf(own, ({ syncMs }) => syncMs, 0),
        sum(own, ({ pings }) => pings),
        ...[cellOf(own, ({ p99Ms }) => p99Ms, 2), cellOf(own, ({ p999Ms }) => p999Ms, 2)],
        fixed(Math.max(...own.map(({ maxMs }) => maxMs)), 2),
        fixed((100 * sum(own, ({ shortPings }) => shortPings)) / sum(own, ({ pings }) => pings), 2),
        ...turnCells(own.map(({ turns }) => turns)),
      ];
    }),
    notes: [
      "Sync: from REPLICAOF to master_link_status:up. Ping: how long other clients of the leader wait.",
      "Pings and turns are counted over all rounds together, and the longest of them is shown.",
      "Redis walks a copy of its memory in a forked process; our leader walks it between commands.",
    ],
    raw: samples,
  };
}

function sum(own: readonly Sample[], pick: (sample: Sample) => number): number {
  return own.reduce((total, sample) => total + pick(sample), 0);
}

function lagTable(pairs: readonly Pair[], samples: readonly Sample[]) {
  return {
    title: `A follower's lag at ${writesPerSecond} writes a second, milliseconds`,
    columns: ["leader -> follower", "p50", "p99", "max"],
    rows: pairs.map(({ name }) => {
      const own = samples.filter(({ pair }) => pair === name);
      return [
        name,
        cellOf(own, ({ lag }) => lag.p50, 2),
        cellOf(own, ({ lag }) => lag.p99, 2),
        cellOf(own, ({ lag }) => lag.max, 2),
      ];
    }),
    notes: ["From the reply to a SET until a GET on the follower returns it; 100-byte values."],
  };
}
