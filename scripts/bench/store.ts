// Benchmarks of the store alone, without sockets: nanoseconds per get and set, bytes per item as
// the store counts them and as the process grows, and hit ratios by replaying access traces.
//   bun scripts/bench/store.ts [--items 1000000] [--values 32,100,1000] [--rounds 5]
//   bun scripts/bench/store.ts --memory 2000000
//   bun scripts/bench/store.ts --trace FILE[.gz] --limits 4,8,16 [--requests N] [--seed N]
// Invariant: every measurement checks what it read before it prints a number; seeds are fixed.

import { parseArgs } from "node:util";
import { hashKeyOf } from "../../src/store/hash.ts";
import { reserveStore } from "../../src/store/memory.ts";
import { STORED, Store } from "../../src/store/store.ts";
import { median } from "./suite.ts";
import { readTrace, traceKey, traceValueLength } from "./trace.ts";
import { MiB } from "./units.ts";

const { values: flags } = parseArgs({
  options: {
    items: { type: "string", default: "1000000" },
    values: { type: "string", default: "32,100,1000" },
    rounds: { type: "string", default: "5" },
    memory: { type: "string" },
    trace: { type: "string", multiple: true },
    limits: { type: "string", default: "4,8,16,32" },
    requests: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});

function openStore(memoryLimitBytes: number, concurrent = false): Store {
  return new Store(
    reserveStore({
      memoryLimitBytes,
      reserveBytes: memoryLimitBytes * 2,
      valueBytesMax: 64 * MiB,
      eviction: "s3fifo",
      hashKey: hashKeyOf(Number(flags.seed), 0),
      concurrent,
    }),
    0,
  );
}

// ---- speed --------------------------------------------------------------------------------------

const keyBytes = 20;

/** Keys of 20 bytes end to end, in an order that defeats caches. */
function makeKeys(count: number): Uint8Array {
  const keys = Buffer.alloc(count * keyBytes);
  for (let i = 0; i < count; i++) {
    keys.write(`key:${String(i).padStart(16, "0")}`, i * keyBytes, "latin1");
  }
  return new Uint8Array(keys);
}

/**
 * Visits every index below `count` once: the multiplier is odd and coprime to it for our counts.
 */
function shuffled(i: number, count: number): number {
  return Number((BigInt(i) * 2654435761n) % BigInt(count));
}

function makeOrder(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => shuffled(i, count));
}

interface Speed {
  set: number;
  get: number;
  miss: number;
}

/** CPU time of this process per operation, ns; other load on the machine hardly affects it. */
function timed(count: number, run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / count;
}

function setAll(store: Store, keys: Uint8Array, order: Int32Array, value: Uint8Array): void {
  for (let i = 0; i < order.length; i++) {
    const at = order[i] * keyBytes;
    value[0] = order[i];
    if (!store.makeRoom(keys, at, at + keyBytes, value.length + keyBytes, 1))
      throw new Error("room");
    store.lock(keys, at, at + keyBytes);
    const result = store.set(keys, at, at + keyBytes, value, 0, value.length, 0, 0);
    store.unlock(keys, at, at + keyBytes);
    if (result !== STORED) throw new Error(`set: ${result}`);
  }
}

function getAll(store: Store, keys: Uint8Array, order: Int32Array, target: Uint8Array): number {
  let found = 0;
  for (let i = 0; i < order.length; i++) {
    const at = order[i] * keyBytes;
    store.lock(keys, at, at + keyBytes);
    if (store.read(keys, at, at + keyBytes, 1)) {
      store.copyTo(target, 0, 0, store.valueLength);
      if (target[0] !== (order[i] & 0xff)) throw new Error("a foreign value");
      found++;
    }
    store.unlock(keys, at, at + keyBytes);
  }
  return found;
}

function measureSpeed(valueBytes: number, limit: number, concurrent: boolean): Speed {
  const items = Number(flags.items);
  const keys = makeKeys(items * 2);
  const order = makeOrder(items);
  const absent = order.map((i) => i + items);
  const value = new Uint8Array(valueBytes).fill(7);
  const target = new Uint8Array(valueBytes);
  const store = openStore(limit, concurrent);
  const fill = timed(items, () => setAll(store, keys, order, value));
  const rounds: Speed[] = [];
  for (let round = 0; round < Number(flags.rounds); round++) {
    const set = timed(items, () => setAll(store, keys, order, value));
    let found = 0;
    const get = timed(items, () => {
      found = getAll(store, keys, order, target);
    });
    const miss = timed(items, () => getAll(store, keys, absent, target));
    if (found !== store.count()) console.log(`  found ${found} of ${store.count()}`);
    rounds.push({ set, get, miss });
  }
  const speed = {
    set: median(rounds.map(({ set }) => set)),
    get: median(rounds.map(({ get }) => get)),
    miss: median(rounds.map(({ miss }) => miss)),
  };
  console.log(
    `${String(valueBytes).padStart(6)} B  first set ${fill.toFixed(0).padStart(5)}  set ${speed.set
      .toFixed(0)
      .padStart(
        5,
      )}  get ${speed.get.toFixed(0).padStart(5)}  miss ${speed.miss.toFixed(0).padStart(5)} ns`,
  );
  return speed;
}

function runSpeed(): void {
  const items = Number(flags.items);
  for (const [name, share, concurrent] of [
    ["no locks", 2, false],
    ["locks", 2, true],
    ["evicting (a third fits)", 1 / 3, false],
  ] as const) {
    console.log(`${name}, ${items} items`);
    for (const text of flags.values.split(",")) {
      const valueBytes = Number(text);
      const limit = Math.max(16 * MiB, Math.ceil(items * (valueBytes + 64) * share));
      measureSpeed(valueBytes, limit, concurrent);
    }
  }
}

// ---- memory -------------------------------------------------------------------------------------

/** Growth of the process by this many items with a TTL, after a warm-up that loads the code. */
function runMemory(items: number): void {
  for (const valueBytes of flags.values.split(",").map(Number)) {
    const program = `${import.meta.path}`;
    const child = Bun.spawnSync([process.execPath, program, "--memory", "0"], {
      env: { ...process.env, BENCH_ITEMS: String(items), BENCH_VALUE: String(valueBytes) },
      stdout: "inherit",
      stderr: "inherit",
    });
    if (child.exitCode !== 0) throw new Error("the measuring process failed");
  }
}

function measureMemory(items: number, valueBytes: number): void {
  const store = openStore(Math.max(64 * MiB, items * (valueBytes + 100)));
  const key = new Uint8Array(keyBytes);
  const value = new Uint8Array(valueBytes).fill(7);
  const put = (i: number) => {
    let digits = i;
    for (let at = keyBytes - 1; at >= 4; at--) {
      key[at] = 48 + (digits % 10);
      digits = Math.floor(digits / 10);
    }
    store.makeRoom(key, 0, keyBytes, valueBytes + keyBytes, 1);
    store.set(key, 0, keyBytes, value, 0, valueBytes, 2_000_000_000_000, 0);
  };
  for (let i = 0; i < 50_000; i++) put(i);
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  const usedBefore = store.memoryUsed();
  for (let i = 50_000; i < items + 50_000; i++) put(i);
  Bun.gc(true);
  const beyond = (bytes: number) => (bytes / items - keyBytes - valueBytes).toFixed(1);
  const counted = beyond(store.memoryUsed() - usedBefore);
  const resident = beyond(process.memoryUsage.rss() - before);
  const index = (store.statistics().memory.index_bytes / store.count()).toFixed(1);
  console.log(
    `${valueBytes} B: ${counted} bytes an item beyond key and value as counted, ${resident} resident (index ${index})`,
  );
  if (store.count() !== items + 50_000) throw new Error("items were lost");
}

// ---- hit ratio ----------------------------------------------------------------------------------

/** Cache-aside: get, and on a miss set. Returns the share of hits in percent. */
function replay(ids: Uint32Array, limit: number): { percent: number; store: Store } {
  const store = openStore(limit);
  const value = new Uint8Array(4096);
  const key = new Uint8Array(24);
  const encoder = new TextEncoder();
  let hits = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    const end = encoder.encodeInto(traceKey(id), key).written;
    const length = traceValueLength(id);
    if (store.read(key, 0, end, 1)) {
      if (store.valueLength !== length) throw new Error("a foreign value");
      hits++;
      continue;
    }
    if (!store.makeRoom(key, 0, end, end + length, 1)) throw new Error("room");
    if (store.set(key, 0, end, value, 0, length, 0, 0) !== STORED) throw new Error("set");
  }
  return { percent: (100 * hits) / ids.length, store };
}

async function runTraces(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const { ids: all } = await readTrace(file);
    const ids = flags.requests === undefined ? all : all.subarray(0, Number(flags.requests));
    for (const limit of flags.limits.split(",").map(Number)) {
      const { percent, store } = replay(ids, limit * MiB);
      const { memory, items, evictions, ghostHits } = store.statistics();
      const line = `${file.split("/").pop()} ${ids.length} requests, ${limit} MB: ${percent.toFixed(2)} %`;
      console.log(
        `${line}  (items ${items}, evictions ${evictions}, ghost hits ${ghostHits}, promotions ${memory.promotions}, small ${memory.segments_small} main ${memory.segments_main}, unused ${memory.unused_bytes}, index ${memory.index_bytes}, ghosts ${memory.ghost_bytes})`,
      );
    }
  }
}

const measured = Number(process.env.BENCH_ITEMS ?? 0);
if (import.meta.main) {
  if (flags.trace !== undefined) await runTraces(flags.trace);
  else if (measured > 0) measureMemory(measured, Number(process.env.BENCH_VALUE));
  else if (flags.memory !== undefined) runMemory(Number(flags.memory));
  else runSpeed();
}
