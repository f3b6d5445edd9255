/**
 * How long a node takes to answer the PING of clients that have nothing to do with what a test does
 * to it meanwhile. A busy machine may give the node little of its processors, so what is judged is
 * above all how much the node itself worked before it answered.
 */

import { expect } from "bun:test";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { SpawnedNode } from "../harness.ts";
import type { Ping } from "./ping-worker.ts";

/** A PING is answered within this time, and the slowest in a hundred within twice as much. */
const promptMs = 200;
/** By the clock, for the slowest in a hundred, on a machine that does much else: it never hangs. */
const patienceMs = 20_000;

interface PingReport {
  readonly pings: Ping[];
  /** Empty if every answer was right. */
  readonly trouble: string;
}

export interface PingTimes {
  readonly count: number;
  readonly waited: Spread;
  readonly worked: Spread;
}

interface Spread {
  readonly medianMs: number;
  readonly p99Ms: number;
}

interface WatchOptions {
  readonly threads: number;
  /** What each connection sends first: a login, or nothing. */
  readonly greeting?: string;
}

export class PingWatch implements AsyncDisposable {
  private readonly worker: Worker;
  private readonly threads: number;
  private readonly reported: Promise<PingReport>;

  private constructor(worker: Worker, threads: number, begun: () => void) {
    this.worker = worker;
    this.threads = threads;
    this.reported = new Promise((resolve, reject) => {
      worker.on("message", (message: "begun" | PingReport) => {
        if (message === "begun") begun();
        else resolve(message);
      });
      worker.once("error", reject);
    });
  }

  /** Resolves when two connections for each thread, wherever they came, have an answer. */
  static async start(node: SpawnedNode, { threads, greeting = "" }: WatchOptions) {
    const workerData = { port: node.port, pid: node.process.pid, greeting, count: 2 * threads };
    const worker = new Worker(new URL("./ping-worker.ts", import.meta.url), { workerData });
    const begun = Promise.withResolvers<void>();
    const watch = new PingWatch(worker, threads, begun.resolve);
    await Promise.race([begun.promise, watch.reported]);
    return watch;
  }

  /** Ends with the answers to the present PINGs; fails if one was wrong, late, or did not come. */
  async wasPrompt(): Promise<PingTimes> {
    this.worker.postMessage("end");
    const { pings, trouble } = await this.reported;
    if (trouble !== "") throw new Error(`a client that only pings: ${trouble}`);
    const waited = spreadOf(pings.map(({ waitedMs }) => waitedMs));
    const worked = spreadOf(pings.map(({ workedMs }) => workedMs));
    const atOnce = Math.min(this.threads, availableParallelism());
    expect(worked.medianMs).toBeLessThan(promptMs);
    expect(worked.p99Ms).toBeLessThan(2 * promptMs * atOnce);
    expect(waited.p99Ms).toBeLessThan(patienceMs);
    return { count: pings.length, waited, worked };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.terminate();
  }
}

function spreadOf(times: number[]): Spread {
  times.sort((a, b) => a - b);
  const share = (of: number) => times[Math.min(times.length - 1, Math.floor(times.length * of))];
  return { medianMs: share(0.5) ?? Number.NaN, p99Ms: share(0.99) ?? Number.NaN };
}
