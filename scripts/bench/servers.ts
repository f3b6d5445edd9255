// The servers under test: how each is found, started with comparable settings, and stopped. Every
// start is a fresh process on a free port, without persistence, on its own processor.
// Invariant: a started server is always stopped when its scope ends.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Target } from "../../src/bench/load-connection.ts";
import { preload, type Result, runBench } from "../../src/bench/load-run.ts";
import { defaultWorkload, type Protocol, type Workload } from "../../src/bench/workload.ts";
import * as admin from "./admin.ts";
import { cpuSeconds, queuedSeconds, residentBytes, serverCpu } from "./process.ts";
import { MiB } from "./units.ts";

const repositoryRoot = join(import.meta.dir, "../..");
const startTimeoutMs = 20_000;
const stopTimeoutMs = 10_000;
/** A server that refuses more than this share does not do the measured work. */
const refusedShareMax = 0.2;

export interface ServerOptions {
  readonly maxMemoryBytes: number;
  /** The eviction policy of Redis and its forks; the others have only one. */
  readonly redisPolicy?: "allkeys-lru" | "allkeys-lfu";
  /** Refuses writes when memory is full, instead of evicting. */
  readonly evictsNothing?: boolean;
  readonly threads?: number;
  /** Serves TLS on this port as well, by these files; only for a server that has it. */
  readonly tls?: { readonly port: number; readonly cert: string; readonly key: string };
  /** Lets the server use all processors, for runs with several threads. */
  readonly unpinned?: boolean;
  /** How often to ask whether it serves, in milliseconds; 20 by default. */
  readonly pollMs?: number;
}

export interface ServerSpec {
  readonly name: string;
  readonly protocol: Protocol;
  /** Whether it answers some writes with an error when memory is full. */
  readonly refusesWhenFull?: boolean;
  /** Whether it runs with any number of data threads. */
  readonly hasThreads?: boolean;
  readonly hasTls?: boolean;
  /** Its version, as it reports it, or null if it is not installed. */
  version(): string | null;
  command(port: number, options: ServerOptions): string[];
}

function firstLine(command: string[]): string | null {
  if (Bun.which(command[0]) === null) return null;
  return Bun.spawnSync(command).stdout.toString().split("\n")[0].trim();
}

/** Ours has Redis's options. */
function tlsArguments({ tls }: ServerOptions): string[] {
  if (tls === undefined) return [];
  const files = ["--tls-cert-file", tls.cert, "--tls-key-file", tls.key];
  return ["--tls-port", String(tls.port), ...files, "--tls-auth-clients", "no"];
}

function redisLike(name: string, program: string): ServerSpec {
  return {
    name,
    protocol: "resp",
    version: () => firstLine([program, "--version"]),
    hasTls: true,
    command: (port, options) => [
      ...[program, "--port", String(port), "--bind", "127.0.0.1", "--save", ""],
      ...["--appendonly", "no", "--maxmemory", String(options.maxMemoryBytes)],
      ...["--maxmemory-policy", options.evictsNothing ? "noeviction" : policyOf(options)],
      ...tlsArguments(options),
    ],
  };
}

function policyOf({ redisPolicy = "allkeys-lru" }: ServerOptions): string {
  return redisPolicy;
}

const memcached: ServerSpec = {
  name: "memcached",
  protocol: "memcache",
  // It keeps pages for each size class, and no page may be left for a class.
  refusesWhenFull: true,
  version: () => firstLine(["memcached", "-V"]),
  command: (port, options) => [
    ...["memcached", "-l", "127.0.0.1", "-p", String(port), "-U", "0", "-c", "2048"],
    ...["-m", String(Math.max(1, Math.round(options.maxMemoryBytes / MiB)))],
    ...["-t", String(options.threads ?? 1), "-u", "root"],
    // Its largest item is 1 MB by default and may not exceed half of the memory.
    ...(options.maxMemoryBytes >= 64 * MiB ? ["-I", "8m"] : []),
    ...(options.evictsNothing ? ["-M"] : []),
  ],
};

/**
 * Our server from source, or the built executable; of this tree, whose executable may be named by
 * MSCACHE_BENCH_BINARY, or of another one.
 */
function mscache(name: string, root: string, binary: boolean): ServerSpec {
  const named = root === repositoryRoot ? process.env.MSCACHE_BENCH_BINARY : undefined;
  const built = named ?? join(root, "dist/mscache");
  const entry = binary ? built : join(root, "src/main.ts");
  const program = binary ? [entry] : [process.execPath, entry];
  return {
    name,
    protocol: "resp",
    hasThreads: true,
    hasTls: true,
    version: () => (existsSync(entry) ? firstLine([...program, "--version"]) : null),
    command: (port, options) => [
      ...[...program, "--listenaddr", `127.0.0.1:${port}`],
      ...["--max-memory", String(options.maxMemoryBytes)],
      ...["--threads", String(options.threads ?? 1)],
      ...(options.evictsNothing ? ["--eviction", "none"] : []),
      ...tlsArguments(options),
    ],
  };
}

/** Another tree of MSCache, and what its server is called in the tables. */
export interface OtherTree {
  readonly path: string;
  readonly name: string;
}

/** Ours first, then those of other trees, then the others that are installed here. */
export function installedServers(binary: boolean, trees: readonly OtherTree[] = []): ServerSpec[] {
  const all = [
    mscache("mscache", repositoryRoot, binary),
    ...trees.map(({ path, name }) => mscache(name, resolve(path), binary)),
    redisLike("redis", "redis-server"),
    redisLike("valkey", "valkey-server"),
    memcached,
  ];
  return all.filter((spec) => spec.version() !== null);
}

export class RunningServer implements AsyncDisposable {
  readonly spec: ServerSpec;
  readonly target: Target;
  readonly pid: number;
  private readonly process: Bun.Subprocess;
  /** Its own folder, for its log and all else that it writes. */
  private readonly folder: string;

  constructor(spec: ServerSpec, port: number, child: Bun.Subprocess, folder: string) {
    this.spec = spec;
    this.target = { host: "127.0.0.1", port };
    this.pid = child.pid;
    this.process = child;
    this.folder = folder;
  }

  cpuSeconds(): number {
    return cpuSeconds(this.pid);
  }

  queuedSeconds(): number {
    return queuedSeconds(this.pid);
  }

  residentBytes(): number {
    return residentBytes(this.pid);
  }

  statistics(): Promise<admin.Statistics> {
    return admin.statistics(this.target.port, this.spec.protocol);
  }

  items(): Promise<number> {
    return admin.itemCount(this.target.port, this.spec.protocol);
  }

  resetStatistics(): Promise<void> {
    return admin.resetStatistics(this.target.port, this.spec.protocol);
  }

  async ready(pollMs = 20): Promise<void> {
    const deadline = performance.now() + startTimeoutMs;
    while (!(await admin.isReady(this.target.port, this.spec.protocol))) {
      const exit = this.process.exitCode;
      if (exit !== null || performance.now() > deadline) throw this.startFailure(exit);
      await Bun.sleep(pollMs);
    }
  }

  private startFailure(exit: number | null): Error {
    const end = exit === null ? "did not answer in time" : `ended with status ${exit}`;
    return new Error(`${this.spec.name} ${end}: ${this.logTail()}`);
  }

  /** Reports the log of a server that died under load, which says more than a broken connection. */
  private reportCrash(): void {
    const { signalCode, exitCode } = this.process;
    const asked =
      signalCode === null ? exitCode === 0 : ["SIGTERM", "SIGKILL"].includes(String(signalCode));
    if (asked) return;
    const end = signalCode ?? `status ${exitCode}`;
    process.stderr.write(`bench: ${this.spec.name} ended with ${end}: ${this.logTail()}\n`);
  }

  private logTail(): string {
    return readFileSync(join(this.folder, "log"), "utf8").trim().slice(-500);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGTERM");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), stopTimeoutMs);
    await this.process.exited;
    clearTimeout(timer);
    this.reportCrash();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function startServer(
  spec: ServerSpec,
  options: ServerOptions,
): Promise<RunningServer> {
  const port = freePort();
  const pin = serverCpu !== null && !options.unpinned && Bun.which("taskset") !== null;
  // taskset execs the server, so the process id stays the same.
  const prefix = pin ? ["taskset", "-c", String(serverCpu)] : [];
  const folder = mkdtempSync(join(tmpdir(), "mscache-bench-"));
  // A file, not a pipe: a full pipe would block a server that logs much.
  const log = Bun.file(join(folder, "log"));
  const child = Bun.spawn([...prefix, ...spec.command(port, options)], {
    cwd: folder,
    stdin: "ignore",
    stdout: log,
    stderr: log,
  });
  const server = new RunningServer(spec, port, child, folder);
  try {
    await server.ready(options.pollMs);
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

/** Starts several servers; if one fails, stops those already started. */
export async function startServers(
  specs: readonly ServerSpec[],
  options: ServerOptions,
): Promise<AsyncDisposable & { readonly running: readonly RunningServer[] }> {
  const running: RunningServer[] = [];
  const stop = async () => {
    for (const server of running) await server[Symbol.asyncDispose]();
  };
  try {
    for (const spec of specs) running.push(await startServer(spec, options));
  } catch (error) {
    await stop();
    throw error;
  }
  return { running, [Symbol.asyncDispose]: stop };
}

/** Ports used so far: several servers start at once. */
const givenPorts = new Set<number>();

/** Below those that the system gives to connections, which a load opens by the hundred. */
export function freePort(): number {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 21_000);
    if (givenPorts.has(port) || !isFree(port)) continue;
    givenPorts.add(port);
    return port;
  }
}

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false; // somebody has it
  }
}

/** The load of a benchmark in a server's own protocol. */
export function workloadFor(server: RunningServer, shape: Partial<Workload>): Workload {
  return { ...defaultWorkload, ...shape, protocol: server.spec.protocol };
}

/** Error replies end a benchmark, except for writes that a full server is known to refuse. */
export function assertServed(server: RunningServer, result: Result, where: string): void {
  const refused = result.errors / Math.max(1, result.operations);
  if (refused > (server.spec.refusesWhenFull ? refusedShareMax : 0)) {
    throw new Error(`${server.spec.name}, ${where}: ${result.firstError}`);
  }
}

/** Checks that every byte comes back before anything is timed: a wrong server is not scored. */
export async function assertCorrect(
  server: RunningServer,
  target: Target = server.target,
): Promise<void> {
  const workload = workloadFor(server, {
    ...{ keys: 300, valueBytesMin: 0, valueBytesMax: 5000, gets: 1, sets: 1 },
    ...{ depth: 7, verify: true },
  });
  const loaded = await preload(target, workload, 4);
  const run = await runBench(target, workload, { connections: 4, requests: 3000 });
  const wrong = loaded.errors + run.errors;
  if (wrong > 0 || run.misses > 0) {
    const reason = loaded.firstError || run.firstError || `${run.misses} values were lost`;
    throw new Error(`${server.spec.name} is not scored: ${reason}`);
  }
}
