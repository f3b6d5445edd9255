// Growth to ten million items: whether any request waits while the index grows, or while memory is
// full and every write evicts. Latency of the whole load, the slowest quarter of a second, and the
// lengths of our server's turns.
// Invariant: with enough memory, every item written exists at the end.

import { runBench } from "../../src/bench/load-run.ts";
import { assertServed, type ServerSpec, startServer, workloadFor } from "./servers.ts";
import { type Benchmark, type Cell, type Context, fixed } from "./suite.ts";
import { queuedColumn, queuedNote, turnCells, turnColumns, turnNote, turnsOf } from "./turns.ts";
import { MiB, mib } from "./units.ts";

const connectionCount = 8;
const depth = 16;
const valueBytes = 32;

interface Mode {
  readonly name: string;
  readonly maxMemoryBytes: number;
}

function modesOf(context: Context): Mode[] {
  return [
    { name: "all fits", maxMemoryBytes: context.smoke ? 256 * MiB : 8192 * MiB },
    { name: "evicting", maxMemoryBytes: context.smoke ? 4 * MiB : 256 * MiB },
  ];
}

export const growth: Benchmark = {
  name: "growth",
  summary: "latency and lengths of turns while ten million items are loaded",
  async run(context) {
    const rows: Cell[][] = [];
    for (const mode of modesOf(context)) {
      for (const spec of context.servers) {
        context.say(`growth: ${mode.name}, ${spec.name}`);
        rows.push(await measure(context, spec, mode));
      }
    }
    return [
      {
        title: `Loading ${context.smoke ? "80 thousand" : "ten million"} items, milliseconds`,
        columns: [
          ...["server", "memory", "items", "resident MiB", "k/s", "slowest k/s"],
          ...["p99.9", "p99.99", "max", ...turnColumns, queuedColumn],
        ],
        rows,
        notes: [
          `SET, ${valueBytes}-byte values, depth ${depth}, ${connectionCount} connections.`,
          "Slowest k/s: the quarter of a second with the fewest operations.",
          turnNote,
          queuedNote,
        ],
      },
    ];
  },
};

async function measure(context: Context, spec: ServerSpec, mode: Mode): Promise<Cell[]> {
  await using server = await startServer(spec, { maxMemoryBytes: mode.maxMemoryBytes });
  const keys = context.smoke ? 80_000 : 10_000_000;
  const workload = workloadFor(server, {
    ...{ keys, pattern: "sequential", gets: 0, sets: 1, depth: depth },
    ...{ valueBytesMin: valueBytes, valueBytesMax: valueBytes },
  });
  const slowest = slowestWindow();
  await server.resetStatistics();
  const plan = { connections: connectionCount, requests: keys };
  const queuedBefore = server.queuedSeconds();
  const result = await runBench(server.target, workload, plan, slowest.observe);
  const queued = server.queuedSeconds() - queuedBefore;
  assertServed(server, result, mode.name);
  const items = await server.items();
  if (mode.name === "all fits" && items !== keys) {
    throw new Error(`${spec.name} holds ${items} of ${keys} items`);
  }
  const { p999Micros, p9999Micros, maxMicros } = result.latency;
  return [
    ...[spec.name, mode.name, items, mib(server.residentBytes())],
    ...[fixed(result.operationsPerSecond / 1000, 0), fixed(slowest.rate() / 1000, 0)],
    ...[p999Micros, p9999Micros, maxMicros].map((micros) => fixed(micros / 1000, 2)),
    ...turnCells([turnsOf(await server.statistics())]),
    fixed(queued, 2),
  ];
}

/** Finds the slowest interval between two progress reports. */
function slowestWindow() {
  let least = Number.NaN;
  let before = { elapsedSeconds: 0, operations: 0 };
  return {
    observe(now: { elapsedSeconds: number; operations: number }): void {
      const seconds = now.elapsedSeconds - before.elapsedSeconds;
      const rate = (now.operations - before.operations) / seconds;
      least = Number.isNaN(least) ? rate : Math.min(least, rate);
      before = now;
    },
    rate: () => least,
  };
}
