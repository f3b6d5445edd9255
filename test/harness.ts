// What tests share: nodes of ours (in this process or spawned), a real redis-server, a small RESP
// client and the one way to wait. Everything that is started is an AsyncDisposable, so that `await
// using` ends it whatever the test does. It uses src only to start nodes, never to speak to them: a
// bug of ours must not hide behind itself.
//
// Everything listens on a port of its own on the loopback; nothing waits without a limit.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { type Address, formatAddress } from "../src/base/address.ts";
import { type Config, loadConfig } from "../src/config/config.ts";
import type { Store } from "../src/store/store.ts";
import { collectText } from "./support/collected-text.ts";
import { patienceMs } from "./support/patience.ts";
import { nodeCommand, workerEntry } from "./support/programs.ts";
import { type RawConnection, rawConnection } from "./support/raw-connection.ts";
import { type Argument, encodeCommand, type Reply, ReplyReader } from "./support/wire.ts";

const loopback = "127.0.0.1";
/** Of a whole case: above the patience of its waits, which say what they waited for. */
export const caseMsMax = 300_000;
/**
 * Between two looks at a condition. A look often is a connection and a command of its own, and many
 * tests wait at once, so the pause grows to a tenth of the time waited up to now: a wait ends a
 * tenth late at most.
 */
const pollMs = { min: 5, max: 50, share: 0.1 } as const;
/**
 * Data threads of every node that is not told another number: MSCACHE_TEST_THREADS=4 bun test ...
 */
const defaultThreads = Number(process.env.MSCACHE_TEST_THREADS ?? "1");

// ---- waiting ------------------------------------------------------------------------------------

export interface WaitOptions {
  readonly timeoutMs?: number;
  /** What was waited for, as the end of a sentence. */
  readonly message?: string;
  /**
   * What shows that it moves. The time is counted from its last change, so that a long way is not
   * taken for a standstill.
   */
  readonly progress?: () => unknown;
}

/** Resolves to the first value of `condition` that is true; a condition that throws is not yet. */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = patienceMs, message = "a condition", progress }: WaitOptions = {},
): Promise<NonNullable<T>> {
  const began = performance.now();
  let deadline = began + timeoutMs;
  let state: unknown;
  let last: unknown = "it stayed false";
  while (performance.now() < deadline) {
    try {
      const value = await condition();
      if (value) return value;
      const present = await progress?.();
      if (present !== state) deadline = performance.now() + timeoutMs;
      state = present;
    } catch (error) {
      last = error;
    }
    // The pause between two looks at a condition.
    await Bun.sleep(pauseAfterMs(performance.now() - began));
  }
  throw new Error(`waited ${timeoutMs} ms${standing(progress, state)} for ${message}: ${last}`);
}

function pauseAfterMs(waitedMs: number): number {
  return Math.min(pollMs.max, Math.max(pollMs.min, waitedMs * pollMs.share));
}

function standing(progress: unknown, state: unknown): string {
  return progress === undefined ? "" : `, in which it stood at ${state},`;
}

/**
 * A free port, for programs that cannot choose one themselves. The system gives those above 32767
 * to whoever connects or asks for any, as many tests do until the program listens; not these.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 21_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, loopback, () => server.close(() => resolve(true)));
  });
}

/** A directory that is gone with its contents at the end of the test. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "mscache-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

// ---- our nodes ----------------------------------------------------------------------------------

export interface TestNode extends AsyncDisposable {
  readonly port: number;
  /** "127.0.0.1:port", as --addr and --leaderaddr take it. */
  readonly address: string;
}

export interface LocalNode extends TestNode {
  readonly store: Store;
}

/** A node in this process on a free port, with 64 MB unless told otherwise. */
export async function startNode(overrides: Partial<Config> = {}): Promise<LocalNode> {
  const { startServer } = await import("../src/node/server.ts");
  const flags = { listenaddr: `${loopback}:0`, "max-memory": "64mb", "log-level": "error" };
  const config = { ...loadConfig(flags, {}, () => ""), threads: defaultThreads, ...overrides };
  const server = await startServer(config, { workerEntry });
  return { ...testNode(server.port, () => server.close()), store: server.store };
}

export interface SpawnedNode extends TestNode {
  readonly process: Subprocess;
  /** Everything it wrote to standard error up to now. */
  readonly log: () => string;
}

/** The default, half of the machine, takes a seventh of a node's start to reserve. */
const spawnedMemory = "256mb";

/**
 * A node in a process of its own: `mscache ...args`, or another command that is a node. It has
 * 256 MB unless told otherwise. Its port is read from its log, so the log level must stay at info
 * or below.
 */
export async function spawnNode(
  args: readonly string[] = [],
  {
    environment = {},
    command = nodeCommand,
    directory = process.cwd(),
  }: Omit<RunOptions, "input"> = {},
): Promise<SpawnedNode> {
  const listen = args.includes("--listenaddr") ? [] : ["--listenaddr", `${loopback}:0`];
  const child = Bun.spawn([...command, ...args, ...listen], {
    cwd: directory,
    env: {
      ...process.env,
      MSCACHE_MAX_MEMORY: spawnedMemory,
      ...(defaultThreads > 1 && { MSCACHE_THREADS: `${defaultThreads}` }),
      ...environment,
    },
    stdout: "ignore",
    stderr: "pipe",
  });
  const log = collectText(child.stderr);
  const stop = () => endProcess(child);
  try {
    const message = `a node to listen (${args.join(" ")})`;
    const port = await waitForChild(child, () => portIn(log()), message);
    return { ...testNode(port, stop), process: child, log };
  } catch (error) {
    await stop();
    await log.end;
    throw new Error(`${error}; its log: ${log()}`);
  }
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array;
  /** What is `mscache` here; what a node is unless told otherwise. */
  readonly command?: readonly string[];
  /** The working directory. */
  readonly directory?: string;
}

export interface RunResult {
  readonly status: number;
  readonly out: string;
  readonly errors: string;
}

/** Runs `mscache ...args` to its end. */
export async function runMscache(
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { bytes, ...rest } = await runToEnd(args, options);
  return { ...rest, out: bytes.toString() };
}

/** The same for output that is no text. */
export async function runToEnd(
  args: readonly string[],
  {
    environment = {},
    input = new Uint8Array(),
    command = nodeCommand,
    directory = process.cwd(),
  }: RunOptions = {},
): Promise<Omit<RunResult, "out"> & { readonly bytes: Buffer }> {
  const child = Bun.spawn([...command, ...args], {
    cwd: directory,
    env: { ...process.env, NO_COLOR: "1", ...environment },
    stdin: input,
    stdout: "pipe",
    stderr: "pipe",
    timeout: patienceMs,
    killSignal: "SIGKILL",
  });
  const [out, errors] = await Promise.all([child.stdout.bytes(), child.stderr.text()]);
  return { status: await child.exited, bytes: Buffer.from(out), errors };
}

/** The port that a node announces: "... listening on 127.0.0.1:5000". */
function portIn(log: string): number {
  const [, port] = /listening on [^ "]*:(\d+)/.exec(log) ?? [];
  return Number(port ?? 0);
}

/** Waits for what a process is to do first; fails at once if it ends instead. */
async function waitForChild<T>(
  child: Subprocess,
  condition: () => T | Promise<T>,
  message: string,
): Promise<T> {
  const end = () => child.exitCode ?? child.signalCode;
  const value = await waitFor(async () => (await condition()) || end() !== null, { message });
  if (value === true) throw new Error(`waited for ${message}, but it ended with ${end()}`);
  return value as T;
}

function testNode(port: number, close: () => Promise<void>): TestNode {
  const address: Address = { host: loopback, port };
  return { port, address: formatAddress(address), [Symbol.asyncDispose]: close };
}

/** Asks a process to end and makes it: a test that hangs on shutdown fails where it hangs. */
async function endProcess(child: Subprocess): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  await child.exited;
  clearTimeout(timer);
}

// ---- a real redis-server ------------------------------------------------------------------------

const redisServer = Bun.which("redis-server");

/**
 * Whether the oracle is here: `test.skipIf(!redisInstalled())`. On a bare machine such a case is
 * skipped; in CI its absence is a mistake of the set-up, and fails.
 */
export function redisInstalled(): boolean {
  if (redisServer === null && process.env.CI === "true") {
    throw new Error("redis-server is not installed, and in CI (CI=true) it must be");
  }
  return redisServer !== null;
}

/** Why a case was skipped, for its name. */
export const noRedis = "redis-server is not installed";

export interface RedisServer extends TestNode {
  readonly process: Subprocess;
}

/** Debian's redis-server without persistence, in a directory of its own. */
export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  if (redisServer === null) throw new Error(noRedis);
  const directory = await temporaryDirectory();
  const port = await freePort();
  const fixed = ["--port", `${port}`, "--bind", loopback, "--save", "", "--appendonly", "no"];
  // Or a leader waits five seconds for more followers before it sends the first its snapshot.
  const prompt = ["--repl-diskless-sync-delay", "0"];
  const child = Bun.spawn([redisServer, ...fixed, ...prompt, "--dir", directory.path, ...args], {
    stdout: "ignore",
    stderr: "ignore",
  });
  const stop = async () => {
    child.kill("SIGKILL");
    await child.exited;
    await directory[Symbol.asyncDispose]();
  };
  try {
    await waitForChild(child, () => answersPing(port), "redis-server to answer PING");
    return { ...testNode(port, stop), process: child };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** With a password set the answer is an error, and the server is up all the same. */
async function answersPing(port: number): Promise<string> {
  await using client = await respClient(port).catch(() => null);
  const reply = await client?.call("PING");
  const answer = typeof reply === "string" ? reply : (reply as { error?: string })?.error;
  return /^(PONG|NOAUTH)/.exec(answer ?? "")?.[0] ?? "";
}

// ---- RESP ---------------------------------------------------------------------------------------

/**
 * A reply as a test likes to compare it. Texts are latin1, so that every byte survives; maps stay
 * flat and in order. For replies with their wire types use `typed`.
 */
export type Value = string | number | bigint | boolean | null | { error: string } | Value[];

export class RespClient implements AsyncDisposable {
  readonly raw: RawConnection;
  private readonly reader = new ReplyReader();

  constructor(raw: RawConnection) {
    this.raw = raw;
  }

  /** One command and its reply. */
  async call(...args: Argument[]): Promise<Value> {
    return plain(await this.typed(...args));
  }

  /** One command and its reply with every wire type kept. */
  typed(...args: Argument[]): Promise<Reply> {
    this.send(...args);
    return this.reply();
  }

  /** Sends without waiting: the replies come by `reply`, in order. */
  send(...args: Argument[]): void {
    this.raw.write(encodeCommand(args));
  }

  /** The same for many commands in one write, which costs a fraction of as many writes. */
  sendAll(commands: readonly (readonly Argument[])[]): void {
    this.raw.write(Buffer.concat(commands.map(encodeCommand)));
  }

  async reply(): Promise<Reply> {
    for (;;) {
      const reply = this.reader.next();
      if (reply !== undefined) return reply;
      this.reader.push(await this.raw.readSome());
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.raw[Symbol.asyncDispose]();
  }
}

/** A RESP2 connection; with `protocol: 3` it has said HELLO 3. */
export async function respClient(
  port: number,
  { protocol = 2 }: { protocol?: 2 | 3 } = {},
): Promise<RespClient> {
  const client = new RespClient(await rawConnection(port));
  if (protocol === 3) await client.call("HELLO", "3");
  return client;
}

function plain({ type, value }: Reply): Value {
  if (value === null) return null;
  if (typeof value !== "string") return value.map(plain);
  if (type === "-" || type === "!") return { error: value };
  if (type === ":") return Number(value);
  if (type === "(") return BigInt(value);
  if (type === "#") return value === "t";
  return type === "," ? Number(value) : value;
}
