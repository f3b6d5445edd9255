/**
 * The servers that a behaviour suite judges: our node, and Debian's redis-server as the oracle that
 * keeps the suite itself honest.
 * Starts each in its own process, so that a crash of the server does not look like one of the
 * suite; starts nothing before it is asked.
 * Invariant: a contestant that cannot run here says why in the name of what it skips.
 */
import { afterAll, beforeAll } from "bun:test";
import {
  noRedis,
  redisInstalled,
  type SpawnedNode,
  spawnNode,
  startRedis,
  type TestNode,
} from "../harness.ts";

export interface Contestant {
  readonly name: string;
  readonly isMissing: boolean;
  /** Its option for the password that clients need. */
  readonly passwordFlag: string;
  start(args?: readonly string[]): Promise<TestNode>;
}

/** For the names of skipped tests: empty, or the reason in brackets. */
export const redisNote = redisInstalled() ? "" : ` (skipped: ${noRedis})`;

export const ours = {
  name: "mscache",
  isMissing: false,
  passwordFlag: "--password",
  start: (
    args: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<SpawnedNode> => {
    return spawnNode(["--max-memory", "1gb", ...args], { environment });
  },
};

/**
 * For a node that serves hundreds of thousands of requests: it is optimized as early as a user's,
 * where others of a short run are optimized late (scripts/run-tests.ts).
 */
export const optimizedEarly = {
  BUN_JSC_thresholdForOptimizeAfterWarmUp: "1000",
  BUN_JSC_thresholdForOptimizeAfterLongWarmUp: "1000",
};

/** Our node with its keys in several data threads. */
export function oursWithThreads(threads: number): Contestant {
  return {
    ...ours,
    name: `mscache, ${threads} data threads`,
    start: (args = []) => ours.start(["--threads", `${threads}`, ...args]),
  };
}

export const oracle = {
  name: `redis-server${redisNote}`,
  isMissing: !redisInstalled(),
  passwordFlag: "--requirepass",
  start: (args: readonly string[] = []) => startRedis([...args]),
};

/**
 * One server for all cases of the block that calls this, which starts with the first of them and
 * ends with the last. Returns what gets it within a case.
 */
export function forAllCases<Server extends AsyncDisposable>(
  start: () => Promise<Server>,
): () => Server {
  let server: Server | null = null;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(async () => await server?.[Symbol.asyncDispose]());
  return () => {
    if (server === null) throw new Error("the server starts with the first case");
    return server;
  };
}

export const contestants: readonly Contestant[] = [ours, oracle];
