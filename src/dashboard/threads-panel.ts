// Threads and their event loops: who has how many clients, how much each runs, how long its turns
// take; below, what the process uses.

import type { ThreadList, Told } from "../node/admin/observations.ts";
import { DataTable } from "./data-table.ts";
import { el, setText } from "./dom.ts";
import { bytes, compact, duration, micros, whole } from "./figures.ts";
import type { Info, NodeApi } from "./node-api.ts";
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
  private lastCpu: { readonly cpuSeconds: number; readonly atSeconds: number } | null = null;

  async refresh(api: NodeApi): Promise<void> {
    const info = await api.info("server", "memory", "cpu");
    const told = (await api.json("/v1/observe/threads")) as Told<ThreadList>;
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
    setText(this.footing, this.process(info));
    this.panel.show(this.table.root, this.footing);
  }

  /** Processors in use since the last time, and memory. */
  private process({ cpu = {}, server = {}, memory = {} }: Info): string {
    const cpuSeconds = Number(cpu.used_cpu_sys) + Number(cpu.used_cpu_user);
    const atSeconds = Number(server.server_time_usec) / 1e6;
    const last = this.lastCpu;
    this.lastCpu = { cpuSeconds, atSeconds };
    const spent = cpuSeconds - (last?.cpuSeconds ?? Number.NaN);
    const cores = spent / (atSeconds - (last?.atSeconds ?? Number.NaN));
    const used = Number.isFinite(cores) ? `${cores.toFixed(2)} processors in use` : "processors –";
    const uptime = duration(Number(server.uptime_in_seconds));
    return `${used}, ${bytes(Number(memory.used_memory_rss))} resident, up for ${uptime}`;
  }
}

function nameOf(thread: number, all: number): string {
  if (all === 1) return "the only one";
  return thread === 0 ? "control" : `data ${thread}`;
}
