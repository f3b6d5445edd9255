// Memory that an item costs beyond its key and value: growth of the server's resident memory
// divided by the items written, after a warm-up that has compiled the code and grown the buffers.
// Invariant: the growth is divided by the number of items that the server reports.

import { preload, runBench } from "../../src/bench/load-run.ts";
import { settledResidentBytes } from "./process.ts";
import { type ServerSpec, startServer, workloadFor } from "./servers.ts";
import { type Benchmark, type Cell, type Context, fixed, median } from "./suite.ts";
import { MiB } from "./units.ts";

const keyBytes = 20;
const daySeconds = 86_400;
const warmKeys = 1000;
/** Few connections, so that their buffers do not distort the figure. */
const connectionCount = 8;

interface Sample {
  readonly server: string;
  readonly case: string;
  readonly items: number;
  readonly growthBytes: number;
  readonly overheadBytes: number;
}

interface MemoryCase {
  readonly name: string;
  readonly valueBytes: number;
  readonly ttlSeconds: number;
}

function casesOf(context: Context): MemoryCase[] {
  const values = context.smoke ? [100] : [32, 100, 1000];
  const cases = values.flatMap((valueBytes) => [
    { name: `${valueBytes} B`, valueBytes, ttlSeconds: 0 },
    { name: `${valueBytes} B, TTL`, valueBytes, ttlSeconds: daySeconds },
  ]);
  return cases.filter((one) => one.name.includes(context.only));
}

export const memory: Benchmark = {
  name: "memory",
  summary: "resident memory beyond key and value, bytes per item",
  async run(context) {
    const samples: Sample[] = [];
    for (const one of casesOf(context)) {
      for (const spec of context.servers) {
        for (let round = 0; round < context.rounds; round++) {
          context.say(`memory: ${one.name}, ${spec.name}, round ${round + 1}`);
          samples.push(await measure(context, spec, one));
        }
      }
    }
    return [tableOf(context, samples)];
  },
};

async function measure(context: Context, spec: ServerSpec, one: MemoryCase): Promise<Sample> {
  await using server = await startServer(spec, { maxMemoryBytes: 8192 * MiB });
  const { valueBytes, ttlSeconds } = one;
  const workload = workloadFor(server, {
    ...{ keyLengthBytes: keyBytes, valueBytesMin: valueBytes, valueBytesMax: valueBytes },
    ...{ ttlSeconds, keys: context.smoke ? 20_000 : 2_000_000 },
  });
  const warm = { ...workload, keys: warmKeys, gets: 1, sets: 1, depth: 64 };
  const seconds = context.smoke ? 0.05 : 3;
  await preload(server.target, warm, connectionCount);
  await runBench(server.target, warm, { connections: connectionCount, seconds });
  const before = await settledResidentBytes(server.pid);
  const itemsBefore = await server.items();
  const loaded = await preload(server.target, workload, connectionCount);
  if (loaded.errors > 0) throw new Error(`${spec.name}: ${loaded.firstError}`);
  const growthBytes = (await settledResidentBytes(server.pid)) - before;
  const items = (await server.items()) - itemsBefore;
  const overheadBytes = growthBytes / items - keyBytes - valueBytes;
  return { server: spec.name, case: one.name, items, growthBytes, overheadBytes };
}

function tableOf(context: Context, samples: readonly Sample[]) {
  const cases = casesOf(context).map((one) => one.name);
  const row = (server: string): Cell[] => [
    server,
    ...cases.map((name) => {
      const own = samples.filter((sample) => sample.server === server && sample.case === name);
      return fixed(median(own.map((sample) => sample.overheadBytes)), 1);
    }),
  ];
  return {
    title: "Resident memory beyond a 20-byte key and the value, bytes per item",
    columns: ["server", ...cases],
    rows: context.servers.map((server) => row(server.name)),
    raw: samples,
  };
}
