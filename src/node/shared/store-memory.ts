// The memory that a node's items will occupy, as its configuration says. It imports little, so that
// a program can reserve it before it loads the node: for each gibibyte or two the collector looks
// through all that the program has loaded by then.

import { wallClockMs } from "../../base/clock.ts";
import type { Config } from "../../config/config.ts";
import type { HashKey } from "../../store/hash.ts";
import { reserveStore, type StoreMemory } from "../../store/memory.ts";

export function reserveStoreMemory(config: Config): StoreMemory {
  return reserveStore({
    memoryLimitBytes: config.maxMemory,
    reserveBytes: config.reserve,
    valueBytesMax: config.maxValueSize,
    eviction: config.eviction,
    databases: config.databases,
    hashKey: drawHashKey(),
    versionEpoch: wallClockMs(),
    concurrent: config.threads > 1,
  });
}

/** Random in each process, and known to its threads only. */
function drawHashKey(): HashKey {
  const [first, second, third, fourth] = crypto.getRandomValues(new Int32Array(4));
  return [first, second, third, fourth];
}
