// The output formats of a finished or running load: the table, the JSON and the progress line. It
// does not write them anywhere.
// Invariant: every number in the table is also in the JSON.

import type { Plan, Progress, Result } from "./load-run.ts";
import type { Workload } from "./workload.ts";

export interface Report {
  readonly workload: Workload;
  readonly plan: Plan;
  readonly result: Omit<Result, "histogram">;
}

export function report(workload: Workload, plan: Plan, result: Result): Report {
  const { histogram: _bulky, ...figures } = result;
  return { workload, plan, result: figures };
}

export function reportTable({ workload, plan, result }: Report): string {
  const { latency } = result;
  const rows: [string, string][] = [
    ["protocol", workload.protocol],
    ["connections x depth", `${plan.connections} x ${workload.depth}`],
    ["keys, value bytes", `${group(workload.keys)} ${workload.pattern}, ${sizes(workload)}`],
    ["GET:SET, TTL", `${workload.gets}:${workload.sets}, ${ttl(workload)}`],
    ["arrivals", plan.rate === undefined ? "closed loop" : `${group(plan.rate)} per second`],
    ["requests", `${group(result.operations)} in ${result.elapsedSeconds.toFixed(2)} s`],
    ["requests per second", group(result.operationsPerSecond)],
    ["hits, misses", `${group(result.hits)}, ${group(result.misses)}`],
    ["errors", result.errors === 0 ? "0" : `${group(result.errors)} (${result.firstError})`],
    ["bytes in, out", `${group(result.bytesIn)}, ${group(result.bytesOut)}`],
    ["generator busy", `${(result.generatorCpuShare * 100).toFixed(0)} %`],
    ["latency mean", millis(latency.meanMicros)],
    ["latency p50", millis(latency.p50Micros)],
    ["latency p90", millis(latency.p90Micros)],
    ["latency p99", millis(latency.p99Micros)],
    ["latency p99.9", millis(latency.p999Micros)],
    ["latency p99.99", millis(latency.p9999Micros)],
    ["latency max", millis(latency.maxMicros)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(20)} ${value}`).join("\n");
}

export function progressLine(phase: string, progress: Progress): string {
  const rate = progress.operations / Math.max(progress.elapsedSeconds, 1e-9);
  const errors = progress.errors === 0 ? "" : `, ${group(progress.errors)} errors`;
  const percent = `${Math.floor(progress.share * 100)} %`.padStart(5);
  return `${phase} ${percent}  ${group(progress.operations)} requests, ${group(rate)} per second${errors}`;
}

function sizes(workload: Workload): string {
  const { valueBytesMin: min, valueBytesMax: max } = workload;
  return min === max ? String(min) : `${min} to ${max}`;
}

function ttl({ ttlSeconds }: Workload): string {
  return ttlSeconds === 0 ? "none" : `${ttlSeconds} s`;
}

function millis(micros: number): string {
  return `${(micros / 1000).toFixed(3)} ms`;
}

/** A whole number with commas between thousands. */
export function group(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
