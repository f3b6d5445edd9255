// Whether the memory limit holds: four times the limit is written in values of 10 bytes to 1 MB,
// and the peak of resident memory is compared with the limit. limit-edges.ts tests the edges of a
// limit.
// Invariant: every write is counted, and refused ones are shown.

import { runBench } from "../../src/bench/load-run.ts";
import { valueLength } from "../../src/bench/workload.ts";
import { fullTable, largestTable } from "./limit-edges.ts";
import { peakResidentBytes } from "./process.ts";
import { type ServerSpec, startServer, workloadFor } from "./servers.ts";
import type { Benchmark, Cell, Context, Table } from "./suite.ts";
import { MiB, mib } from "./units.ts";

const overflow = 4;
const connectionCount = 10;
/** The limit at which our server also runs with more data threads. */
const threadedLimitMib = 128;

interface Variant {
  readonly spec: ServerSpec;
  readonly limitMib: number;
  readonly threads: number;
}

function variantsOf({ servers, smoke }: Context): Variant[] {
  const limits = smoke ? [32] : [64, threadedLimitMib, 512];
  return limits.flatMap((limitMib) =>
    servers.flatMap((spec) => {
      const isThreaded = spec.name === "mscache" && (smoke || limitMib === threadedLimitMib);
      const counts = isThreaded ? (smoke ? [1, 2] : [1, 2, 4]) : [1];
      return counts.map((threads) => ({ spec, limitMib, threads }));
    }),
  );
}

export const limit: Benchmark = {
  name: "limit",
  summary: "peak of resident memory under four times the limit, and the limit's edges",
  async run(context) {
    return [await peakTable(context), await largestTable(context), await fullTable(context)];
  },
};

async function peakTable(context: Context): Promise<Table> {
  const rows: Cell[][] = [];
  for (const variant of variantsOf(context)) {
    const { spec, limitMib, threads } = variant;
    context.say(`limit: ${limitMib} MiB, ${spec.name}, threads ${threads}`);
    rows.push(await measure(variant));
  }
  return {
    title: "Peak of resident memory while four times the limit is written, MiB",
    columns: [
      ...["server", "threads", "limit", "written", "writes", "refused", "items"],
      ...["peak", "over limit"],
    ],
    rows,
    notes: [
      `SET, values of 10 bytes to 1 MB spread evenly over magnitudes, ${connectionCount} connections.`,
      "memcached keeps a page of a megabyte for each size class: at small limits it refuses writes",
      "for which no page is left.",
    ],
  };
}

async function measure({ spec, limitMib, threads }: Variant): Promise<Cell[]> {
  const maxMemoryBytes = limitMib * MiB;
  await using server = await startServer(spec, { maxMemoryBytes, threads, unpinned: threads > 1 });
  const shape = workloadFor(server, {
    ...{ valueBytesMin: 10, valueBytesMax: 1_000_000, gets: 0, sets: 1 },
    ...{ keys: 10_000_000, pattern: "sequential" },
  });
  const { writes, bytes } = writesFor(maxMemoryBytes * overflow, (key) => valueLength(shape, key));
  const plan = { connections: connectionCount, requests: writes };
  const result = await runBench(server.target, shape, plan);
  const peak = peakResidentBytes(server.pid);
  const items = await server.items();
  return [
    ...[spec.name, threads, limitMib, mib(bytes), result.operations, result.errors, items],
    ...[mib(peak), mib(peak - maxMemoryBytes)],
  ];
}

/** How many sequential keys have this many bytes of values. */
function writesFor(wanted: number, lengthOf: (key: number) => number) {
  let writes = 0;
  let bytes = 0;
  while (bytes < wanted) bytes += lengthOf(writes++);
  return { writes, bytes };
}
