// The process that the gc benchmark watches: allocates short-lived 64 KiB arrays, with or without
// shared memory, with or without calls of the collector, and prints its peak of resident memory in
// MiB, the time in milliseconds, the number of collections and the milliseconds of each.
// Invariant: the allocations do not depend on the variant.

import { peakResidentBytes } from "./process.ts";
import { MiB } from "./units.ts";

const arrayBytes = 64 * 1024;
const collectEveryBytes = 16 * MiB;

const [variant, megabytes] = process.argv.slice(2);
const shared = variant === "plain" ? null : new SharedArrayBuffer(1024 * MiB);
const total = Number(megabytes) * MiB;

let sinceCollection = 0;
let collections = 0;
let collectMillis = 0;
let checksum = 0;

const began = performance.now();
for (let bytes = 0; bytes < total; bytes += arrayBytes) {
  const array = new Uint8Array(arrayBytes).fill(bytes & 255);
  checksum = (checksum + array[bytes % arrayBytes]) | 0;
  sinceCollection += arrayBytes;
  if (variant === "collect" && sinceCollection >= collectEveryBytes) collect();
  // A server allocates a chunk in each turn of its event loop, not in one long loop.
  if (bytes % MiB === 0) await new Promise<void>((resolve) => setImmediate(resolve));
}
const took = performance.now() - began;

function collect(): void {
  const start = performance.now();
  Bun.gc(false);
  collectMillis += performance.now() - start;
  collections++;
  sinceCollection = 0;
}

// Both are used after the loop, so that neither can be optimized away.
if (checksum === 1 && shared?.byteLength === 1) throw new Error("impossible");
const peak = (peakResidentBytes(process.pid) / MiB).toFixed(1);
const perCall = collections === 0 ? "-" : (collectMillis / collections).toFixed(3);
process.stdout.write(`${peak} ${took.toFixed(0)} ${collections} ${perCall}\n`);
