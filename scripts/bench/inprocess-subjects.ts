// All subjects of the benchmark `inprocess`: ours, the client-side cache of node-redis, and those
// of inprocess-stock.ts, which know no server.
// Invariant: a subject hands out what was stored, by its documented way to read.

import { connect, follow } from "../../src/index.ts";
import { hourMs, MiB, type Subject } from "./inprocess-entries.ts";
import { stockSubjects } from "./inprocess-stock.ts";

const near: Subject = {
  name: "mscache near()",
  bound: "bytes",
  async open({ keys, values, addr }) {
    const client = await connect(addr, { requestTimeoutMs: 60_000 });
    const decode = typeof values[0] === "string" ? "text" : "json";
    const cache = await client.near<unknown>({ maxSilence: hourMs, decode });
    await Promise.all(keys.map((key) => cache.get(key)));
    return { peek: (key) => cache.peek(key), "await get": (key) => cache.get(key) };
  },
};

const copy: Subject = {
  name: "mscache follow()",
  bound: "bytes",
  async open({ addr }) {
    const copy = await follow(addr, { maxMemory: 16 * MiB, prefix: "bench:" });
    return { get: (key) => copy.get(key), getBytes: (key) => copy.getBytes(key) };
  },
};

const nodeRedis: Subject = {
  name: "node-redis client-side cache",
  bound: "entries",
  async open({ keys, lifeMs, addr }) {
    const { createClient } = await import("redis");
    const client = createClient({
      url: `redis://${addr}`,
      RESP: 3,
      clientSideCache: { ttl: lifeMs, maxEntries: 2 * keys.length, evictPolicy: "LRU" },
    });
    await client.connect();
    for (const key of keys) await client.get(key);
    return { "await get": (key) => client.get(key) };
  },
};

export const subjects: readonly Subject[] = [near, copy, nodeRedis, ...stockSubjects];
