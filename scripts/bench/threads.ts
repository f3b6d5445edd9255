// Data threads 1, 2 and 4: throughput and CPU per operation as threads are added, and whether reads
// still return what was written. The server may use all processors here, and shares the last one
// with the generator, so on a small machine this shows cost, not gain.
// Invariant: every run with several threads also compares every byte that it reads.

import { preload, runBench } from "../../src/bench/load-run.ts";
import { assertCorrect, type ServerSpec, startServer, workloadFor } from "./servers.ts";
import { alternate, type Benchmark, type Cell, type Context, fixed, median } from "./suite.ts";
import { MiB } from "./units.ts";

/** The kernel spreads connections over threads by hash: with few, threads stay idle. */
const connectionCount = 100;
const measuredDepths = [1, 16, 64];

interface Sample {
  readonly variant: string;
  readonly depth: number;
  readonly operationsPerSecond: number;
  readonly microsPerOperation: number;
}

interface Variant {
  readonly name: string;
  readonly spec: ServerSpec;
  readonly threads: number;
}

/** Servers with threads run with 1, 2 and 4; the others once, for comparison. */
function variantsOf(context: Context): Variant[] {
  return context.servers.flatMap((spec) => {
    const threaded = spec.name === "mscache" || spec.name === "memcached";
    const counts = threaded ? (context.smoke ? [1, 2] : [1, 2, 4]) : [1];
    return counts.map((threads) => ({ name: `${spec.name}, ${threads}`, spec, threads }));
  });
}

export const threads: Benchmark = {
  name: "threads",
  summary: "throughput and CPU with 1, 2 and 4 data threads",
  async run(context) {
    const samples: Sample[] = [];
    for (let round = 0; round < context.rounds; round++) {
      for (const variant of alternate(variantsOf(context), round)) {
        context.say(`threads: round ${round + 1}, ${variant.name}`);
        samples.push(...(await measure(context, variant)));
      }
    }
    return [tableOf(context, samples)];
  },
};

async function measure(context: Context, { name, spec, threads }: Variant): Promise<Sample[]> {
  const options = { maxMemoryBytes: 1024 * MiB, threads, unpinned: true };
  await using server = await startServer(spec, options);
  await assertCorrect(server);
  const workload = workloadFor(server, { keys: context.smoke ? 2000 : 1_000_000, verify: true });
  await preload(server.target, workload, connectionCount);
  const samples: Sample[] = [];
  for (const depth of context.smoke ? [16] : measuredDepths) {
    const load = { ...workload, depth };
    const plan = { connections: connectionCount, seconds: context.smoke ? 0.1 : 3 };
    await runBench(server.target, load, { ...plan, seconds: plan.seconds / 2 });
    const before = server.cpuSeconds();
    const result = await runBench(server.target, load, plan);
    const spent = server.cpuSeconds() - before;
    if (result.errors > 0) throw new Error(`${name} threads: ${result.firstError}`);
    const microsPerOperation = (spent / result.operations) * 1e6;
    const { operationsPerSecond } = result;
    samples.push({ variant: name, depth, operationsPerSecond, microsPerOperation });
  }
  return samples;
}

function tableOf(context: Context, samples: readonly Sample[]) {
  const depths = [...new Set(samples.map((sample) => sample.depth))];
  const row = ({ name }: Variant): Cell[] => {
    const of = (depth: number, pick: (sample: Sample) => number) =>
      median(samples.filter((s) => s.variant === name && s.depth === depth).map(pick));
    return [
      name,
      ...depths.flatMap((depth) => [
        fixed(of(depth, (sample) => sample.operationsPerSecond) / 1000, 1),
        fixed(
          of(depth, (sample) => sample.microsPerOperation),
          2,
        ),
      ]),
    ];
  };
  return {
    title: "Data threads: thousand operations a second and CPU microseconds an operation",
    columns: ["server, threads", ...depths.flatMap((d) => [`depth ${d} k/s`, `depth ${d} us`])],
    rows: variantsOf(context).map(row),
    notes: ["GET:SET 10:1, 100-byte values, 100 connections, every byte compared."],
    raw: samples,
  };
}
