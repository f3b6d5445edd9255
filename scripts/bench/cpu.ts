// Server CPU per operation: user and system time of the whole server process divided by the
// operations it answered, which decides how much a cache costs; and throughput. All servers run at
// the same time, and each case visits them in turn, in an order that rotates every round, so noise
// affects all of them.
// Invariant: nothing is timed before every server has returned what was written.

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
    const load = () => preload(server.target, workload, connectionCount);
    samples.push(await sample(server, group, loadRow, round, load));
  }
  for (const one of casesOf(context, group)) {
    for (const server of servers.running) samples.push(await measure(context, server, one, round));
  }
  return samples;
}

/** The CPU time that the server spent on a run. */
async function sample(
  server: RunningServer,
  group: LoadGroup,
  name: string,
  round: number,
  run: () => Promise<Result>,
): Promise<Sample> {
  const before = server.cpuSeconds();
  const result = await run();
  const spent = server.cpuSeconds() - before;
  assertServed(server, result, `${group.name}: ${name}`);
  return {
    ...{ round, server: server.spec.name, group: group.name, case: name },
    microsPerOperation: (spent / result.operations) * 1e6,
    operationsPerSecond: result.operationsPerSecond,
    generatorCpuShare: result.generatorCpuShare,
    refused: result.errors,
  };
}

function groupWorkload(server: RunningServer, group: LoadGroup): Workload {
  const { keys, valueBytes, ttlSeconds } = group;
  return workloadFor(server, {
    ...{ keys, ttlSeconds, valueBytesMin: valueBytes, valueBytesMax: valueBytes },
  });
}

/** Runs an untimed part first, to warm up compilers and caches with the same load. */
async function measure(
  context: Context,
  server: RunningServer,
  one: LoadCase,
  round: number,
): Promise<Sample> {
  const { gets, sets, depth } = one;
  const workload = { ...groupWorkload(server, one.group), gets, sets, depth };
  const seconds = context.smoke ? 0.02 : context.quick ? 1.5 : 2;
  await runBench(server.target, workload, { connections: connectionCount, seconds: seconds / 2 });
  const timed = { ...workload, seed: workload.seed + round + 1 };
  return sample(server, one.group, one.name, round, () =>
    runBench(server.target, timed, { connections: connectionCount, seconds }),
  );
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
