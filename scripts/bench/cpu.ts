// Server CPU per operation: user and system time of the whole server process over the
// operations it answered, the figure that decides how much a cache costs, with throughput
// beside it. All servers stand at the same time, and each case visits them one after another,
// in an order that turns round every round, so that a noisy machine is noisy for all.
// Invariant: nothing is timed before every server gave back what was written.

import { preload, runBench } from "../../src/bench/run.ts";
import type { Workload } from "../../src/bench/workload.ts";
import { casesOf, groupsOf, type LoadCase, type LoadGroup } from "./cpu-cases.ts";
import {
  assertCorrect,
  assertServed,
  type RunningServer,
  startServers,
  workloadFor,
} from "./servers.ts";
import { alternate, type Benchmark, type Cell, type Context, fixed, median } from "./suite.ts";

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

const CONNECTIONS = 50;

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
    return groupsOf(context).map((group) => tableOf(context, group, samples));
  },
};

async function measureGroup(context: Context, group: LoadGroup, round: number): Promise<Sample[]> {
  const options = { maxMemoryBytes: group.maxMemoryBytes };
  await using servers = await startServers(alternate(context.servers, round), options);
  for (const server of servers.running) {
    await assertCorrect(server);
    const loaded = await preload(server.target, groupWorkload(server, group), CONNECTIONS);
    assertServed(server, loaded, group.name);
  }
  const samples: Sample[] = [];
  for (const one of casesOf(context, group)) {
    for (const server of servers.running) samples.push(await measure(context, server, one, round));
  }
  return samples;
}

function groupWorkload(server: RunningServer, group: LoadGroup): Workload {
  const { keys, valueBytes, ttlSeconds } = group;
  return workloadFor(server, {
    ...{ keys, ttlSeconds, valueBytesMin: valueBytes, valueBytesMax: valueBytes },
  });
}

/** An untimed part first, so that compilers and caches have met this very load. */
async function measure(
  context: Context,
  server: RunningServer,
  one: LoadCase,
  round: number,
): Promise<Sample> {
  const { gets, sets, depth } = one;
  const workload = { ...groupWorkload(server, one.group), gets, sets, depth };
  const seconds = context.smoke ? 0.1 : 2;
  await runBench(server.target, workload, { connections: CONNECTIONS, seconds: seconds / 2 });
  const before = server.cpuSeconds();
  const result = await runBench(
    server.target,
    { ...workload, seed: workload.seed + round + 1 },
    { connections: CONNECTIONS, seconds },
  );
  const spent = server.cpuSeconds() - before;
  assertServed(server, result, one.name);
  return {
    ...{ round, server: server.spec.name, group: one.group.name, case: one.name },
    microsPerOperation: (spent / result.operations) * 1e6,
    operationsPerSecond: result.operationsPerSecond,
    generatorCpuShare: result.generatorCpuShare,
    refused: result.errors,
  };
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
    rows: casesOf(context, group).map((one) => rowOf(one, names, compares, own)),
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

function rowOf(one: LoadCase, names: string[], compares: boolean, own: readonly Sample[]): Cell[] {
  const of = (server: string, pick: (sample: Sample) => number) =>
    median(own.filter((s) => s.case === one.name && s.server === server).map(pick));
  const micros = (server: string) => of(server, (sample) => sample.microsPerOperation);
  const rate = (server: string) => of(server, (sample) => sample.operationsPerSecond);
  return [
    one.name,
    ...names.map((name) => fixed(micros(name), 2)),
    ...(compares ? [fixed(micros("mscache") / micros("redis"), 2)] : []),
    ...names.map((name) => fixed(rate(name) / 1000, 1)),
  ];
}
