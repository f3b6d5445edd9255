// Does the memory limit hold? Four times the limit is written in values of 10 bytes to 1 MB,
// and the most memory that was ever resident is set against the limit.
// Invariant: every write is counted, and a refused one is shown.

import { runBench } from "../../src/bench/run.ts";
import { valueLength } from "../../src/bench/workload.ts";
import { peakResidentBytes } from "./process.ts";
import { type ServerSpec, startServer, workloadFor } from "./servers.ts";
import { type Benchmark, type Cell, MIB, mib } from "./suite.ts";

const OVERFLOW = 4;

export const limit: Benchmark = {
  name: "limit",
  summary: "peak of resident memory while four times the limit is written",
  async run(context) {
    const limits = context.smoke ? [32] : [64, 128, 512];
    const rows: Cell[][] = [];
    for (const limitMib of limits) {
      for (const spec of context.servers) {
        context.say(`limit: ${limitMib} MiB, ${spec.name}`);
        rows.push(await measure(spec, limitMib));
      }
    }
    return [
      {
        title: "Peak of resident memory while four times the limit is written, MiB",
        columns: ["server", "limit", "written", "writes", "refused", "items", "peak", "over limit"],
        rows,
        notes: [
          "SET, values of 10 bytes to 1 MB spread evenly over magnitudes, 10 connections.",
          "memcached keeps a page of a megabyte for each size class: it refuses writes for which",
          "no page is left at small limits.",
        ],
      },
    ];
  },
};

async function measure(spec: ServerSpec, limitMib: number): Promise<Cell[]> {
  await using server = await startServer(spec, { maxMemoryBytes: limitMib * MIB });
  const shape = workloadFor(server, {
    ...{ valueBytesMin: 10, valueBytesMax: 1_000_000, gets: 0, sets: 1 },
    ...{ keys: 10_000_000, pattern: "sequential" },
  });
  const { writes, bytes } = writesFor(limitMib * MIB * OVERFLOW, (key) => valueLength(shape, key));
  const result = await runBench(server.target, shape, { connections: 10, requests: writes });
  const peak = peakResidentBytes(server.pid);
  const items = await server.items();
  return [
    ...[spec.name, limitMib, mib(bytes), result.operations, result.errors, items],
    ...[mib(peak), mib(peak - limitMib * MIB)],
  ];
}

/** How many sequential keys make up so many bytes of values. */
function writesFor(wanted: number, lengthOf: (key: number) => number) {
  let writes = 0;
  let bytes = 0;
  while (bytes < wanted) bytes += lengthOf(writes++);
  return { writes, bytes };
}
