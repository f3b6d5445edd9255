// Threads and their event loops: who has how many clients, how much each runs, how long its turns
// take; below, what the process uses.

import type { ThreadList, Told } from "../node/admin/observations.ts";
import { DataTable } from "./data-table.ts";
import { el, setText } from "./dom.ts";
import { bytes, compact, duration, micros, whole } from "./figures.ts";
import { Panel } from "./panel.ts";

export class ThreadsPanel {
  readonly panel = new Panel({ title: "Threads", name: "threads" });
  private readonly table = new DataTable("Threads", [
    { title: "Thread" },
    { title: "Clients", isNumber: true },
    { title: "Commands/s", isNumber: true },
    { title: "Turn, 99 %", isNumber: true },
    { title: "Longest", isNumber: true },
  ]);
  private readonly footing = el("p", { class: "footing" });
  private last: Told<ThreadList> | null = null;

  update(told: Told<ThreadList>): void {
    const { last } = this;
    this.last = told;
    const seconds = last === null ? Number.NaN : (told.atMs - last.atMs) / 1000;
    this.table.fill(
      told.threads.map(({ thread, connections, commands, turns }, i) => [
        nameOf(thread, told.threads.length),
        whole(connections),
        compact(Math.max(0, commands - (last?.threads[i]?.commands ?? Number.NaN)) / seconds),
        micros(turns.p99Ms * 1000),
        micros(turns.longestMs * 1000),
      ]),
    );
    setText(this.footing, processLine(told, last));
    this.panel.show(this.table.root, this.footing);
  }
}

/** Processors in use since the last time, and memory. */
function processLine(now: ThreadList, last: ThreadList | null): string {
  const { cpuSeconds, residentBytes, uptimeSeconds } = now.process;
  const spent = cpuSeconds - (last?.process.cpuSeconds ?? Number.NaN);
  const cores = spent / (uptimeSeconds - (last?.process.uptimeSeconds ?? Number.NaN));
  const used = cores >= 0 ? `${cores.toFixed(2)} processors in use` : "processors –";
  const uptime = duration(Math.floor(uptimeSeconds));
  return `${used}, ${bytes(residentBytes)} resident, up for ${uptime}`;
}

function nameOf(thread: number, all: number): string {
  if (all === 1) return "the only one";
  return thread === 0 ? "control" : `data ${thread}`;
}
