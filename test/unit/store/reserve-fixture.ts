// Reserves a store of as many bytes as its first argument says, after the program has used and
// freed as many as the second, and prints, as JSON, what that took: the growth of resident memory,
// once the allocator has given back what was freed, and the number of arenas. Run by
// store-parts.test.ts in a process of its own.

import { reserveStore } from "../../../src/store/memory.ts";
import { storeOptions } from "./harness.ts";

const MiB = 1024 * 1024;
const reserveBytes = Number(process.argv[2]);
const freedBytes = Number(process.argv[3]);
const triesMax = 60;

reserveStore(storeOptions()); // loads what the next one needs
const before = process.memoryUsage.rss();
const used = Array.from({ length: freedBytes / MiB }, () => new Uint8Array(MiB).fill(1));
for (const bytes of used) bytes.buffer.transfer(0);
const memory = reserveStore(storeOptions({ memoryLimitBytes: reserveBytes / 2, reserveBytes }));
let residentBytes = Number.POSITIVE_INFINITY;
for (let tries = 0; tries < triesMax; tries++) {
  residentBytes = Math.min(residentBytes, process.memoryUsage.rss() - before);
  if (residentBytes < 8 * MiB) break;
  await Bun.sleep(50); // the pace of looks at what the allocator does in the background
}
console.log(JSON.stringify({ residentBytes, arenas: memory.arenas.length }));
