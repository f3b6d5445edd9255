// The engine of an embedded Store: what it needs of store/, which the first Store of a program
// loads (embedded-store.ts). A program that only connects does not: 7 ms and 1.5 MB (measured).
// It decides nothing.

import { type EvictionPolicy, reserveStore } from "../store/memory.ts";
import { Store as Engine } from "../store/store.ts";

export { releaseSliceBytes } from "../store/clearing.ts";
export { STORED, TOO_LARGE } from "../store/store.ts";

/** For one thread, with one database, and with nothing reserved beyond its limit. */
export function makeEngine(
  maxMemory: number,
  maxValueSize: number,
  eviction: EvictionPolicy,
): Engine {
  const [a, b, c, d] = crypto.getRandomValues(new Int32Array(4));
  const memory = reserveStore({
    memoryLimitBytes: maxMemory,
    reserveBytes: maxMemory,
    valueBytesMax: maxValueSize,
    eviction,
    databases: 1,
    hashKey: [a, b, c, d],
    concurrent: false,
  });
  return new Engine(memory, 0);
}
