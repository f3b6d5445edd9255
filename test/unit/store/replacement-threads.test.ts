// Replacements while other threads read: every generation of items has the same keys, so a reader
// that misses one, or sees two generations at the same time, has seen half of a replacement.
// Invariant: each reader sees several generations; otherwise the test has tested nothing.

import { expect, test } from "bun:test";
import { reserveStore, type StoreMemory } from "../../../src/store/memory.ts";
import { type Replacement, Store } from "../../../src/store/store.ts";
import { repetitions } from "../../support/repetitions.ts";
import { seedFor } from "../../support/seed.ts";
import { MiB, put, storeOptions } from "./harness.ts";
import type { ReaderReport, ReaderTask } from "./replacement-threads-fixture.ts";

const readerCount = 3;
const keyCount = 2000;
const generationCount = repetitions(5, 60);
/** How many a reader may miss that gets no processor. */
const generationsMax = 2_000;

function startReader(task: ReaderTask) {
  const worker = new Worker(new URL("./replacement-threads-fixture.ts", import.meta.url).href);
  const started = Promise.withResolvers<void>();
  const done = Promise.withResolvers<ReaderReport>();
  const seen = { several: false };
  worker.onmessage = (event) => {
    if (event.data === "started") started.resolve();
    else if (event.data === "several") seen.several = true;
    else done.resolve(event.data as ReaderReport);
  };
  worker.onerror = (event) => {
    started.reject(new Error(event.message));
    done.reject(new Error(event.message));
  };
  worker.postMessage(task);
  return { worker, seen, started: started.promise, done: done.promise };
}

/** Gathers a generation, in slices between which this thread has other things to do. */
async function gather(replacement: Replacement, generation: number): Promise<void> {
  for (let i = 0; i < keyCount; i++) {
    const key = Buffer.from(`key:${i}`);
    const value = Buffer.from(`${generation} ${"x".repeat(i % 300)}`);
    replacement.set(key, 0, key.length, value, 0, value.length, 0, 0);
    if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** So often, and until the readers have seen something of it. */
async function replaceAll(
  memory: StoreMemory,
  store: Store,
  haveSeenSeveral: () => boolean,
): Promise<void> {
  const isEnough = (made: number) =>
    made >= generationsMax || (made >= generationCount && haveSeenSeveral());
  for (let generation = 1; !isEnough(generation - 1); generation++) {
    const replacement = store.beginReplacement();
    await gather(replacement, generation);
    if (generation % 7 === 0) replacement.abandon();
    else replacement.takeOver();
    store.sweep(1, 0);
  }
  expect(new Store(memory, 0).count()).toBe(keyCount);
}

test("readers in other threads see only whole generations", async () => {
  const seed = seedFor("REPLACEMENT_THREADS_SEED");
  const memory = reserveStore(storeOptions({ memoryLimitBytes: 8 * MiB, concurrent: true }));
  const store = new Store(memory, 0);
  for (let thread = 0; thread <= readerCount; thread++) store.threads.markAlive(thread);
  store.expires = false;
  const first = store.beginReplacement();
  await gather(first, 0);
  first.takeOver();
  const tasks = Array.from({ length: readerCount }, (_, i) => ({
    memory,
    thread: i + 1,
    seed: seed + i,
    keys: keyCount,
  }));
  const readers = tasks.map(startReader);
  try {
    await Promise.all(readers.map(({ started }) => started));
    await replaceAll(memory, store, () => readers.every(({ seen }) => seen.several));
    put(store, "stop", "1");
    const reports = await Promise.all(readers.map(({ done }) => done));
    expect(reports.map(({ failure }) => failure)).toEqual(Array(readerCount).fill(""));
    for (const { generations } of reports) expect(generations).toBeGreaterThan(1);
  } finally {
    for (const { worker } of readers) worker.terminate();
  }
  store.invariants();
}, 600_000);
