/**
 * Resident memory of a process and its processor time, as Linux reports them.
 * Measures nothing on other systems: tests that use it are skipped there.
 */
import { readFileSync, writeFileSync } from "node:fs";

export const tellsMemory = process.platform === "linux";

/** Bytes that the process has in memory now. */
export function residentBytes(pid: number): number {
  return field(pid, "VmRSS");
}

/** The most that it ever had. */
export function peakBytes(pid: number): number {
  return field(pid, "VmHWM");
}

/** From now on peakBytes() counts from what it has now. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Processor time of all its threads so far, in steps of 10 ms. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")")).split(" ");
  return (Number(fields[12]) + Number(fields[13])) * 10;
}

function field(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
}
