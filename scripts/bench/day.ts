// A day in miniature: ten million operations through a cache and a near cache in one process, whose
// heap must stay flat. It says nothing about speed.
// Invariant: a heap that grows by more than the bound is an error of the benchmark, not a figure.

import { join } from "node:path";
import { startServer } from "./servers.ts";
import { type Benchmark, type Cell, fixed, type Table } from "./suite.ts";
import { MiB, mib } from "./units.ts";

interface Mark {
  readonly done: number;
  readonly heapUsed: number;
  readonly rss: number;
  readonly near: { readonly hits: number; readonly misses: number };
  readonly stats: Readonly<Record<string, number>>;
}

/** The marks before this one are the time in which caches fill and code is compiled. */
const settledFrom = 2;
/** What the heap may grow by from there to the end, by the line that fits the marks best. */
const growthShareMax = 0.1;
const growthBytesMin = 2 * MiB;

export const day: Benchmark = {
  name: "day",
  summary: "ten million operations through a cache and a near cache: the heap stays flat",
  async run(context) {
    const operations = context.smoke ? 200_000 : 10_000_000;
    const spec = context.servers.find(({ name }) => name !== "memcached");
    if (spec === undefined) throw new Error("day needs a server that speaks RESP");
    await using server = await startServer(spec, { maxMemoryBytes: 256 * MiB });
    const { host, port } = server.target as { host: string; port: number };
    const marks = await run(`${host}:${port}`, operations, context.say);
    const table = tableOf(spec.name, marks);
    const growth = growthOf(marks.slice(settledFrom).map(({ heapUsed }) => heapUsed));
    const bound = Math.max(growthBytesMin, growthShareMax * marks[settledFrom].heapUsed);
    const figure = `the heap grows by ${mib(growth)} MiB of at most ${mib(bound)}`;
    if (growth > bound) throw new Error(`${figure}: ${JSON.stringify(marks)}`);
    return [{ ...table, notes: [`${figure}, from mark ${settledFrom + 1} to the last`] }];
  },
};

async function run(addr: string, operations: number, say: (line: string) => void) {
  const file = join(import.meta.dir, "day-run.ts");
  const child = Bun.spawn([process.execPath, file, addr, `${operations}`], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const marks: Mark[] = [];
  let rest = "";
  for await (const chunk of child.stdout) {
    const lines = (rest + Buffer.from(chunk).toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      marks.push(JSON.parse(line));
      say(`day: ${marks.at(-1)?.done} operations`);
    }
  }
  if ((await child.exited) !== 0) throw new Error("day: the process of the caches has failed");
  return marks;
}

/** How much a line through them, by least squares, rises from the first to the last. */
function growthOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let above = 0;
  let below = 0;
  values.forEach((value, i) => {
    above += (i - middle) * (value - mean);
    below += (i - middle) ** 2;
  });
  return (above / below) * (values.length - 1);
}

function tableOf(server: string, marks: readonly Mark[]): Table {
  return {
    title: `A day in miniature over ${server}`,
    columns: [
      "operations",
      "heap MiB",
      "RSS MiB",
      "near hits",
      "near misses",
      "cache hits",
      "runs",
    ],
    rows: marks.map(({ done, heapUsed, rss, near, stats }): Cell[] => [
      ...[done, mib(heapUsed), mib(rss), near.hits, near.misses],
      ...[fixed(stats.hits ?? 0, 0), fixed(stats.factories ?? 0, 0)],
    ]),
    raw: marks,
  };
}
