// How long commands took, over all data threads: what SLOWLOG, LATENCY and INFO latencystats tell.
// Runs in the control thread and asks the threads, each of which remembers its own
// (command/timing/). It measures nothing.

import { wallClockMs } from "../../base/clock.ts";
import type { TimingReports } from "../../command/core/node.ts";
import { joinSeries, type LatencySeries } from "../../command/timing/latency-events.ts";
import { addHistograms, type CommandHistogram } from "../../command/timing/latency-histogram.ts";
import { newestOf, type SlowEntry, type SlowLogReport } from "../../command/timing/slow-log.ts";
import type { SharedTimeBounds } from "../shared/shared-time-bounds.ts";
import type { Threads } from "../threads/threads.ts";

export class Timings implements TimingReports {
  private readonly threads: Threads;
  private readonly bounds: SharedTimeBounds;

  constructor(threads: Threads, bounds: SharedTimeBounds) {
    this.threads = threads;
    this.bounds = bounds;
  }

  async slowLog(max: number): Promise<SlowEntry[]> {
    const most = Math.min(max, this.bounds.slowLogMax);
    return newestOf(await this.threads.askTimes("slowLog", most), most);
  }

  async slowLogLength(): Promise<number> {
    return this.lengthOf(await this.threads.askTimes("slowLog", 0));
  }

  slowLogNow(max: number): SlowEntry[] | null {
    const most = Math.min(max, this.bounds.slowLogMax);
    const reports = this.threads.timesNow("slowLog", most);
    return reports && newestOf(reports, most);
  }

  slowLogLengthNow(): number | null {
    const reports = this.threads.timesNow("slowLog", 0);
    return reports && this.lengthOf(reports);
  }

  private lengthOf(reports: readonly SlowLogReport[]): number {
    const sum = reports.reduce((total, { count }) => total + count, 0);
    return Math.min(sum, this.bounds.slowLogMax);
  }

  resetSlowLog(): void {
    this.threads.resetSlowLog();
  }

  async latency(): Promise<LatencySeries[]> {
    return joinSeries((await this.threads.askTimes("latency", null)).flat());
  }

  async resetLatency(events: readonly string[] | null): Promise<number> {
    const known = (await this.threads.askTimes("resetLatency", events)).flat();
    return new Set(known).size;
  }

  async histograms(): Promise<CommandHistogram[]> {
    return addHistograms(await this.histogramsByThread());
  }

  /** Those of this thread go on counting: who keeps them adds them up. */
  async histogramsByThread(): Promise<CommandHistogram[]> {
    return (await this.threads.askTimes("histograms", null)).flat();
  }

  /** The same at once; none if only other threads could tell. */
  histogramsNow(): CommandHistogram[] {
    return addHistograms((this.threads.timesNow("histograms", null) ?? []).flat());
  }

  get latencyThresholdMs(): number {
    return this.bounds.latencyMs;
  }

  get slowLogUsec(): number {
    return this.bounds.slowUsec;
  }

  get nowSeconds(): number {
    return Math.floor(wallClockMs() / 1000);
  }
}
