// What it costs to bring a file of items into a server: `mscache import` of a snapshot and of lines
// of JSON, beside `redis-cli --pipe` of commands that are ready to be sent. Half of the items have
// a lifetime. What the server pays is the business of cpu.ts.
// Invariant: every run is a fresh process into an emptied server, and afterwards the server has as
// many items as the file.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Exchange, encode } from "./exchange.ts";
import { type RunningServer, type ServerSpec, startServer } from "./servers.ts";
import { alternate, type Benchmark, fixed, median, type Table } from "./suite.ts";
import { MiB } from "./units.ts";

const keyDigits = 10;
const valueBytes = 100;
const lifetimeMs = 24 * 3_600_000;
const itemsAtOnce = 1_000;
const maxMemoryBytes = 512 * MiB;
const entry = join(import.meta.dir, "../../src/main.ts");

interface Way {
  readonly name: string;
  /** What runs, with the file as its standard input. */
  readonly file: string;
  command(port: number): string[];
}

interface Run {
  readonly server: string;
  readonly way: string;
  readonly cpuUs: number;
  readonly perSecond: number;
}

export const imports: Benchmark = {
  name: "imports",
  summary: "CPU and time of an import of items, beside redis-cli --pipe",
  async run(context) {
    const items = context.smoke ? 2_000 : 1_000_000;
    const folder = mkdtempSync(join(tmpdir(), "mscache-imports-"));
    try {
      const ways = waysIn(folder);
      await writeItems(join(folder, "items"), items);
      const servers = context.servers.filter(({ protocol }) => protocol === "resp");
      await exportItems(servers[0], ways, items);
      const runs: Run[] = [];
      for (let round = 0; round < context.rounds; round++) {
        context.say(`imports: round ${round + 1} of ${context.rounds}`);
        for (const spec of alternate(servers, round)) {
          await using server = await startServer(spec, { maxMemoryBytes });
          for (const way of alternate(ways, round)) runs.push(await measure(server, way, items));
        }
      }
      return [tableOf(runs, items)];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function waysIn(folder: string): Way[] {
  const file = (ending: string) => join(folder, `items.${ending}`);
  const importing = (port: number) => program("import", port);
  const ways = [
    { name: "mscache import, RDB", file: file("rdb"), command: importing },
    { name: "mscache import, JSON", file: file("jsonl"), command: importing },
  ];
  if (Bun.which("redis-cli") === null) return ways;
  const piping = (port: number) => ["redis-cli", "-p", String(port), "--pipe"];
  return [...ways, { name: "redis-cli --pipe", file: file("resp"), command: piping }];
}

function program(subcommand: string, port: number, ...words: string[]): string[] {
  return [process.execPath, entry, subcommand, ...words, "--addr", `127.0.0.1:${port}`];
}

/** The same items as lines and as commands. */
async function writeItems(path: string, items: number): Promise<void> {
  const lines = Bun.file(`${path}.jsonl`).writer();
  const commands = Bun.file(`${path}.resp`).writer();
  const expires = Date.now() + lifetimeMs;
  for (let i = 0; i < items; i++) {
    const key = `user:${String(i).padStart(keyDigits, "0")}`;
    const value = `${i}:`.padEnd(valueBytes, "some text ");
    const isEternal = i % 2 === 0;
    lines.write(`${JSON.stringify({ key, value, ...(isEternal ? {} : { expires }) })}\n`);
    commands.write(encode("SET", key, value, ...(isEternal ? [] : ["PXAT", expires])));
    if (i % itemsAtOnce === 0) await Promise.all([lines.flush(), commands.flush()]);
  }
  await Promise.all([lines.end(), commands.end()]);
}

/** The snapshot has the same items: they go into a server as lines and come out of it. */
async function exportItems(spec: ServerSpec, ways: readonly Way[], items: number): Promise<void> {
  await using server = await startServer(spec, { maxMemoryBytes });
  const [snapshot, lines] = ways as [Way, Way];
  await measure(server, lines, items);
  await finish(Bun.spawn(program("export", server.target.port, snapshot.file)));
}

async function measure(server: RunningServer, way: Way, items: number): Promise<Run> {
  const { port } = server.target;
  const exchange = await Exchange.connect(port);
  await exchange.ask(encode("FLUSHALL"));
  exchange.close();
  const before = performance.now();
  const child = Bun.spawn(way.command(port), { stdin: Bun.file(way.file), stdout: "ignore" });
  await finish(child);
  const seconds = (performance.now() - before) / 1000;
  const arrived = await server.items();
  if (arrived !== items) throw new Error(`${way.name}: ${arrived} of ${items} items arrived`);
  const cpuUs = Number(child.resourceUsage()?.cpuTime.total ?? Number.NaN) / items;
  return { server: server.spec.name, way: way.name, cpuUs, perSecond: items / seconds };
}

async function finish(child: Bun.Subprocess): Promise<void> {
  const status = await child.exited;
  if (status !== 0) throw new Error(`a program ended with status ${status}`);
}

function tableOf(runs: readonly Run[], items: number): Table {
  const cases = new Set(runs.map(({ server, way }) => `${way} into ${server}`));
  return {
    title: `Imports of ${items.toLocaleString("en")} items: medians`,
    columns: ["import", "CPU us an item", "k items/s"],
    rows: [...cases].map((name) => {
      const own = runs.filter(({ server, way }) => `${way} into ${server}` === name);
      return [
        name,
        fixed(median(own.map(({ cpuUs }) => cpuUs)), 2),
        fixed(median(own.map(({ perSecond }) => perSecond)) / 1000, 0),
      ];
    }),
    notes: ["CPU is that of the importing process, its start included; it has one processor"],
    raw: runs,
  };
}
