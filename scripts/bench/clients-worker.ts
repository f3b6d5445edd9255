// One client in a process of its own, for clients.ts, which says by messages what to measure: so
// many loops of GET or SET, each of which waits for its reply, for so long. It loads no other
// client, and answers with what it has done and what that cost.
// Invariant: every reply is checked, so that no client wins with a wrong one.

import type { OtherTree } from "./servers.ts";

/** What the process is told to do once. */
export interface Turn {
  readonly verb: "GET" | "SET";
  readonly inFlight: number;
  readonly seconds: number;
}

export interface Done {
  readonly requests: number;
  readonly seconds: number;
  /** User and system time of this process, all its threads. */
  readonly cpuSeconds: number;
}

/** The first message of the process, and its last word if it cannot go on. */
export type Word = "ready" | { readonly failure: string } | Done;

interface Subject {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<unknown>;
}

type Open = (host: string, port: number) => Promise<Subject>;

const valueBytes = 100;
/** Every client reaches them, those of other trees by the path of their tree. */
const inFlightMax = 500;
const ours = new URL("../..", import.meta.url).pathname;

const others: Readonly<Record<string, Open>> = {
  async "ioredis 6"(host, port) {
    const { Redis } = await import("ioredis");
    return new Redis({ host, port, enableAutoPipelining: true });
  },
  async "ioredis 5"(host, port) {
    const { Redis } = await import("ioredis-5");
    return new Redis({ host, port, enableAutoPipelining: true });
  },
  async "node-redis 6"(host, port) {
    const { createClient } = await import("redis");
    const client = createClient({ socket: { host, port } });
    await client.connect();
    return client;
  },
  async "Bun's RedisClient"(host, port) {
    const { RedisClient } = await import("bun");
    const client = new RedisClient(`redis://${host}:${port}`);
    await client.connect();
    return client;
  },
};

/** The names in the tables: ours, those of other trees, and the others. */
export function clientNames(trees: readonly OtherTree[]): string[] {
  return ["mscache", ...trees.map(({ name }) => name), ...Object.keys(others)];
}

/** The path of the client's tree, or its name. */
export function subjectOf(name: string, trees: readonly OtherTree[]): string {
  if (name === "mscache") return ours;
  return trees.find((tree) => tree.name === name)?.path ?? name;
}

function open(subject: string): Open {
  if (Object.hasOwn(others, subject)) return others[subject];
  return async (host, port) => {
    const { connect } = (await import(`${subject}/src/index.ts`)) as typeof import("mscache");
    return connect(`${host}:${port}`);
  };
}

const keys = Array.from({ length: inFlightMax }, (_, index) => `bench:key:${index}`);
const values = keys.map((key) => key.padEnd(valueBytes, "."));

/** Loops until the time is over. The loop itself is the same for all, and part of what is shown. */
async function take(client: Subject, { verb, inFlight, seconds }: Turn): Promise<Done> {
  let isOver = false;
  let requests = 0;
  const getting = async (key: string, value: string) => {
    while (!isOver) {
      if ((await client.get(key)) !== value) throw new Error(`a wrong value of ${key}`);
      requests++;
    }
  };
  const setting = async (key: string, value: string) => {
    while (!isOver) {
      const reply = await client.set(key, value);
      if (reply !== true && reply !== "OK") throw new Error(`a wrong reply to SET ${key}`);
      requests++;
    }
  };
  const loop = verb === "GET" ? getting : setting;
  const before = process.cpuUsage();
  const start = performance.now();
  setTimeout(() => {
    isOver = true;
  }, seconds * 1_000);
  await Promise.all(keys.slice(0, inFlight).map((key, index) => loop(key, values[index])));
  const { user, system } = process.cpuUsage(before);
  return {
    requests,
    seconds: (performance.now() - start) / 1_000,
    cpuSeconds: (user + system) / 1e6,
  };
}

async function serve(subject: string, port: number): Promise<void> {
  const client = await open(subject)("127.0.0.1", port);
  await Promise.all(keys.map((key, index) => client.set(key, values[index])));
  process.on("message", (turn: Turn) => {
    take(client, turn).then(say, fail);
  });
  say("ready");
}

function say(word: Word): void {
  process.send?.(word);
}

function fail(error: unknown): void {
  say({ failure: error instanceof Error ? error.message : String(error) });
}

if (import.meta.main) {
  const [, , subject, port] = process.argv;
  serve(subject, Number(port)).catch(fail);
}
