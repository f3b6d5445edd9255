// What the kernel says about a process: processor time, resident memory, its peak; and which
// processors things run on. Linux only, as /proc is.
// Invariant: figures are of the whole process, all threads together.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";

const TICKS_PER_SECOND = Number(getconf("CLK_TCK"));
const PAGE_BYTES = Number(getconf("PAGESIZE"));

function getconf(name: string): string {
  if (process.platform !== "linux")
    throw new Error("the benchmark suite needs Linux: it reads /proc");
  return Bun.spawnSync(["getconf", name]).stdout.toString().trim();
}

/** User and system time of all threads, dead ones included. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The second field is the program's name in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/**
 * How long threads were ready to run while the machine ran something else; NaN where the kernel
 * does not say. With much of it, a long wait says nothing about the server.
 */
export function queuedSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      const schedule = readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1");
      nanoseconds += Number(schedule.split(" ")[1]);
    } catch {
      if (task === String(pid)) return Number.NaN; // no such statistics here
      // Another thread ended since the folder was read: its share is lost, and small.
    }
  }
  return nanoseconds / 1e9;
}

export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]) * PAGE_BYTES;
}

/** The most memory that was resident since the last reset. */
export function peakResidentBytes(pid: number): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  if (line === null) throw new Error(`process ${pid} has no peak of resident memory`);
  return Number(line[1]) * 1024;
}

export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Resident memory once it stands still: allocators and hash tables finish in the background. */
export async function settledResidentBytes(pid: number): Promise<number> {
  let before = residentBytes(pid);
  for (let tries = 0; tries < 20; tries++) {
    await Bun.sleep(250);
    const now = residentBytes(pid);
    if (Math.abs(now - before) < 128 * 1024) return now;
    before = now;
  }
  return before;
}

/** The server has the first processor for itself and the generator the last. */
export const SERVER_CPU = availableParallelism() > 1 ? "0" : null;

export function pinGenerator(): void {
  const last = availableParallelism() - 1;
  if (last < 1 || Bun.which("taskset") === null) return;
  Bun.spawnSync(["taskset", "-apc", String(last), String(process.pid)]);
}

export function machine(): string {
  const model = /^model name\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "latin1"));
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "latin1").trim();
  return `${availableParallelism()} x ${model?.[1] ?? "unknown processor"}, Linux ${kernel}`;
}
