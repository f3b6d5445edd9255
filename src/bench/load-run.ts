// Runs a load against a server: as a closed loop (each connection sends its next block after the
// last reply), or at a fixed arrival rate, where latency counts from the time at which a request
// was due, so that a stalled server cannot hide latency by slowing down the generator. It prints
// nothing.
// Invariant: every run is bounded by seconds or by requests, and ends without requests in flight.

import { monotonicMs } from "../base/clock.ts";
import { Histogram, type LatencySummary, summarize } from "./histogram.ts";
import { Connection, type Driver, type Target } from "./load-connection.ts";
import { RequestSource } from "./requests.ts";
import { BenchError, checkWorkload, type Workload } from "./workload.ts";

const watchIntervalMs = 250;
/** If no reply arrives for this long, the run fails. */
const stallSecondsMax = 30;
const connectionsMax = 10_000;
const secondsMax = 86_400;
/** Spin if the next arrival is closer than this, as timers are only accurate to about 1 ms. */
const spinMs = 2;

export interface Plan {
  readonly connections: number;
  /** The run ends after this time or after `requests`, whichever comes first. */
  readonly seconds?: number;
  readonly requests?: number;
  /** Fixed arrival rate in requests per second; absent for a closed loop. */
  readonly rate?: number;
}

export interface Progress {
  readonly elapsedSeconds: number;
  readonly operations: number;
  readonly errors: number;
  /** Between 0 and 1. */
  readonly share: number;
}

export interface Result {
  readonly operations: number;
  readonly hits: number;
  readonly misses: number;
  readonly errors: number;
  readonly firstError: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly elapsedSeconds: number;
  readonly operationsPerSecond: number;
  readonly latency: LatencySummary;
  readonly histogram: Histogram;
  /** CPU usage of the generator itself. Near 1, the generator is the bottleneck, not the server. */
  readonly generatorCpuShare: number;
}

export async function runBench(
  target: Target,
  workload: Workload,
  plan: Plan,
  observe: (progress: Progress) => void = () => {},
): Promise<Result> {
  checkWorkload(workload);
  checkPlan(plan);
  const run = new Run(workload, plan, observe);
  try {
    await run.open(target);
    return await run.drive();
  } finally {
    run.close();
  }
}

/** Writes every key once, so that reads are hits. */
export function preload(
  target: Target,
  workload: Workload,
  connections: number,
  observe?: (progress: Progress) => void,
): Promise<Result> {
  const depth = Math.max(1, Math.min(64, Math.floor(1_048_576 / (workload.valueBytesMax + 64))));
  const writes: Workload = { ...workload, gets: 0, sets: 1, pattern: "sequential", depth };
  return runBench(target, writes, { connections, requests: workload.keys }, observe);
}

function checkPlan(plan: Plan): void {
  const { connections, seconds, requests, rate } = plan;
  if (!Number.isSafeInteger(connections) || connections < 1 || connections > connectionsMax) {
    throw new BenchError(`connections must be a whole number from 1 to ${connectionsMax}`);
  }
  if (seconds === undefined && requests === undefined) {
    throw new BenchError("a run needs a number of seconds or of requests");
  }
  if (seconds !== undefined && !(seconds > 0 && seconds <= secondsMax)) {
    throw new BenchError(`seconds must be above 0 and at most ${secondsMax}`);
  }
  if (requests !== undefined && !(Number.isSafeInteger(requests) && requests > 0)) {
    throw new BenchError("requests must be a whole number above 0");
  }
  if (rate !== undefined && !(rate > 0)) throw new BenchError("the rate must be above 0");
}

class Run implements Driver {
  private readonly workload: Workload;
  private readonly plan: Plan;
  private readonly observe: (progress: Progress) => void;
  private readonly histogram = new Histogram();
  private readonly connections: Connection[] = [];
  private readonly source: RequestSource;
  private readonly done = Promise.withResolvers<void>();
  private readonly requestsMax: number;
  /** Time between two blocks at a fixed arrival rate; 0 for a closed loop. */
  private readonly intervalMs: number;
  private readonly free: Connection[] = [];
  private startMs = 0;
  private lastReplyMs = 0;
  private deadlineMs = 0;
  private issued = 0;
  private stopped = false;
  private busy = 0;

  constructor(workload: Workload, plan: Plan, observe: (progress: Progress) => void) {
    this.workload = workload;
    this.plan = plan;
    this.observe = observe;
    this.source = new RequestSource(workload);
    this.requestsMax = plan.requests ?? Number.POSITIVE_INFINITY;
    this.intervalMs = plan.rate === undefined ? 0 : (workload.depth / plan.rate) * 1000;
    // A failure before drive() awaits the promise must not be an unhandled rejection.
    this.done.promise.catch(() => {});
  }

  async open(target: Target): Promise<void> {
    for (let i = 0; i < this.plan.connections; i++) {
      const connection = new Connection(this.workload, this.histogram, this);
      this.connections.push(connection);
      await connection.open(target);
    }
  }

  async drive(): Promise<Result> {
    const cpuBefore = process.cpuUsage();
    this.startMs = monotonicMs();
    this.lastReplyMs = this.startMs;
    this.deadlineMs = this.startMs + (this.plan.seconds ?? secondsMax) * 1000;
    const watch = setInterval(() => this.watch(), watchIntervalMs);
    try {
      if (this.intervalMs > 0) this.startPaced();
      else for (const connection of this.connections) this.sendNow(connection, this.startMs);
      await this.done.promise;
    } finally {
      clearInterval(watch);
      this.stopped = true;
    }
    const cpu = process.cpuUsage(cpuBefore);
    return this.result((cpu.user + cpu.system) / 1e6);
  }

  close(): void {
    this.stopped = true;
    for (const connection of this.connections) connection.close();
  }

  // --- callbacks of connections ---

  onIdle(connection: Connection, nowMs: number): void {
    this.lastReplyMs = nowMs;
    this.busy--;
    if (this.intervalMs === 0) this.sendNow(connection, nowMs);
    else {
      this.free.push(connection);
      this.sendDue(nowMs);
    }
    if (this.stopped && this.busy === 0) this.done.resolve();
  }

  onFailure(error: Error): void {
    this.done.reject(error);
  }

  // --- closed loop ---

  private sendNow(connection: Connection, nowMs: number): void {
    if (nowMs >= this.deadlineMs || this.issued >= this.requestsMax) this.stopped = true;
    if (!this.stopped) this.send(connection, nowMs);
  }

  private send(connection: Connection, startedMs: number): void {
    this.issued += this.workload.depth;
    this.busy++;
    connection.send(this.source.next(), startedMs);
  }

  // --- fixed arrival rate ---

  private startPaced(): void {
    this.free.push(...this.connections);
    this.pace();
  }

  /** Sends what is due and schedules the next arrival; spins if it is close. */
  private pace(): void {
    if (this.stopped) return;
    const nowMs = monotonicMs();
    this.sendDue(nowMs);
    if (this.stopped) {
      if (this.busy === 0) this.done.resolve();
      return;
    }
    const waitMs = this.dueMs() - nowMs;
    if (waitMs < spinMs || this.free.length === 0) setImmediate(() => this.pace());
    else setTimeout(() => this.pace(), waitMs - spinMs);
  }

  /**
   * Any free connection takes the next arrival. Without one the arrival waits, and its latency
   * counts.
   */
  private sendDue(nowMs: number): void {
    while (!this.stopped) {
      const dueMs = this.dueMs();
      if (dueMs >= this.deadlineMs || this.issued >= this.requestsMax) {
        this.stopped = true;
        return;
      }
      if (dueMs > nowMs) return;
      const connection = this.free.pop();
      if (connection === undefined) return;
      this.send(connection, dueMs);
    }
  }

  private dueMs(): number {
    return this.startMs + (this.issued / this.workload.depth) * this.intervalMs;
  }

  // --- watching and counting ---

  private watch(): void {
    const nowMs = monotonicMs();
    if (this.busy > 0 && nowMs - this.lastReplyMs > stallSecondsMax * 1000) {
      const reason = `the server has not replied for ${stallSecondsMax} seconds`;
      this.onFailure(new BenchError(reason));
      return;
    }
    const elapsedSeconds = (nowMs - this.startMs) / 1000;
    const byTime = this.plan.seconds === undefined ? 0 : elapsedSeconds / this.plan.seconds;
    this.observe({
      elapsedSeconds,
      operations: this.histogram.count,
      errors: this.sum((connection) => connection.reader.tally.errors),
      share: Math.min(1, Math.max(byTime, this.histogram.count / this.requestsMax)),
    });
  }

  private sum(of: (connection: Connection) => number): number {
    return this.connections.reduce((sum, connection) => sum + of(connection), 0);
  }

  private result(cpuSeconds: number): Result {
    const elapsedSeconds = Math.max(1e-9, (this.lastReplyMs - this.startMs) / 1000);
    const operations = this.sum(({ reader }) => reader.tally.replies);
    const failed = this.connections.find(({ reader }) => reader.tally.errors > 0);
    return {
      operations,
      hits: this.sum(({ reader }) => reader.tally.hits),
      misses: this.sum(({ reader }) => reader.tally.misses),
      errors: this.sum(({ reader }) => reader.tally.errors),
      firstError: failed?.reader.tally.firstError ?? "",
      bytesIn: this.sum((connection) => connection.bytesIn),
      bytesOut: this.sum((connection) => connection.bytesOut),
      elapsedSeconds,
      operationsPerSecond: operations / elapsedSeconds,
      latency: summarize(this.histogram),
      histogram: this.histogram,
      generatorCpuShare: cpuSeconds / elapsedSeconds,
    };
  }
}
