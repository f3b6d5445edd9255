// Latencies by command in the last seconds: how many calls, and their percentiles. The card of
// latency has all commands together.

import type { CommandList } from "../node/admin/observations.ts";
import { DataTable } from "./data-table.ts";
import { compact, micros } from "./figures.ts";
import { Panel } from "./panel.ts";

const shown = 8;

export class LatencyPanel {
  readonly panel = new Panel({ title: "Latency by command", name: "commands" });
  private readonly table = new DataTable("Latency by command", [
    { title: "Command", isCode: true },
    { title: "Calls/s", isNumber: true },
    { title: "50 %", isNumber: true },
    { title: "99 %", isNumber: true },
    { title: "99.9 %", isNumber: true },
  ]);

  update({ seconds, commands }: CommandList): void {
    if (seconds === 0) return; // the first of a stream compares with nothing
    this.panel.remark(`last ${Math.round(seconds)} s`);
    if (commands.length === 0) {
      this.panel.say("No command ran. Those that clients run appear here.");
      return;
    }
    this.table.fill(
      commands
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
