// The benchmark suite: `bun scripts/bench/main.ts [names] [options]`. It selects benchmarks and
// servers, pins itself to the last processor, prints tables or JSON, and exits with 1 if a
// benchmark could not run. Each benchmark describes itself in its own file.
// Invariant: nothing outside the repository is read unless an option or a variable names it.

import { resolve } from "node:path";
import { defineCommand, runMain } from "citty";
import { checkOut } from "./against.ts";
import { clients } from "./clients.ts";
import { cpu } from "./cpu.ts";
import { day } from "./day.ts";
import { dictionaries } from "./dictionaries.ts";
import { gc } from "./gc.ts";
import { growth } from "./growth.ts";
import { hitratio } from "./hitratio.ts";
import { imports } from "./imports.ts";
import { inprocess } from "./inprocess.ts";
import { latency } from "./latency.ts";
import { libraries } from "./libraries.ts";
import { limit } from "./limit.ts";
import { memory } from "./memory.ts";
import { observing } from "./observing.ts";
import { machine, pinGenerator } from "./process.ts";
import { replication } from "./replication.ts";
import { resident } from "./resident.ts";
import { scrape } from "./scrape.ts";
import { scripts } from "./scripts.ts";
import { installedServers, type OtherTree, type ServerSpec } from "./servers.ts";
import { sockets } from "./sockets.ts";
import { start } from "./start.ts";
import { type Benchmark, type Context, printTable, type Table } from "./suite.ts";
import { tags } from "./tags.ts";
import { threads } from "./threads.ts";
import { tls } from "./tls.ts";

const benchmarks: readonly Benchmark[] = [
  ...[
    cpu,
    memory,
    hitratio,
    latency,
    growth,
    threads,
    sockets,
    limit,
    gc,
    replication,
    imports,
    resident,
    start,
    observing,
    scrape,
    tls,
    scripts,
    libraries,
    clients,
    inprocess,
    tags,
    day,
    dictionaries,
  ],
];

const command = defineCommand({
  meta: {
    name: "bench",
    description: `The benchmark suite: ${benchmarks.map(({ name }) => name).join(", ")}`,
  },
  args: {
    smoke: { type: "boolean", description: "Seconds instead of minutes", default: false },
    json: { type: "boolean", description: "Print JSON with all raw values", default: false },
    binary: { type: "boolean", description: "Our server is dist/mscache", default: false },
    matrix: { type: "boolean", description: "Every combination of cpu loads", default: false },
    quick: {
      type: "boolean",
      description: "Only SET and GET of plain 100-byte values in cpu, for --against",
      default: false,
    },
    other: { type: "string", description: "Another tree of MSCache to measure as well" },
    against: {
      type: "string",
      description: "A git ref to compare with this tree in cpu and clients",
    },
    servers: { type: "string", description: "Only these, separated by commas" },
    rounds: { type: "string", description: "Rounds of each measurement", default: "3" },
    only: {
      type: "string",
      description: "Only cpu, memory and resident cases and clients whose name contains this",
    },
    trace: {
      type: "string",
      description: 'Traces for hitratio: files or "generated", separated by commas',
    },
    limits: { type: "string", description: "Limits for hitratio in MiB, separated by commas" },
  },
  async run({ args }) {
    try {
      const chosen = chooseBenchmarks(args._);
      const compares = chosen.includes(cpu) || chosen.includes(clients);
      if (args.against !== undefined && !compares) {
        throw new Error("--against compares the cpu and clients benchmarks");
      }
      await using worktree = args.against === undefined ? null : await checkOut(args.against);
      const context = makeContext(args, worktree);
      pinGenerator();
      process.exitCode = await runAll(chosen, context, args.json);
    } catch (error) {
      process.stderr.write(`bench: ${messageOf(error)}\n`);
      process.exitCode = 2;
    }
  },
});

interface Flags {
  readonly smoke: boolean;
  readonly binary: boolean;
  readonly matrix: boolean;
  readonly quick: boolean;
  readonly servers?: string | undefined;
  readonly other?: string | undefined;
  readonly against?: string | undefined;
  readonly rounds: string;
  readonly only?: string | undefined;
  readonly trace?: string | undefined;
  readonly limits?: string | undefined;
}

function makeContext(flags: Flags, worktree: OtherTree | null): Context {
  const rounds = flags.smoke ? 1 : Number(flags.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error("--rounds must be at least 1");
  const limitsMib = list(flags.limits).map(Number);
  if (!limitsMib.every((limit) => limit >= 1)) throw new Error("--limits must be numbers of MiB");
  return {
    ...{ smoke: flags.smoke, matrix: flags.matrix, quick: flags.quick, rounds, limitsMib },
    only: flags.only ?? "",
    against: worktree?.name ?? "",
    trees: treesOf(flags, worktree),
    servers: chooseServers(serversOf(flags, worktree), flags.binary, treesOf(flags, worktree)),
    traces: list(flags.trace ?? process.env.MSCACHE_BENCH_TRACES),
    say: (line) => process.stderr.write(`${line}\n`),
  };
}

function treesOf({ other }: Flags, worktree: OtherTree | null): OtherTree[] {
  const named = other === undefined ? [] : [{ path: resolve(other), name: "other" }];
  return worktree === null ? named : [...named, worktree];
}

/** A comparison of two commits includes other servers only if they are named. */
function serversOf({ servers }: Flags, worktree: OtherTree | null): string[] {
  const named = list(servers);
  if (worktree === null) return named;
  return [...new Set(["mscache", worktree.name, ...named])];
}

function list(text: string | undefined): string[] {
  return (text ?? "").split(",").filter((word) => word !== "");
}

function chooseBenchmarks(names: readonly string[]): readonly Benchmark[] {
  if (names.length === 0) return benchmarks;
  return names.map((name) => {
    const found = benchmarks.find((benchmark) => benchmark.name === name);
    if (found === undefined) throw new Error(`there is no benchmark "${name}"`);
    return found;
  });
}

function chooseServers(
  wanted: readonly string[],
  binary: boolean,
  trees: readonly OtherTree[],
): readonly ServerSpec[] {
  const installed = installedServers(binary, trees);
  const missing = wanted.find((name) => !installed.some((spec) => spec.name === name));
  if (missing !== undefined) throw new Error(`"${missing}" is not installed`);
  if (installed.length === 0) throw new Error("there is no server to measure");
  return wanted.length === 0 ? installed : installed.filter(({ name }) => wanted.includes(name));
}

interface Outcome {
  readonly benchmark: string;
  readonly seconds: number;
  readonly tables: readonly Table[];
  readonly failure?: string;
}

/** A benchmark that fails is reported and the next one runs. */
async function runAll(
  chosen: readonly Benchmark[],
  context: Context,
  json: boolean,
): Promise<number> {
  const head = header(context);
  const outcomes: Outcome[] = [];
  if (!json) process.stdout.write(`${head.map((line) => `# ${line}`).join("\n")}\n\n`);
  for (const benchmark of chosen) {
    const outcome = await runOne(benchmark, context);
    outcomes.push(outcome);
    if (outcome.failure !== undefined) process.stderr.write(`bench: ${outcome.failure}\n`);
    if (!json) for (const table of outcome.tables) process.stdout.write(`${printTable(table)}\n`);
  }
  if (json) process.stdout.write(`${JSON.stringify({ head, outcomes }, null, 2)}\n`);
  return outcomes.some(({ failure }) => failure !== undefined) ? 1 : 0;
}

async function runOne({ name, run }: Benchmark, context: Context): Promise<Outcome> {
  const begin = performance.now();
  const [tables, failure] = await run(context).then(
    (tables) => [tables, undefined] as const,
    (error) => [[], messageOf(error)] as const,
  );
  const seconds = Math.round((performance.now() - begin) / 1000);
  context.say(`${name}: took ${seconds} s`);
  return { benchmark: name, seconds, tables, ...(failure === undefined ? {} : { failure }) };
}

function header(context: Context): string[] {
  const size = context.smoke ? "smoke size: figures mean nothing" : `${context.rounds} rounds`;
  return [
    `${machine()}, Bun ${Bun.version}, ${size}`,
    ...context.servers.map((spec) => `${spec.name}: ${spec.version()}`),
  ];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

await runMain(command);
