// Latency at a fixed arrival rate of half a server's maximum: the percentiles that users
// experience, with enough memory and with memory full and evicting. Latency counts from the moment
// a request was due, so a stall affects every request that arrives during it.
// Invariant: the rate of a server is half of its own maximum, measured in the same fresh process.

import { preload, runBench } from "../../src/bench/load-run.ts";
import {
  assertServed,
  type RunningServer,
  type ServerSpec,
  startServer,
  workloadFor,
} from "./servers.ts";
import { type Benchmark, type Cell, type Context, fixed, median } from "./suite.ts";
import {
  queuedColumn,
  queuedNote,
  type Turns,
  turnCells,
  turnColumns,
  turnNote,
  turnsOf,
} from "./turns.ts";
import { MiB } from "./units.ts";

const connectionCount = 50;

interface Mode {
  readonly name: string;
  readonly keys: number;
  readonly maxMemoryBytes: number;
}

interface Sample {
  readonly server: string;
  readonly mode: string;
  readonly maximum: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly p9999: number;
  readonly max: number;
  readonly queuedSeconds: number;
  readonly turns: Turns;
}

function modesOf(context: Context): Mode[] {
  if (context.smoke) return [{ name: "evicting", keys: 40_000, maxMemoryBytes: 4 * MiB }];
  return [
    { name: "plain", keys: 1_000_000, maxMemoryBytes: 2048 * MiB },
    { name: "evicting", keys: 4_000_000, maxMemoryBytes: 128 * MiB },
  ];
}

export const latency: Benchmark = {
  name: "latency",
  summary: "percentiles at half of the maximum rate",
  async run(context) {
    const samples: Sample[] = [];
    for (let round = 0; round < context.rounds; round++) {
      for (const mode of modesOf(context)) {
        for (const spec of context.servers) {
          context.say(`latency: round ${round + 1}, ${mode.name}, ${spec.name}`);
          samples.push(await measure(context, spec, mode));
        }
      }
    }
    return [tableOf(context, samples)];
  },
};

async function measure(context: Context, spec: ServerSpec, mode: Mode): Promise<Sample> {
  await using server = await startServer(spec, { maxMemoryBytes: mode.maxMemoryBytes });
  const workload = workloadFor(server, { keys: mode.keys, gets: 1, sets: 1 });
  await preload(server.target, workload, connectionCount);
  const maximum = await maximumRate(context, server, mode);
  await server.resetStatistics();
  const queuedBefore = server.queuedSeconds();
  const paced = await runBench(server.target, workload, {
    connections: connectionCount,
    rate: Math.max(1, Math.floor(maximum / 2)),
    seconds: context.smoke ? 0.3 : 10,
  });
  const queuedSeconds = server.queuedSeconds() - queuedBefore;
  assertServed(server, paced, mode.name);
  const { p50Micros, p99Micros, p999Micros, p9999Micros, maxMicros } = paced.latency;
  return {
    ...{ server: spec.name, mode: mode.name, maximum },
    ...{ p50: p50Micros, p99: p99Micros, p999: p999Micros, p9999: p9999Micros, max: maxMicros },
    queuedSeconds,
    turns: turnsOf(await server.statistics()),
  };
}

async function maximumRate(context: Context, server: RunningServer, mode: Mode): Promise<number> {
  const workload = workloadFor(server, { keys: mode.keys, gets: 1, sets: 1 });
  const plan = { connections: connectionCount, seconds: context.smoke ? 0.1 : 3 };
  await runBench(server.target, workload, plan);
  return (await runBench(server.target, workload, plan)).operationsPerSecond;
}

function tableOf(context: Context, samples: readonly Sample[]) {
  const rows = modesOf(context).flatMap((mode) => {
    const own = samples.filter((sample) => sample.mode === mode.name);
    const yardstick = p999Of(own.filter(({ server }) => server === "redis"));
    return context.servers.map(({ name }) =>
      rowOf(
        own.filter(({ server }) => server === name),
        yardstick,
      ),
    );
  });
  return {
    title: "Latency at half of the maximum rate, milliseconds",
    columns: [
      ...["server", "memory", "max/s", "p50", "p99", "p99.9", "p99.9 to redis"],
      ...["p99.99", "max", ...turnColumns, queuedColumn],
    ],
    rows,
    notes: ["GET:SET 1:1, 100-byte values, depth 1, 50 connections.", turnNote, queuedNote],
    raw: samples,
  };
}

function p999Of(own: readonly Sample[]): number {
  return median(own.map((sample) => sample.p999));
}

/** `yardstick` is redis-server's p99.9 in the same run; without it the ratio is empty. */
function rowOf(own: readonly Sample[], yardstick: number): Cell[] {
  const millis = (pick: (sample: Sample) => number) => fixed(median(own.map(pick)) / 1000, 3);
  return [
    ...[own[0].server, own[0].mode, fixed(median(own.map((s) => s.maximum)), 0)],
    ...[millis((s) => s.p50), millis((s) => s.p99), millis((s) => s.p999)],
    fixed(p999Of(own) / yardstick, 2),
    ...[millis((s) => s.p9999), millis((s) => s.max)],
    ...turnCells(own.map((sample) => sample.turns)),
    fixed(median(own.map((sample) => sample.queuedSeconds)), 2),
  ];
}
