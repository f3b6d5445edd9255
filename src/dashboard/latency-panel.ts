// Latencies by command in the last seconds: how many calls, and their percentiles. The card of
// latency has all commands together.

import { monotonicMs } from "../base/clock.ts";
import { type Histograms, histogramsIn, latenciesBetween } from "./command-latencies.ts";
import { DataTable } from "./data-table.ts";
import { compact, micros } from "./figures.ts";
import type { NodeApi } from "./node-api.ts";
import { Panel } from "./panel.ts";

const shown = 8;

interface Measured {
  readonly atMs: number;
  readonly histograms: Histograms;
}

export class LatencyPanel {
  readonly panel = new Panel({ title: "Latency by command", name: "commands" });
  private readonly table = new DataTable("Latency by command", [
    { title: "Command", isCode: true },
    { title: "Calls/s", isNumber: true },
    { title: "50 %", isNumber: true },
    { title: "99 %", isNumber: true },
    { title: "99.9 %", isNumber: true },
  ]);
  private last: Measured | null = null;

  async refresh(api: NodeApi): Promise<void> {
    const histograms = histogramsIn(await api.command(["LATENCY", "HISTOGRAM"]));
    const measured = { atMs: monotonicMs(), histograms };
    const { last } = this;
    this.last = measured;
    if (last !== null) this.tell(last, measured);
  }

  private tell(before: Measured, after: Measured): void {
    const latencies = latenciesBetween(before.histograms, after.histograms);
    const seconds = (after.atMs - before.atMs) / 1000;
    this.panel.remark(`last ${Math.round(seconds)} s`);
    this.table.fill(
      latencies
        .slice(0, shown)
        .map(({ command, calls, p50, p99, p999 }) => [
          command,
          compact(calls / seconds),
          micros(p50),
          micros(p99),
          micros(p999),
        ]),
    );
    this.panel.show(this.table.root);
  }
}
