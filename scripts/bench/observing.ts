// What it costs a node to be observed: server CPU per operation of one without the admin HTTP
// server, of one that has it, and of one whose dashboard is open in a browser, Debian's chromium.
// All run at the same time, and each load visits them in short turns, as in cpu.ts.
// Invariant: the page shows requests before anything is timed, and the browser ends with the round.

import { type Browser, chromium } from "playwright-core";
import { preload, runBench } from "../../src/bench/load-run.ts";
import {
  assertServed,
  freePort,
  type RunningServer,
  type ServerSpec,
  startServers,
  workloadFor,
} from "./servers.ts";
import { alternate, type Benchmark, type Context, fixed, median, type Table } from "./suite.ts";
import { MiB } from "./units.ts";

const connections = 50;
const depths = [1, 16, 64];
const turns = 6;
const pageTimeoutMs = 60_000;
const browserName = "chromium";

/** A node and how it is observed. */
interface Variant {
  readonly name: string;
  readonly httpPort: number | null;
  readonly isShown: boolean;
}

interface Sample {
  readonly variant: string;
  readonly load: string;
  readonly round: number;
  readonly micros: number;
}

const kinds = [
  { name: "no --http", hasHttp: false, isShown: false },
  { name: "--http", hasHttp: true, isShown: false },
  { name: "--http, a browser", hasHttp: true, isShown: true },
];

export const observing: Benchmark = {
  name: "observing",
  summary: "server CPU per operation with the admin HTTP server and a browser that shows it",
  async run(context) {
    const [ours] = context.servers.filter(({ name }) => name === "mscache");
    if (ours === undefined) return [];
    if (Bun.which(browserName) === null) throw new Error(`${browserName} is not installed`);
    const samples: Sample[] = [];
    for (let round = 0; round < context.rounds; round++) {
      context.say(`observing: round ${round + 1} of ${context.rounds}`);
      samples.push(...(await measureRound(context, ours, round)));
    }
    return [tableOf(samples)];
  },
};

async function measureRound(context: Context, ours: ServerSpec, round: number): Promise<Sample[]> {
  const variants: Variant[] = alternate(kinds, round).map(({ name, hasHttp, isShown }) => {
    return { name, isShown, httpPort: hasHttp ? freePort() : null };
  });
  await using servers = await startServers(
    variants.map((variant) => observed(ours, variant)),
    { maxMemoryBytes: 256 * MiB },
  );
  const shown = variants.findIndex(({ isShown }) => isShown);
  for (const server of servers.running) await warmUp(context, server);
  await using _browser = await openPage(variants[shown].httpPort, servers.running[shown]);
  const samples: Sample[] = [];
  for (const depth of depths) {
    for (const isSet of [true, false]) {
      const load = `depth ${depth}, ${isSet ? "SET" : "GET"}`;
      const micros = await measure(context, servers.running, depth, isSet);
      samples.push(
        ...variants.map(({ name }, i) => ({ variant: name, load, round, micros: micros[i] })),
      );
    }
  }
  return samples;
}

function observed(ours: ServerSpec, { name, httpPort }: Variant): ServerSpec {
  const more = httpPort === null ? [] : ["--http", `127.0.0.1:${httpPort}`];
  return { ...ours, name, command: (...given) => [...ours.command(...given), ...more] };
}

/** A process compiles during its first million SETs. */
async function warmUp(context: Context, server: RunningServer): Promise<void> {
  const workload = workloadFor(server, { keys: keysOf(context) });
  for (let time = 0; time < 2; time++) await preload(server.target, workload, connections);
}

function keysOf({ smoke }: Context): number {
  return smoke ? 5_000 : 500_000;
}

/** Resolves when the page has been told of requests, which run meanwhile. */
async function openPage(
  port: number | null,
  server: RunningServer,
): Promise<Browser & AsyncDisposable> {
  const browser = await chromium.launch({
    executablePath: Bun.which(browserName) ?? "",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    timeout: pageTimeoutMs,
  });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/`, { timeout: pageTimeoutMs });
  const filled = page.locator('[data-panel="requests"][data-state="filled"]');
  const seen = filled.waitFor({ timeout: pageTimeoutMs });
  await runBench(server.target, workloadFor(server, {}), { connections, seconds: 3 });
  await seen;
  return Object.assign(browser, { [Symbol.asyncDispose]: () => browser.close() });
}

/** Microseconds an operation of each server. */
async function measure(
  context: Context,
  servers: readonly RunningServer[],
  depth: number,
  isSet: boolean,
): Promise<number[]> {
  const { smoke } = context;
  const seconds = smoke ? 0.1 : 1;
  const shape = { depth, keys: keysOf(context), gets: isSet ? 0 : 1, sets: isSet ? 1 : 0 };
  const cost = servers.map(() => ({ cpuSeconds: 0, operations: 0 }));
  for (let turn = -1; turn < (smoke ? 1 : turns); turn++) {
    for (const [i, server] of servers.entries()) {
      const before = server.cpuSeconds();
      const seed = 100 + turn;
      const workload = { ...workloadFor(server, shape), seed };
      const result = await runBench(server.target, workload, { connections, seconds });
      assertServed(server, result, `depth ${depth}`);
      if (turn < 0) continue; // it warms up
      cost[i].cpuSeconds += server.cpuSeconds() - before;
      cost[i].operations += result.operations;
    }
  }
  return cost.map(({ cpuSeconds, operations }) => (cpuSeconds / operations) * 1e6);
}

function tableOf(samples: readonly Sample[]): Table {
  const [plain, ...others] = kinds.map(({ name }) => name);
  const of = (variant: string, load: string) =>
    samples.filter((s) => s.variant === variant && s.load === load).map(({ micros }) => micros);
  const ratio = (variant: string, load: string) => {
    const base = of(plain, load);
    return median(of(variant, load).map((micros, round) => micros / base[round]));
  };
  return {
    title: "Observing: server CPU per operation, microseconds, and medians of ratios by round",
    columns: ["load", plain, ...others.flatMap((name) => [name, "ratio"])],
    rows: [...new Set(samples.map(({ load }) => load))].map((load) => [
      load,
      fixed(median(of(plain, load)), 2),
      ...others.flatMap((name) => [fixed(median(of(name, load)), 2), fixed(ratio(name, load), 3)]),
    ]),
    raw: samples,
  };
}
