// What a server costs before its first item: the time from its start to its first reply, the
// processor time of that, and the resident memory of a server to which nothing happens. Ours is
// meant as users run it, an executable: --binary.
// Invariant: each start is a fresh process, and nothing but the question for a reply reaches it.

import { settledResidentBytes } from "./process.ts";
import { type ServerSpec, startServer } from "./servers.ts";
import { alternate, type Benchmark, type Context, fixed, median, type Table } from "./suite.ts";
import { MiB, mib } from "./units.ts";

const restMs = 2_000;
const manyThreads = 4;
const pollMs = 1;

interface Variant {
  readonly name: string;
  readonly spec: ServerSpec;
  readonly threads: number;
}

interface Start {
  readonly variant: string;
  readonly replyMs: number;
  readonly cpuMs: number;
}

interface Rest {
  readonly variant: string;
  readonly bytes: number;
}

export const start: Benchmark = {
  name: "start",
  summary: "time and CPU to the first reply, and the memory of an idle server",
  async run(context) {
    const variants = context.servers.flatMap(variantsOf);
    const starts: Start[] = [];
    const rests: Rest[] = [];
    for (let round = 0; round < context.rounds; round++) {
      context.say(`start: round ${round + 1} of ${context.rounds}`);
      for (let i = 0; i < (context.smoke ? 1 : 10); i++) {
        for (const variant of alternate(variants, i)) starts.push(await measureStart(variant));
      }
      for (const variant of variants) rests.push(await measureRest(context, variant));
    }
    return [tableOf(variants, starts, rests)];
  },
};

function variantsOf(spec: ServerSpec): Variant[] {
  const one = { name: spec.name, spec, threads: 1 };
  if (spec.hasThreads !== true) return [one];
  return [one, { ...one, name: `${spec.name}, ${manyThreads} threads`, threads: manyThreads }];
}

async function measureStart({ name, spec, threads }: Variant): Promise<Start> {
  const before = performance.now();
  await using server = await startServer(spec, optionsOf(threads));
  const replyMs = performance.now() - before;
  return { variant: name, replyMs, cpuMs: server.cpuSeconds() * 1000 };
}

async function measureRest({ smoke }: Context, { name, spec, threads }: Variant): Promise<Rest> {
  await using server = await startServer(spec, optionsOf(threads));
  await Bun.sleep(smoke ? 100 : restMs);
  return { variant: name, bytes: await settledResidentBytes(server.pid) };
}

function optionsOf(threads: number) {
  return { maxMemoryBytes: 256 * MiB, threads, pollMs, unpinned: true };
}

function tableOf(variants: readonly Variant[], starts: Start[], rests: Rest[]): Table {
  return {
    title: "Start: medians in milliseconds, and MiB at rest",
    columns: ["server", "first reply", "quickest", "CPU", "idle MiB"],
    rows: variants.map(({ name }) => {
      const own = starts.filter(({ variant }) => variant === name);
      const replies = own.map(({ replyMs }) => replyMs);
      // A tick of the kernel's count is 10 ms, so the mean of many says more than their median.
      const cpuMs = own.reduce((sum, one) => sum + one.cpuMs, 0) / own.length;
      const idle = rests.filter(({ variant }) => variant === name).map(({ bytes }) => bytes);
      return [
        name,
        fixed(median(replies), 1),
        fixed(Math.min(...replies), 1),
        fixed(cpuMs, 1),
        mib(median(idle)),
      ];
    }),
    notes: [
      `CPU is a mean; idle: ${restMs / 1000} s after the first reply, and longer while it changes`,
    ],
    raw: { starts, rests },
  };
}
