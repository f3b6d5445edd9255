// Resident memory under sockets that carry large values: buffers for requests and replies must not
// pile up beside the data. In our server this tests the calls of the collector, because shared
// memory keeps the runtime from collecting on its own.
// Invariant: the data does not change while memory is measured, so growth is buffers alone.

import { preload, runBench } from "../../src/bench/load-run.ts";
import { peakResidentBytes, resetPeak, settledResidentBytes } from "./process.ts";
import { type ServerSpec, startServer, workloadFor } from "./servers.ts";
import { type Benchmark, type Cell, type Context, fixed } from "./suite.ts";
import { MiB, mib } from "./units.ts";

const connectionCount = 50;
const keyCount = 64;
const sizes = [16_384, 131_072, 1_000_000];

export const sockets: Benchmark = {
  name: "sockets",
  summary: "resident memory under sockets that carry large values",
  async run(context) {
    const rows: Cell[][] = [];
    for (const bytes of context.smoke ? [16_384] : sizes) {
      for (const spec of context.servers) {
        context.say(`sockets: ${bytes} bytes, ${spec.name}`);
        rows.push(await measure(context, spec, bytes));
      }
    }
    return [
      {
        title: "Resident memory under sockets that carry large values, MiB",
        columns: ["server", "value", "stored", "before", "peak", "after", "peak - before", "MiB/s"],
        rows,
        notes: [
          `${connectionCount} connections, ${keyCount} keys, GET:SET 1:1; data written before.`,
        ],
      },
    ];
  },
};

async function measure(context: Context, spec: ServerSpec, bytes: number): Promise<Cell[]> {
  await using server = await startServer(spec, { maxMemoryBytes: 512 * MiB });
  const workload = workloadFor(server, {
    ...{ keys: keyCount, valueBytesMin: bytes, valueBytesMax: bytes, gets: 1, sets: 1 },
  });
  await preload(server.target, workload, 1);
  const before = await settledResidentBytes(server.pid);
  resetPeak(server.pid);
  const seconds = context.smoke ? 0.15 : 8;
  const result = await runBench(server.target, workload, { connections: connectionCount, seconds });
  if (result.errors > 0) throw new Error(`${spec.name}: ${result.firstError}`);
  const peak = peakResidentBytes(server.pid);
  const after = await settledResidentBytes(server.pid);
  return [
    ...[spec.name, bytes, mib(keyCount * bytes), mib(before), mib(peak), mib(after)],
    mib(peak - before),
    fixed((result.bytesIn + result.bytesOut) / MiB / result.elapsedSeconds, 0),
  ];
}
