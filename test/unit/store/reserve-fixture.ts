// Reserves a store of as many bytes as its argument says and prints, as JSON, what that took: the
// growth of resident memory and the number of arenas. Run by store-parts.test.ts in a process
// of its own.

import { reserveStore } from "../../../src/store/memory.ts";
import { storeOptions } from "./harness.ts";

const reserveBytes = Number(process.argv[2]);
// Kept: memory that was used and given back has to be cleared, and is then resident.
const first = reserveStore(storeOptions());
const before = process.memoryUsage.rss();
const memory = reserveStore(storeOptions({ memoryLimitBytes: reserveBytes / 2, reserveBytes }));
const residentBytes = process.memoryUsage.rss() - before;
const arenas = memory.arenas.length;
console.log(JSON.stringify({ residentBytes, arenas, arenasBefore: first.arenas.length }));
