// Server CPU per operation: user and system time of the whole server process divided by the
// operations it answered, which decides how much a cache costs; and throughput. All servers run at
// the same time, and each case visits them in several short turns, in an order that rotates every
// round, so noise affects all of them: a shared machine is slower for seconds on end.
// Invariant: nothing is timed before every server has returned what was written, nor before it has
// run the same load untimed, since what a process compiles in its first second is no operation.

import { preload, type Result, runBench } from "../../src/bench/load-run.ts";
import type { Workload } from "../../src/bench/workload.ts";
import { againstTable, type Comparison } from "./against.ts";
import { casesOf, groupsOf, type LoadCase, type LoadGroup, loadRow, rowsOf } from "./cpu-cases.ts";
import {
  assertCorrect,
  assertServed,
  type RunningServer,
  startServers,
  workloadFor,
} from "./servers.ts";
import {
  alternate,
  type Benchmark,
  type Cell,
  type Context,
  fixed,
  median,
  type Table,
} from "./suite.ts";

interface Sample {
  readonly round: number;
  readonly server: string;
  readonly group: string;
  readonly case: string;
  readonly microsPerOperation: number;
  readonly operationsPerSecond: number;
  readonly generatorCpuShare: number;
  readonly refused: number;
}

const connectionCount = 50;
/** How often a case visits each server in one round. */
const turnsPerCase = 6;

export const cpu: Benchmark = {
  name: "cpu",
  summary: "server CPU per operation and throughput",
  async run(context) {
    const samples: Sample[] = [];
    for (let round = 0; round < context.rounds; round++) {
      for (const group of groupsOf(context)) {
        context.say(`cpu: round ${round + 1} of ${context.rounds}, ${group.name}`);
        samples.push(...(await measureGroup(context, group, round)));
      }
    }
    return [
      ...groupsOf(context).flatMap((group) => [
        tableOf(context, group, samples),
        ...evictionTables(context, group, samples),
      ]),
      ...(context.against === ""
        ? []
        : [againstTable(context.against, comparisons(context, samples))]),
    ];
  },
};

async function measureGroup(context: Context, group: LoadGroup, round: number): Promise<Sample[]> {
  const options = { maxMemoryBytes: group.maxMemoryBytes };
  await using servers = await startServers(alternate(context.servers, round), options);
  const samples: Sample[] = [];
  for (const server of servers.running) {
    await assertCorrect(server);
    const workload = groupWorkload(server, group);
    await preload(server.target, otherKeys(workload), connectionCount);
    const tally = new Tally(server, group, loadRow);
    await tally.add(() => preload(server.target, workload, connectionCount));
    samples.push(tally.sample(round));
  }
  for (const one of casesOf(context, group)) {
    samples.push(...(await measure(context, servers.running, one, round)));
  }
  return samples;
}

/** What the turns of one case have cost one server. */
class Tally {
  private readonly server: RunningServer;
  private readonly group: LoadGroup;
  private readonly name: string;
  private cpuSeconds = 0;
  private seconds = 0;
  private generatorSeconds = 0;
  private operations = 0;
  private refused = 0;

  constructor(server: RunningServer, group: LoadGroup, name: string) {
    this.server = server;
    this.group = group;
    this.name = name;
  }

  async add(run: () => Promise<Result>): Promise<void> {
    const { server, group, name } = this;
    const before = server.cpuSeconds();
    const result = await run();
    this.cpuSeconds += server.cpuSeconds() - before;
    assertServed(server, result, `${group.name}: ${name}`);
    this.seconds += result.elapsedSeconds;
    this.generatorSeconds += result.generatorCpuShare * result.elapsedSeconds;
    this.operations += result.operations;
    this.refused += result.errors;
  }

  sample(round: number): Sample {
    const { server, group, name, operations, refused, seconds } = this;
    return {
      ...{ round, server: server.spec.name, group: group.name, case: name, refused },
      microsPerOperation: (this.cpuSeconds / operations) * 1e6,
      operationsPerSecond: operations / seconds,
      generatorCpuShare: this.generatorSeconds / seconds,
    };
  }
}

function groupWorkload(server: RunningServer, group: LoadGroup): Workload {
  const { keys, valueBytes, ttlSeconds } = group;
  return workloadFor(server, {
    ...{ keys, ttlSeconds, valueBytesMin: valueBytes, valueBytesMax: valueBytes },
  });
}

/**
 * Keys that are not the workload's: a process compiles during its first million SETs. After half of
 * them, compiler threads cost 60 to 80 ns for each SET of the load that follows, after all 13.
 */
function otherKeys(workload: Workload): Workload {
  const { keys, keyLengthBytes } = workload;
  const valueBytes = Math.min(100, workload.valueBytesMin);
  return {
    ...{ ...workload, keys, keyLengthBytes: keyLengthBytes + 1 },
    ...{ valueBytesMin: valueBytes, valueBytesMax: valueBytes },
  };
}

/** Runs an untimed part first, to warm up compilers and caches with the same load. */
async function measure(
  context: Context,
  servers: readonly RunningServer[],
  one: LoadCase,
  round: number,
): Promise<Sample[]> {
  const { group, gets, sets, depth } = one;
  const seconds = context.smoke ? 0.02 : context.quick ? 1.5 : 2;
  const turns = context.smoke ? 1 : turnsPerCase;
  const run = (server: RunningServer, turn: number, lasting: number) => {
    const workload = { ...groupWorkload(server, group), gets, sets, depth };
    const seed = workload.seed + round * (turns + 1) + turn;
    const plan = { connections: connectionCount, seconds: lasting };
    return runBench(server.target, { ...workload, seed }, plan);
  };
  for (const server of servers) await run(server, 0, seconds / 2);
  const tallies = servers.map((server) => new Tally(server, group, one.name));
  for (let turn = 1; turn <= turns; turn++) {
    for (const [i, server] of servers.entries()) {
      await tallies[i].add(() => run(server, turn, seconds / turns));
    }
  }
  return tallies.map((tally) => tally.sample(round));
}

function tableOf(context: Context, group: LoadGroup, samples: readonly Sample[]) {
  const names = context.servers.map((server) => server.name);
  const own = samples.filter((sample) => sample.group === group.name);
  const compares = names.includes("mscache") && names.includes("redis");
  return {
    title: `CPU per operation, microseconds, and thousand operations a second: ${group.name}`,
    columns: [
      "load",
      ...names.map((name) => `${name} us`),
      ...(compares ? ["mscache/redis"] : []),
      ...names.map((name) => `${name} k/s`),
    ],
    rows: rowsOf(context, group).map((row) => rowOf(row, names, compares, own)),
    notes: names.flatMap((name) => refusalsOf(name, own)),
    raw: own,
  };
}

function refusalsOf(server: string, own: readonly Sample[]): string[] {
  const refused = own
    .filter((sample) => sample.server === server)
    .reduce((sum, sample) => sum + sample.refused, 0);
  return refused === 0 ? [] : [`${server} answered ${refused} requests by an error.`];
}

function rowOf(row: string, names: string[], compares: boolean, own: readonly Sample[]): Cell[] {
  const micros = (server: string) => medianOf(own, server, row, (s) => s.microsPerOperation);
  const rate = (server: string) => medianOf(own, server, row, (s) => s.operationsPerSecond);
  return [
    row,
    ...names.map((name) => fixed(micros(name), 2)),
    ...(compares ? [fixed(micros("mscache") / micros("redis"), 2)] : []),
    ...names.map((name) => fixed(rate(name) / 1000, 1)),
  ];
}

function medianOf(
  own: readonly Sample[],
  server: string,
  row: string,
  pick: (sample: Sample) => number,
): number {
  return median(own.filter((s) => s.case === row && s.server === server).map(pick));
}

/** Compares ours with the server of another commit, round by round. */
function comparisons({ against }: Context, samples: readonly Sample[]): Comparison[] {
  const loads = new Map<string, { load: string; here: number[]; there: number[] }>();
  for (const { server, group, case: name, microsPerOperation } of samples) {
    const load = `${group}: ${name}`;
    const entry = loads.get(load) ?? { load, here: [], there: [] };
    loads.set(load, entry);
    if (server === "mscache") entry.here.push(microsPerOperation);
    if (server === against) entry.there.push(microsPerOperation);
  }
  return [...loads.values()];
}

/** The cost of eviction: the load with full memory over the same load with enough memory. */
function evictionTables(context: Context, group: LoadGroup, samples: readonly Sample[]): Table[] {
  const plain = samples.filter((sample) => sample.group === group.plainName);
  if (plain.length === 0) return [];
  const full = samples.filter((sample) => sample.group === group.name);
  const names = context.servers.map((server) => server.name);
  const ratio = (server: string, row: string) => {
    const micros = (own: readonly Sample[]) =>
      medianOf(own, server, row, (one) => one.microsPerOperation);
    return fixed(micros(full) / micros(plain), 2);
  };
  return [
    {
      title: `CPU, evicting to plain: ${group.plainName}`,
      columns: ["load", ...names],
      rows: rowsOf(context, group).map((row) => [row, ...names.map((name) => ratio(name, row))]),
      notes: [
        "New keys: each SET adds one; with full memory, three of four evict another.",
        "Other SETs: if all keys fit, they overwrite; with full memory, three of four are of keys",
        "that were evicted. GETs: three of four miss, which is cheaper than a hit.",
      ],
    },
  ];
}
