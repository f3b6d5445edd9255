// Scripts: server CPU per call of EVALSHA at depths 1, 16 and 64. A lock is released by whoever
// holds it, and requests are counted in a fixed window; each once in words that our server knows
// and runs without a VM, and once in the same words with a space, which it does not know. All
// servers run at the same time, and take turns of a fraction of a second within each load.
// Invariant: each reply is one line, and each is counted; an error ends the run.

import { unlockScript, windowScript } from "../../src/command/script/native/idioms.ts";
import { commandText } from "../../src/protocol/resp/command-bytes.ts";
import { type RunningServer, type ServerSpec, startServers } from "./servers.ts";
import { alternate, type Benchmark, type Context, fixed, median, type Table } from "./suite.ts";
import { MiB } from "./units.ts";

const connectionCount = 50;
const depths = [1, 16, 64];
/** A process compiles what a load runs during its first million calls. */
const warmUpRuns = 25;
const measuredRuns = 8;
const newline = 0x0a;
const dash = 0x2d;
const encoder = new TextEncoder();

interface Load {
  readonly name: string;
  readonly text: string;
  readonly argument: string;
}

const loads: readonly Load[] = [
  { name: "unlock, known", text: unlockScript, argument: "token" },
  { name: "unlock, unknown", text: `${unlockScript} `, argument: "token" },
  { name: "fixed window, known", text: windowScript, argument: "60" },
  { name: "fixed window, unknown", text: `${windowScript} `, argument: "60" },
];

/** A load at one depth. */
interface Case extends Load {
  readonly depth: number;
}

interface Sample {
  readonly round: number;
  readonly server: string;
  readonly load: string;
  readonly micros: number;
}

export const scripts: Benchmark = {
  name: "scripts",
  summary: "server CPU per call of a script, known and unknown",
  async run(context) {
    const specs = context.servers.filter(({ protocol }) => protocol === "resp");
    const samples: Sample[] = [];
    for (let round = 0; round < context.rounds; round++) {
      context.say(`scripts: round ${round + 1} of ${context.rounds}`);
      samples.push(...(await measureRound(context, alternate(specs, round), round)));
    }
    return [tableOf(specs, samples)];
  },
};

/** The loads at each depth; `--only "unlock, known, depth 1"` and the like select. */
function casesOf({ smoke, only }: Context): Case[][] {
  const all = loads.map((load) =>
    (smoke ? [16] : depths).map((depth) => ({
      ...{ ...load, depth },
      name: `${load.name}, depth ${depth}`,
    })),
  );
  const chosen = all.map((cases) => cases.filter(({ name }) => name.includes(only)));
  return chosen.filter((cases) => cases.length > 0);
}

async function measureRound(
  context: Context,
  specs: readonly ServerSpec[],
  round: number,
): Promise<Sample[]> {
  await using servers = await startServers(specs, { maxMemoryBytes: 256 * MiB });
  const samples: Sample[] = [];
  for (const cases of casesOf(context)) {
    for (const server of servers.running) await warmUp(context, server, cases[0]);
    for (const one of cases) {
      const micros = await measure(context, servers.running, one);
      samples.push(
        ...servers.running.map(({ spec }, i) => ({
          ...{ round, server: spec.name, load: one.name, micros: micros[i] },
        })),
      );
    }
  }
  return samples;
}

function countOf({ smoke }: Context): number {
  return smoke ? 500 : 40_000;
}

/** Loads the script, and calls it many times at the greatest depth, where a call costs least. */
async function warmUp(context: Context, server: RunningServer, { text, argument }: Load) {
  await call(server, 1, 1, () => commandText(["SCRIPT", "LOAD", text]), 2);
  const count = countOf(context);
  const sha = shaOf(text);
  for (let run = 0; run < (context.smoke ? 1 : warmUpRuns); run++) {
    await lock(server, count);
    await call(server, count, 64, (n) => callOf(sha, n, argument));
  }
}

function shaOf(text: string): string {
  return new Bun.CryptoHasher("sha1").update(text).digest("hex");
}

/** Microseconds a call of each server. */
async function measure(
  context: Context,
  servers: readonly RunningServer[],
  { text, argument, depth }: Case,
): Promise<number[]> {
  const count = countOf(context);
  const sha = shaOf(text);
  const runs = context.smoke ? 1 : measuredRuns;
  const seconds = servers.map(() => 0);
  for (let run = -1; run < runs; run++) {
    for (const [i, server] of servers.entries()) {
      await lock(server, count);
      const before = server.cpuSeconds();
      await call(server, count, depth, (n) => callOf(sha, n, argument));
      if (run >= 0) seconds[i] += server.cpuSeconds() - before;
    }
  }
  return seconds.map((spent) => (spent / (runs * count)) * 1e6);
}

/** Every key has the token; as a counter, it begins anew. */
async function lock(server: RunningServer, count: number): Promise<void> {
  await call(server, 1, 1, () => commandText(["FLUSHALL"]));
  await call(server, count, 64, (i) => commandText(["SET", lockKey(i), "token"]));
}

function lockKey(i: number): string {
  return `lock:${String(i).padStart(12, "0")}`;
}

function callOf(sha: string, i: number, argument: string): string {
  const key = argument === "token" ? lockKey(i) : `hits:${i % 1000}`;
  return commandText(["EVALSHA", sha, "1", key, argument]);
}

/** Sends `count` requests over all connections, `depth` at a time, and awaits their replies. */
async function call(
  server: RunningServer,
  count: number,
  depth: number,
  requestOf: (i: number) => string,
  linesEach = 1,
): Promise<void> {
  const connections = Math.min(connectionCount, count);
  const runs = Array.from({ length: connections }, (_, number) => {
    const mine = Array.from({ length: Math.ceil((count - number) / connections) }, (_unused, i) =>
      requestOf(number + i * connections),
    );
    const batches: Uint8Array[] = [];
    for (let i = 0; i < mine.length; i += depth) {
      batches.push(encoder.encode(mine.slice(i, i + depth).join("")));
    }
    const lines = Array.from(batches, (_unused, i) => {
      return linesEach * Math.min(depth, mine.length - i * depth);
    });
    return exchange(server, batches, lines);
  });
  await Promise.all(runs);
}

/** Sends each batch when the replies to the one before it are there. */
function exchange(
  server: RunningServer,
  batches: readonly Uint8Array[],
  lines: readonly number[],
): Promise<void> {
  const { host, port } = server.target as { host: string; port: number };
  const done = Promise.withResolvers<void>();
  let next = 0;
  let missing = 0;
  const send = (socket: Bun.Socket) => {
    if (next === batches.length) {
      done.resolve(); // before the event that the end brings
      socket.end();
      return;
    }
    missing = lines[next];
    const batch = batches[next++];
    if (socket.write(batch) < batch.length) done.reject(new Error("a batch was not taken whole"));
  };
  const failed = (error: unknown) => done.reject(error);
  const socket = {
    open: send,
    data: (opened: Bun.Socket, chunk: Uint8Array) => {
      if (chunk[0] === dash) return failed(new Error(Buffer.from(chunk).toString()));
      for (const byte of chunk) if (byte === newline) missing--;
      if (missing === 0) send(opened);
    },
    error: (_opened: Bun.Socket, error: Error) => failed(error),
    close: () => failed(new Error(`${server.spec.name} closed a connection`)),
  };
  Bun.connect({ hostname: host, port, socket }).catch(failed);
  return done.promise;
}

function tableOf(specs: readonly ServerSpec[], samples: readonly Sample[]): Table {
  const names = specs.map(({ name }) => name);
  const rows = [...new Set(samples.map(({ load }) => load))];
  const microsOf = (load: string, server: string) =>
    samples.filter((s) => s.load === load && s.server === server).map((s) => s.micros);
  const ratiosOf = (load: string) => {
    const redis = microsOf(load, "redis");
    return microsOf(load, "mscache").map((micros, round) => micros / redis[round]);
  };
  const compares = names.includes("mscache") && names.includes("redis");
  return {
    title: "Scripts: server CPU per call, microseconds",
    columns: ["load", ...names, ...(compares ? ["mscache/redis", "by round"] : [])],
    rows: rows.map((load) => [
      load,
      ...names.map((name) => fixed(median(microsOf(load, name)), 2)),
      ...(compares ? comparison(ratiosOf(load)) : []),
    ]),
    raw: samples,
  };
}

function comparison(ratios: readonly number[]): string[] {
  return [fixed(median(ratios), 2), ratios.map((ratio) => fixed(ratio, 2)).join(" ")];
}
