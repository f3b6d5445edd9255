/**
 * How long a node takes to answer the PING of clients that have nothing to do with what a test does
 * to it meanwhile. A busy machine may give the node little of its processors, so its stalls
 * (stalls.ts) are subtracted: what is left is the node's own, and none may be long.
 */

import { expect } from "bun:test";
import { Worker } from "node:worker_threads";
import type { SpawnedNode } from "../harness.ts";
import type { Ping, TlsDoor } from "./ping-worker.ts";
import { tellsMemory } from "./process-memory.ts";

/**
 * Each PING is answered within this time, without the stalls of the machine. Not all of these are
 * seen, such as those of threads that a collection waits for: beside three other long files the
 * slowest answer took 330 ms. How soon a quiet machine answers is for benchmarks.
 */
const promptMs = 1_000;
/** By the clock, for the slowest in a hundred, on a machine that does much else: it never hangs. */
const patienceMs = 20_000;

interface PingReport {
  readonly pings: Ping[];
  /** Empty if every answer was right. */
  readonly trouble: string;
}

export interface PingTimes {
  readonly count: number;
  readonly waitedP99Ms: number;
  /** Of the slowest, without the stalls of the machine. */
  readonly ownMsMax: number;
}

interface WatchOptions {
  readonly threads: number;
  /** What each connection sends first: a login, or nothing. */
  readonly greeting?: string;
  /** Half of them connect there. */
  readonly tls?: TlsDoor;
  /** -BUSY is an answer as well: while a script is long. */
  readonly acceptsBusy?: boolean;
}

export class PingWatch implements AsyncDisposable {
  private readonly worker: Worker;
  private readonly reported: Promise<PingReport>;

  private constructor(worker: Worker, begun: () => void) {
    this.worker = worker;
    this.reported = new Promise((resolve, reject) => {
      worker.on("message", (message: "begun" | PingReport) => {
        if (message === "begun") begun();
        else resolve(message);
      });
      worker.once("error", reject);
    });
  }

  /** Resolves when two connections for each thread, wherever they came, have an answer. */
  static async start(node: SpawnedNode, options: WatchOptions) {
    const { threads, greeting = "", tls, acceptsBusy = false } = options;
    const { port, process } = node;
    const count = 2 * threads;
    const workerData = { port, tls: tls ?? null, pid: process.pid, greeting, count, acceptsBusy };
    const worker = new Worker(new URL("./ping-worker.ts", import.meta.url), { workerData });
    const begun = Promise.withResolvers<void>();
    const watch = new PingWatch(worker, begun.resolve);
    await Promise.race([begun.promise, watch.reported]);
    return watch;
  }

  /** Ends with the answers to the present PINGs; fails if one was wrong, late, or did not come. */
  async wasPrompt(): Promise<PingTimes> {
    this.worker.postMessage("end");
    const { pings, trouble } = await this.reported;
    if (trouble !== "") throw new Error(`a client that only pings: ${trouble}`);
    const waited = pings.map(({ waitedMs }) => waitedMs).sort((a, b) => a - b);
    const waitedP99Ms = waited[Math.floor(waited.length * 0.99)] ?? Number.NaN;
    const ownMsMax = Math.max(...pings.map(({ waitedMs, stalledMs }) => waitedMs - stalledMs));
    if (tellsMemory) expect(ownMsMax).toBeLessThan(promptMs);
    expect(waitedP99Ms).toBeLessThan(patienceMs);
    return { count: pings.length, waitedP99Ms, ownMsMax };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.terminate();
  }
}
