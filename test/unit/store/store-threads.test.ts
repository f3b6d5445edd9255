// Several threads on one store: workers hammer it with reads, writes, deletes, multi-key locks and
// calls of makeRoom(), at a limit that makes them evict each other's items. Every value carries its
// key and a checksum, so a torn or foreign one is noticed; counters that all threads increment must
// add up.

import { expect, test } from "bun:test";
import { reserveStore, type StoreMemory } from "../../../src/store/memory.ts";
import { Store } from "../../../src/store/store.ts";
import { repetitions } from "../../support/repetitions.ts";
import { seedFor } from "../../support/seed.ts";
import { get, getText, MiB, put, storeOptions } from "./harness.ts";
import type { Report, Task } from "./threads-fixture.ts";

const threadCount = 4;

async function hammer(memory: StoreMemory, seed: number, operations: number): Promise<Report[]> {
  const workers = Array.from({ length: threadCount }, (_, i) => {
    const worker = new Worker(new URL("./threads-fixture.ts", import.meta.url).href);
    const done = new Promise<Report>((resolve, reject) => {
      worker.onmessage = (event) => resolve(event.data as Report);
      worker.onerror = (event) => reject(new Error(event.message));
    });
    const task: Task = { memory, thread: i + 1, seed: seed + i, operations };
    worker.postMessage(task);
    return { worker, done };
  });
  try {
    return await Promise.all(workers.map(({ done }) => done));
  } finally {
    for (const { worker } of workers) worker.terminate();
  }
}

test.each([
  ["plenty of room", 64],
  // About a thousand keys of 3 KB on average: far more than fits, whatever the seed.
  ["a limit that all evict at", 1],
])(
  "four threads on one store lose, tear and mix up nothing: %s",
  async (_, limit) => {
    const seed = seedFor("STORE_THREADS_SEED");
    const memory = reserveStore(
      storeOptions({
        memoryLimitBytes: limit * MiB,
        reserveBytes: 2 * limit * MiB,
        concurrent: true,
      }),
    );
    const store = new Store(memory, 0);
    store.threads.markAlive(0);
    put(store, "counter", "0");
    const operations = repetitions(4_000, 40_000);
    const reports = await hammer(memory, seed, operations);
    store.invariants();
    expect(reports.map((report) => report.failure)).toEqual(Array(threadCount).fill(""));
    const raised = reports.reduce((sum, report) => sum + report.raised, 0);
    expect(raised).toBeGreaterThan(1000);
    // The counter is in constant use, so it must not be evicted; it would start again at 0.
    if (limit === 64) expect(Number(getText(store, "counter"))).toBe(raised);
    expect(store.statistics().evictions > 0).toBe(limit < 64);
    expect(get(store, "absent")).toBeNull();
  },
  120_000,
);
