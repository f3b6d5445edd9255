// The collector beside shared memory: the runtime counts shared memory as heap and then hardly
// collects, so each thread of the server calls the collector after a number of received bytes. This
// benchmark measures whether that is still necessary and still helps; a later Bun may change both.
// Invariant: each variant runs in a fresh process and allocates exactly the same arrays.

import { join } from "node:path";
import type { Benchmark, Cell } from "./suite.ts";

const variants = [
  ["plain", "no shared memory"],
  ["shared", "1 GiB of shared memory"],
  ["collect", "1 GiB of shared memory, collector called every 16 MiB"],
] as const;

export const gc: Benchmark = {
  name: "gc",
  summary: "the effect of shared memory on the collector, and the remedy",
  async run(context) {
    const megabytes = context.smoke ? 128 : 2048;
    const rows: Cell[][] = [];
    for (const [variant, words] of variants) {
      context.say(`gc: ${words}`);
      const [peakMib, milliseconds, collections, collectMilliseconds] = measure(variant, megabytes);
      rows.push([words, peakMib, milliseconds, collections, collectMilliseconds]);
    }
    return [
      {
        title: `${megabytes} MiB of short-lived 64 KiB arrays`,
        columns: ["process with", "peak MiB", "ms", "calls", "ms a call"],
        rows,
      },
    ];
  },
};

function measure(variant: string, megabytes: number): Cell[] {
  const fixture = join(import.meta.dir, "gc-fixture.ts");
  const child = Bun.spawnSync([process.execPath, fixture, variant, String(megabytes)]);
  if (child.exitCode !== 0) throw new Error(`gc, ${variant}: ${child.stderr.toString().trim()}`);
  return child.stdout.toString().trim().split(" ");
}
