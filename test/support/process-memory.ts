/**
 * Resident memory of a process, as Linux reports it.
 * Measures nothing on other systems: tests that use it are skipped there.
 */
import { readFileSync } from "node:fs";

export const tellsMemory = process.platform === "linux";

/** Bytes that the process has in memory now. */
export function residentBytes(pid: number): number {
  return field(pid, "VmRSS");
}

/** The most that it ever had. */
export function peakBytes(pid: number): number {
  return field(pid, "VmHWM");
}

function field(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
}
