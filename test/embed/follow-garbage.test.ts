/**
 * What a copy in a process hands out is garbage soon, beside shared memory, where the collector
 * hardly runs by itself. In a process of its own, as resident memory is the process's.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { caseMsMax, startNode } from "../harness.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);
const MiB = 1024 * 1024;
const readBytes = 1024 * MiB;
const valueBytes = 100_000;

test("a gigabyte of values read leaves the process small", async () => {
  await using leader = await startNode({ threads: 1 });
  await using peer = await Peer.connect(leader.port);
  for (let i = 0; i < 50; i++) await peer.ask("SET", `k${i}`, "v".repeat(valueBytes));
  const program = `
    import { follow } from ${JSON.stringify(join(import.meta.dir, "../../src/index.ts"))};
    const copy = await follow("${leader.address}", { maxMemory: ${64 * MiB} });
    const before = process.memoryUsage.rss();
    let read = 0;
    for (let i = 0; read < ${readBytes}; i++) read += copy.get("k" + (i % 50)).length;
    console.log(process.memoryUsage.rss() - before);
    copy.close();
    process.exit(0);`;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
  const grown = Number(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  expect(grown).toBeLessThan(200 * MiB);
});
