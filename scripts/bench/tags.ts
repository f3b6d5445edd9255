// What expireTag() of a cache costs with a million entries under a thousand tags, beside a round
// trip, and whether a second process ever gets an entry of a tag whose expiry was acknowledged
// before it asked. The entries have the bytes that the cache writes itself.
// Invariant: an entry that is served too late ends the benchmark; it is not a figure.

import { join } from "node:path";
import { type Client, connect, createCache } from "../../src/index.ts";
import { residentBytes } from "./process.ts";
import { type ServerSpec, startServer } from "./servers.ts";
import { type Benchmark, type Cell, fixed, median, type Table } from "./suite.ts";
import { entryOf, expireCount, prefix, tagOf } from "./tags-names.ts";
import { MiB } from "./units.ts";

interface Sizes {
  readonly entries: number;
  readonly tags: number;
}

interface Sample {
  readonly server: string;
  readonly pingMicros: readonly number[];
  readonly expireMicros: readonly number[];
  /** Reads of the second process, and how many of them gave an entry. */
  readonly reads: number;
  readonly hits: number;
  readonly loadSeconds: number;
  readonly residentMib: number;
}

export const tags: Benchmark = {
  name: "tags",
  summary: "the expiry of a tag among a million entries, and what another process sees of it",
  async run(context) {
    const sizes = context.smoke ? { entries: 4_000, tags: 40 } : { entries: 1e6, tags: 1_000 };
    const samples: Sample[] = [];
    for (const spec of context.servers.filter(({ name }) => name !== "memcached")) {
      context.say(`tags: ${spec.name}`);
      samples.push(await measure(spec, sizes));
    }
    return [tableOf(sizes, samples)];
  },
};

async function measure(spec: ServerSpec, sizes: Sizes): Promise<Sample> {
  await using server = await startServer(spec, { maxMemoryBytes: 2_048 * MiB });
  const { host, port } = server.target as { host: string; port: number };
  const addr = `${host}:${port}`;
  await using client = await connect(addr, { requestTimeoutMs: 60_000 });
  const began = performance.now();
  await load(client, sizes);
  const loadSeconds = (performance.now() - began) / 1_000;
  const residentMib = residentBytes(server.pid) / MiB;
  await using watch = await startWatch(addr, sizes);
  const figures = await expireTags(client, sizes);
  const { reads, hits } = await watch.end();
  return { server: spec.name, ...figures, reads, hits, loadSeconds, residentMib };
}

/**
 * Entry i has tag i modulo their number, so that each tag has as many. The cache writes the first
 * entry of each tag; what it wrote is copied for all others, which takes a tenth of the time.
 */
async function load(client: Client, { entries, tags }: Sizes): Promise<void> {
  const cache = createCache({ client, prefix, ttl: Infinity, serverTimeout: 60_000 });
  const batches = Array.from({ length: tags }, (_, tag) => tag).values();
  const worker = async () => {
    for (const tag of batches) {
      const key = (i: number) => `${prefix}v:${entryOf(i * tags + tag)}`;
      await cache.set(entryOf(tag), { name: `entry ${tag}` }, { tags: [tagOf(tag)] });
      const bytes = (await client.getBytes(key(0))) as Uint8Array;
      const pairs: [string, Uint8Array][] = [];
      for (let i = 1; i * tags + tag < entries; i++) pairs.push([key(i), bytes]);
      await client.mset(pairs);
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
}

/** Expires one tag after the other, each beside a round trip, and tells the second process. */
async function expireTags(client: Client, { entries, tags }: Sizes) {
  const cache = createCache({ client, prefix, serverTimeout: 60_000 });
  const pingMicros: number[] = [];
  const expireMicros: number[] = [];
  for (let tag = 0; tag < expireCount(tags); tag++) {
    pingMicros.push(await microsOf(() => client.ping()));
    expireMicros.push(await microsOf(() => cache.expireTag(tagOf(tag))));
    await client.set(`expired:${tag}`, "1");
    const gone = Array.from({ length: Math.min(1_000, entries / tags) }, (_, i) => {
      return entryOf(i * tags + tag);
    });
    const found = (await cache.getMany(gone)).filter((value) => value !== undefined);
    if (found.length > 0)
      throw new Error(`${found.length} entries of ${tagOf(tag)} are still there`);
  }
  if (!(await cache.has(entryOf(tags - 1)))) throw new Error("an entry of another tag is gone");
  return { pingMicros, expireMicros };
}

async function microsOf(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await act();
  return (performance.now() - began) * 1_000;
}

/** The second process, once it reads. */
async function startWatch(addr: string, sizes: Sizes) {
  const file = join(import.meta.dir, "tags-watch.ts");
  const child = Bun.spawn([process.execPath, file, addr, JSON.stringify(sizes)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = linesOf(child.stdout);
  await lines.next();
  return {
    async end(): Promise<{ reads: number; hits: number }> {
      child.stdin.end();
      const { value = "" } = await lines.next();
      if ((await child.exited) !== 0) throw new Error("tags: the second process has failed");
      return JSON.parse(value);
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + Buffer.from(chunk).toString()).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

function tableOf({ entries, tags }: Sizes, samples: readonly Sample[]): Table {
  return {
    title: `expireTag() with ${entries} entries under ${tags} tags, microseconds`,
    columns: ["server", "ping", "expireTag", "more", "reads beside", "loaded in s", "RSS MiB"],
    rows: samples.map((sample): Cell[] => {
      const [ping, expire] = [median(sample.pingMicros), median(sample.expireMicros)];
      return [
        ...[sample.server, fixed(ping, 0), fixed(expire, 0), fixed(expire - ping, 0)],
        ...[sample.reads, fixed(sample.loadSeconds, 0), fixed(sample.residentMib, 0)],
      ];
    }),
    notes: ["medians; no read gave an entry of a tag whose expiry was acknowledged before it"],
    raw: samples,
  };
}
