/**
 * What the tests of the miss curve share: a store in which a trace is replayed, as a client fills a
 * cache, that tells a miss curve of it as a node does; and the same trace in stores of other sizes,
 * whose hit ratios are the truth.
 */

import { join } from "node:path";
import {
  readTrace,
  traceKey,
  traceValueBytesMax,
  traceValueLength,
} from "../../../../scripts/bench/trace.ts";
import {
  MissCurve,
  memoryFactors,
  type StoreFacts,
} from "../../../../src/store/curve/miss-curve.ts";
import { reserveCurve, SampleRing } from "../../../../src/store/curve/sample-ring.ts";
import { SampledStore } from "../../../../src/store/curve/sampled-store.ts";
import { hashKeyOf } from "../../../../src/store/hash.ts";
import { reserveStore, type StoreMemory } from "../../../../src/store/memory.ts";
import { STORED, Store } from "../../../../src/store/store.ts";

export function reserve(memoryLimitBytes: number, seed = 1): StoreMemory {
  return reserveStore({
    memoryLimitBytes,
    reserveBytes: 2 * memoryLimitBytes,
    valueBytesMax: 2 ** 20,
    eviction: "s3fifo",
    hashKey: hashKeyOf(seed, 7),
    concurrent: false,
  });
}

/** A store whose clients tell a curve what they do. */
export class CurveBed {
  readonly store: SampledStore;
  curve: MissCurve;
  readonly ring: SampleRing;
  private readonly bound: Int32Array;

  constructor(limitBytes: number, { rate = 1, slots = 32_768, seed = 1 } = {}) {
    const memory = reserveCurve(1);
    this.store = new SampledStore(reserve(limitBytes, seed), 0, memory);
    this.store.expires = true;
    this.ring = new SampleRing(memory.rings[0]);
    this.bound = new Int32Array(memory.bound);
    this.curve = new MissCurve(rate, slots);
    this.turn(1);
  }

  turn(now: number): void {
    this.ring.drain((sample) => this.curve.take(sample, now));
    this.curve.turn(factsOf(this.store), now);
    this.bound[0] = this.curve.below;
  }
}

function factsOf(store: Store): StoreFacts {
  const { items, hits, misses, memory } = store.statistics();
  const overhead = (memory.index_bytes + memory.ghost_bytes) / Math.max(1, items);
  return {
    limitBytes: store.limitBytes,
    usableShare: 0.99,
    overheadBytes: items < 100 ? 16 : overhead,
    lookups: hits + misses,
    hits,
  };
}

const value = new Uint8Array(traceValueBytesMax);

/** Cache-aside: reads the key, and fills it after a miss. True: a hit. */
export function request(store: Store, key: Uint8Array, length: number, now = 1, expiresAt = 0) {
  if (store.read(key, 0, key.length, now)) return true;
  store.makeRoom(key, 0, key.length, key.length + length, now);
  const result = store.set(key, 0, key.length, value, 0, length, expiresAt, 0);
  if (result !== STORED) throw new Error(`set() gave ${result}`);
  return false;
}

const encoder = new TextEncoder();

export interface Outcome {
  /** By the multiple of the memory: predicted, real, and how far off the curve says it may be. */
  readonly predicted: readonly number[];
  readonly real: readonly number[];
  readonly told: readonly number[];
  readonly keys: number;
}

/** Replays a trace into the store with a curve, and into those that it is about. */
export function replayed(
  ids: Uint32Array,
  limitBytes: number,
  options: { rate: number; seed: number },
): Outcome {
  const keys = new Map<number, Uint8Array>();
  for (const id of ids) if (!keys.has(id)) keys.set(id, encoder.encode(traceKey(id)));
  const each = (store: Store, id: number) => {
    return request(store, keys.get(id) as Uint8Array, traceValueLength(id));
  };
  const bed = new CurveBed(limitBytes, options);
  for (const [i, id] of ids.entries()) {
    each(bed.store, id);
    if (i % 2_000 === 0) bed.turn(1);
  }
  bed.turn(1);
  const real = memoryFactors.map((factor) => {
    const store = new Store(reserve(limitBytes * factor, options.seed), 0);
    let hits = 0;
    for (const id of ids) if (each(store, id)) hits++;
    return hits / ids.length;
  });
  const points = bed.curve.points() ?? [];
  return {
    predicted: points.map(({ hitRatio }) => hitRatio),
    told: points.map(({ error }) => error),
    real,
    keys: bed.curve.sampledKeys,
  };
}

/** Real traces if they are there: by MSCACHE_BENCH_TRACES, or beside the project. */
export async function realTraces(): Promise<{ name: string; ids: Uint32Array }[]> {
  const named = process.env.MSCACHE_BENCH_TRACES?.split(",").filter((name) => name !== "generated");
  const folder = join(import.meta.dir, "../../../../../shared/traces");
  const names = ["web07", "web12", "orm-busy-1m"].map((name) => join(folder, `${name}.u32.gz`));
  const found: { name: string; ids: Uint32Array }[] = [];
  for (const path of named ?? names) {
    if (await Bun.file(path).exists()) found.push(await readTrace(path));
  }
  return found;
}
