// Requests per second of one client process with many in flight: ours, ioredis with
// auto-pipelining, node-redis and Bun's RedisClient, against the same server. Each run is a fresh
// process, the order rotates every round, and the median is shown with the raw rounds. It measures
// clients: the server is on the other processor and should not be the limit.
//
//   bun scripts/bench/client.ts [--addr HOST:PORT] [--rounds 3] [--requests 400000]
//     [--in-flight 500]
//
// Without --addr it starts its own redis-server. `--smoke` runs a size that only checks.

import { parseArgs } from "node:util";
import { RedisClient } from "bun";
import Redis from "ioredis";
import { createClient } from "redis";
import { connect } from "../../src/index.ts";
import { median } from "./suite.ts";

interface Subject {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<unknown>;
  close(): Promise<unknown> | unknown;
}

type Subjects = Record<string, (host: string, port: number) => Promise<Subject>>;

const subjects: Subjects = {
  async mscache(host, port) {
    return connect({ addr: `${host}:${port}` });
  },
  async ioredis(host, port) {
    const client = new Redis({ host, port, enableAutoPipelining: true });
    return {
      get: (key) => client.get(key),
      set: (key, value) => client.set(key, value),
      close: () => client.disconnect(),
    };
  },
  async "node-redis"(host, port) {
    const client = createClient({ socket: { host, port } });
    await client.connect();
    return {
      get: (key) => client.get(key),
      set: (key, value) => client.set(key, value),
      close: () => client.close(),
    };
  },
  async "bun RedisClient"(host, port) {
    const client = new RedisClient(`redis://${host}:${port}`);
    await client.connect();
    return {
      get: (key) => client.get(key),
      set: (key, value) => client.set(key, value),
      close: () => client.close(),
    };
  },
};

const { values: flags } = parseArgs({
  options: {
    addr: { type: "string" },
    rounds: { type: "string", default: "3" },
    requests: { type: "string", default: "400000" },
    "in-flight": { type: "string", default: "500" },
    smoke: { type: "boolean", default: false },
    subject: { type: "string" }, // set in the child processes
  },
});
const requests = flags.smoke ? 5_000 : Number(flags.requests);
const rounds = flags.smoke ? 1 : Number(flags.rounds);
const inFlight = Number(flags["in-flight"]);
const valueBytes = 20;

interface Rates {
  readonly get: number;
  readonly set: number;
}

// ---- one client in its own process --------------------------------------------------------------

/** Requests per second while each of `inFlight` loops waits for one reply at a time. */
async function rate(count: number, request: (loop: number) => Promise<void>): Promise<number> {
  const each = Math.ceil(count / inFlight);
  const loop = async (index: number) => {
    for (let i = 0; i < each; i++) await request(index);
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, (_, index) => loop(index)));
  return Math.round((each * inFlight) / ((performance.now() - start) / 1_000));
}

async function measure(name: string, host: string, port: number): Promise<Rates> {
  const client = await subjects[name](host, port);
  const keys = Array.from({ length: inFlight }, (_, index) => `bench:key:${index}`);
  const values = keys.map((key) => key.padEnd(valueBytes, "."));
  const set = async (loop: number): Promise<void> => {
    await client.set(keys[loop], values[loop]);
  };
  // Every reply is checked, so that no client wins with a wrong one.
  const get = async (loop: number): Promise<void> => {
    if ((await client.get(keys[loop])) !== values[loop]) throw new Error(`${name}: wrong value`);
  };
  await rate(requests / 4, set);
  await rate(requests / 4, get);
  const rates = { set: await rate(requests, set), get: await rate(requests, get) };
  await client.close();
  return rates;
}

// ---- all of them --------------------------------------------------------------------------------

async function measureApart(name: string, addr: string): Promise<Rates> {
  const sizes = ["--requests", String(requests), "--in-flight", String(inFlight)];
  const child = Bun.spawn(
    [process.execPath, import.meta.path, "--subject", name, "--addr", addr, ...sizes],
    { stdout: "pipe", stderr: "inherit" },
  );
  const output = await child.stdout.text();
  if ((await child.exited) !== 0) throw new Error(`${name} failed`);
  return JSON.parse(output) as Rates;
}

function report(name: string, rates: readonly Rates[]): void {
  for (const verb of ["get", "set"] as const) {
    const raw = rates.map((one) => one[verb]);
    const figure = median(raw).toLocaleString("en").padStart(10);
    console.log(`${name.padEnd(16)} ${verb}  ${figure}/s   rounds ${raw.join(" ")}`);
  }
}

async function compare(addr: string): Promise<void> {
  console.log(
    `${requests} requests, ${inFlight} in flight, values of ${valueBytes} bytes, ${addr}`,
  );
  const results = new Map(Object.keys(subjects).map((name) => [name, [] as Rates[]]));
  for (let round = 0; round < rounds; round++) {
    const order = [...results];
    if (round % 2 === 1) order.reverse();
    for (const [name, rates] of order) rates.push(await measureApart(name, addr));
  }
  for (const [name, rates] of results) report(name, rates);
}

/** A redis-server without persistence for the duration of the comparison. */
async function withServer(use: (addr: string) => Promise<void>): Promise<void> {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  const child = Bun.spawn(["redis-server", "--port", String(port), "--save", ""], {
    stdout: "ignore",
  });
  const addr = `127.0.0.1:${port}`;
  try {
    await answering(addr);
    await use(addr);
  } finally {
    child.kill();
    await child.exited;
  }
}

async function answering(addr: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      return await (await connect({ addr })).close();
    } catch {
      // It is still starting.
      await Bun.sleep(20);
    }
  }
  throw new Error(`no server answers at ${addr}`);
}

if (flags.subject !== undefined && flags.addr !== undefined) {
  const [host, port] = flags.addr.split(":");
  console.log(JSON.stringify(await measure(flags.subject, host, Number(port))));
} else if (flags.addr !== undefined) {
  await compare(flags.addr);
} else {
  await withServer(compare);
}
