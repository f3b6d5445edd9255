/**
 * A leader and its follower with little memory, as in a container of 128 to 512 MB: with the
 * default sizes for that much, neither ever holds more, whatever is written and however slow the
 * follower is. Each is started with the sizes that the defaults would be, and the kernel reports
 * its peak.
 * Invariant: what is written is at least twice the limit, so that items, journal and what is kept
 * for the follower have all been full.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { runBench } from "../../src/bench/load-run.ts";
import { defaultWorkload } from "../../src/bench/workload.ts";
import { formatSize, loadConfig } from "../../src/config/config.ts";
import type { SpawnedNode } from "../harness.ts";
import { untilCaughtUp } from "../support/line-ups.ts";
import { repetitions } from "../support/repetitions.ts";
import { optimizedEarly, ours } from "../support/servers.ts";

setDefaultTimeout(600_000);

const MiB = 1024 * 1024;
/** Of the limit, that is to be left at the worst moment. */
const margin = 0.1;
/**
 * Many small values are the worst case, which one limit has in each run; larger ones fill the same
 * bounds much sooner.
 */
const valueBytesFor = (limitBytes: number) => {
  return repetitions(limitBytes > 128 * MiB ? limitBytes / 16_384 : 2048, 1024);
};

/** The kernel tells a peak only there. */
const tellsPeaks = process.platform === "linux";

/** The sizes that are the defaults where a process may use so much. */
function sizesFor(limitBytes: number): string[] {
  const { maxMemory, reserve, journalSize, followerBuffer, maxClientMemory } = loadConfig(
    {},
    {},
    () => "",
    limitBytes,
  );
  return Object.entries({
    "--max-memory": maxMemory,
    "--reserve": reserve,
    "--journal-size": journalSize,
    "--follower-buffer": followerBuffer,
    "--max-client-memory": maxClientMemory,
  }).flatMap(([flag, bytes]) => [flag, formatSize(bytes)]);
}

function peakBytes({ process: { pid } }: SpawnedNode): number {
  const [, kilobytes] =
    /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

/** Sets keys that are all different. */
async function write({ port }: SpawnedNode, limitBytes: number, valueBytes: number): Promise<void> {
  const bytes = repetitions(2, 3) * limitBytes;
  const requests = Math.ceil(bytes / valueBytes);
  const sizes = { valueBytesMin: valueBytes, valueBytesMax: valueBytes };
  const { errors } = await runBench(
    { host: "127.0.0.1", port },
    {
      ...defaultWorkload,
      ...sizes,
      pattern: "sequential",
      keys: requests,
      gets: 0,
      sets: 1,
      depth: 16,
    },
    { connections: 50, requests },
  );
  expect(errors).toBe(0);
}

async function startPair(stack: AsyncDisposableStack, limitBytes: number) {
  const sizes = sizesFor(limitBytes);
  const leader = stack.use(await ours.start(sizes, optimizedEarly));
  const following = [...sizes, "--leaderaddr", leader.address];
  const follower = stack.use(await ours.start(following, optimizedEarly));
  await untilCaughtUp(leader, [follower]);
  return { leader, follower };
}

/** The smallest is the tightest. */
const limits = [128, 256, 512].slice(0, repetitions(1, 3));

test.skipIf(!tellsPeaks).each(limits)(
  "with the defaults of %d MB a leader and its follower stay within them",
  async (megabytes) => {
    await using stack = new AsyncDisposableStack();
    const limit = megabytes * MiB;
    const { leader, follower } = await startPair(stack, limit);
    await write(leader, limit, valueBytesFor(limit));
    await untilCaughtUp(leader, [follower]);
    expect(peakBytes(leader)).toBeLessThan(limit * (1 - margin));
    expect(peakBytes(follower)).toBeLessThan(limit * (1 - margin));
  },
);

test.skipIf(!tellsPeaks)(
  "a follower that does not read costs a leader of 128 MB no more, and catches up afterwards",
  async () => {
    await using stack = new AsyncDisposableStack();
    const limit = 128 * MiB;
    const { leader, follower } = await startPair(stack, limit);
    follower.process.kill("SIGSTOP");
    try {
      await write(leader, limit, repetitions(4096, 1024));
    } finally {
      follower.process.kill("SIGCONT");
    }
    await untilCaughtUp(leader, [follower]);
    expect(peakBytes(leader)).toBeLessThan(limit * (1 - margin));
    expect(peakBytes(follower)).toBeLessThan(limit * (1 - margin));
  },
);
