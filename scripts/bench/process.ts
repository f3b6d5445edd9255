// What the kernel reports about a process: processor time, resident memory and its peak; and which
// processors a process runs on. Linux only, because it reads /proc.
// Invariant: figures cover the whole process with all its threads.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";

const ticksPerSecond = Number(getconf("CLK_TCK"));
const pageBytes = Number(getconf("PAGESIZE"));

function getconf(name: string): string {
  if (process.platform !== "linux")
    throw new Error("the benchmark suite needs Linux: it reads /proc");
  return Bun.spawnSync(["getconf", name]).stdout.toString().trim();
}

/** User and system time of all threads, including dead ones. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The second field is the program's name in parentheses and may contain anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
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
      // The thread ended after the folder was read; its share is small and is lost.
    }
  }
  return nanoseconds / 1e9;
}

export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]) * pageBytes;
}

/** The peak of resident memory since the last reset. */
export function peakResidentBytes(pid: number): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  if (line === null) throw new Error(`process ${pid} has no peak of resident memory`);
  return Number(line[1]) * 1024;
}

export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/**
 * Resident memory when it no longer changes: allocators and hash tables finish in the background.
 */
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

/** The server uses the first processor alone, and the generator the last. */
export const serverCpu = availableParallelism() > 1 ? "0" : null;

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
