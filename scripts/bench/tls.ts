// TLS beside plain connections: server CPU per operation at depths 1, 16 and 64, and memory of an
// idle connection. Handshakes are made before the clock starts and are not measured; the
// certificate has a key of an elliptic curve. Every server with TLS is measured by the same load.
// Invariant: nothing is timed before every server has returned by TLS what was written by TLS.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Histogram } from "../../src/bench/histogram.ts";
import { Connection, type Target } from "../../src/bench/load-connection.ts";
import { preload, runBench } from "../../src/bench/load-run.ts";
import { settledResidentBytes } from "./process.ts";
import {
  assertCorrect,
  assertServed,
  freePort,
  type RunningServer,
  type ServerSpec,
  startServer,
  workloadFor,
} from "./servers.ts";
import { alternate, type Benchmark, type Context, fixed, median, type Table } from "./suite.ts";
import { MiB } from "./units.ts";

const connectionCount = 50;
const idleConnections = 1000;
const depths = [1, 16, 64];
const mixes = [
  { name: "GET", gets: 1, sets: 0 },
  { name: "SET", gets: 0, sets: 1 },
];

interface Sample {
  readonly server: string;
  readonly way: "TLS" | "plain";
  readonly load: string;
  /** Microseconds of an operation, or KiB of a connection. */
  readonly value: number;
}

export const tls: Benchmark = {
  name: "tls",
  summary: "server CPU per operation and memory of a connection, by TLS and without",
  async run(context) {
    const specs = context.servers.filter(({ hasTls }) => hasTls === true);
    const samples: Sample[] = [];
    const folder = mkdtempSync(join(tmpdir(), "mscache-bench-"));
    try {
      const files = certificate(folder);
      for (let round = 0; round < context.rounds; round++) {
        for (const spec of alternate(specs, round)) {
          context.say(`tls: round ${round + 1} of ${context.rounds}, ${spec.name}`);
          samples.push(...(await measure(context, spec, files)));
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return [tableOf(specs, samples)];
  },
};

interface Files {
  readonly cert: string;
  readonly key: string;
}

function certificate(folder: string): Files {
  const files = { cert: join(folder, "node.crt"), key: join(folder, "node.key") };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const out = ["-subj", "/CN=bench", "-days", "2", "-keyout", files.key, "-out", files.cert];
  const { exitCode, stderr } = Bun.spawnSync(["openssl", "req", "-x509", ...key, ...out]);
  if (exitCode !== 0) throw new Error(`openssl: ${stderr.toString()}`);
  return files;
}

async function measure(context: Context, spec: ServerSpec, files: Files): Promise<Sample[]> {
  const port = freePort();
  const options = { maxMemoryBytes: 256 * MiB, tls: { port, ...files } };
  await using server = await startServer(spec, options);
  const secure: Target = { host: "127.0.0.1", port, tls: { rejectUnauthorized: false } };
  await assertCorrect(server, secure);
  const ways = [
    { way: "plain", target: server.target },
    { way: "TLS", target: secure },
  ] as const;
  const samples: Sample[] = [];
  for (const { way, target } of ways) {
    const of = (load: string, value: number) =>
      samples.push({ server: spec.name, way, load, value });
    for (const depth of context.smoke ? [16] : depths) {
      for (const { name, ...mix } of mixes) {
        const micros = await microsOf(context, server, target, { ...mix, depth });
        of(`${name}, depth ${depth}`, micros);
      }
    }
    of(idle, await idleKib(context, server, target));
  }
  return samples;
}

const idle = "idle connection, KiB";

async function microsOf(
  context: Context,
  server: RunningServer,
  target: Target,
  shape: { readonly gets: number; readonly sets: number; readonly depth: number },
): Promise<number> {
  const workload = workloadFor(server, { keys: context.smoke ? 1000 : 100_000, ...shape });
  await preload(target, workload, connectionCount);
  const plan = { connections: connectionCount, seconds: context.smoke ? 0.5 : 2.5 };
  // Counted from the first report, which comes after the handshakes.
  let first: { readonly cpu: number; readonly operations: number } | null = null;
  const result = await runBench(target, workload, plan, ({ operations }) => {
    first ??= { cpu: server.cpuSeconds(), operations };
  });
  const { cpu, operations } = first ?? { cpu: Number.NaN, operations: 0 };
  assertServed(server, result, `depth ${shape.depth}`);
  return ((server.cpuSeconds() - cpu) / (result.operations - operations)) * 1e6;
}

/** Growth of resident memory for each of many idle connections that have said something. */
async function idleKib(context: Context, server: RunningServer, target: Target): Promise<number> {
  const workload = workloadFor(server, {});
  const open = async (count: number) => {
    const driver = { onIdle: () => undefined, onFailure: () => undefined };
    const all: Connection[] = [];
    for (let i = 0; i < count; i++) {
      const connection = new Connection(workload, new Histogram(), driver);
      await connection.open(target);
      all.push(connection);
    }
    return all;
  };
  const warm = await open(context.smoke ? 20 : 200);
  const before = await settledResidentBytes(server.pid);
  // So many in a smoke run, too, that what an allocator gives back meanwhile counts for little.
  const count = context.smoke ? 200 : idleConnections;
  const opened = await open(count);
  const grown = (await settledResidentBytes(server.pid)) - before;
  for (const connection of [...warm, ...opened]) connection.close();
  return grown / count / 1024;
}

function tableOf(specs: readonly ServerSpec[], samples: readonly Sample[]): Table {
  const loads = [...new Set(samples.map(({ load }) => load))];
  const columns = specs.flatMap(({ name }) => [`${name} plain`, `${name} TLS`]);
  const cell = (load: string, name: string, way: string) =>
    fixed(
      median(
        samples
          .filter((one) => one.load === load && one.server === name && one.way === way)
          .map(({ value }) => value),
      ),
      2,
    );
  return {
    title: "TLS: CPU microseconds an operation",
    columns: ["load", ...columns],
    rows: loads.map((load) => [
      load,
      ...specs.flatMap(({ name }) => [cell(load, name, "plain"), cell(load, name, "TLS")]),
    ]),
    notes: ["100-byte values, 50 connections; handshakes are not measured."],
    raw: samples,
  };
}
