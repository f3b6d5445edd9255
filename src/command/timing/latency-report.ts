// Latency events for people: the graph of LATENCY GRAPH as redis 7.0 draws it (`sparkline.c`), and
// the sentences of LATENCY DOCTOR, which are our own, as its advice is about this node.

import type { LatencySample, LatencySeries } from "./latency-events.ts";

// ---- GRAPH --------------------------------------------------------------------------------------

const columnsMax = 80;
const rows = 4;
/** From a low to a high part of a character's height. */
const fill = "_o#";
const steps = fill.length * rows;

export function latencyGraph(series: LatencySeries, nowSeconds: number): string {
  const { event, worstMs, samples } = series;
  const times = samples.map(({ ms }) => ms);
  const [high, low] = [Math.max(...times), Math.min(...times)];
  const head = `${event} - high ${high} ms, low ${low} ms (all time high ${worstMs} ms)\n`;
  const parts: string[] = [];
  for (let from = 0; from < samples.length; from += columnsMax) {
    parts.push(drawn(samples.slice(from, from + columnsMax), low, high, nowSeconds));
  }
  return `${head}${"-".repeat(columnsMax)}\n${parts.join("\n")}`;
}

/** Columns of `rows` characters, an empty line, and the age of each sample from top to bottom. */
function drawn(
  samples: readonly LatencySample[],
  low: number,
  high: number,
  nowSeconds: number,
): string {
  const heights = samples.map(({ ms }) => heightOf(ms - low, high - low));
  const labels = samples.map(({ atSeconds }) => ageOf(nowSeconds - atSeconds));
  const lines: string[] = [];
  for (let row = rows - 1; row >= 0; row--) {
    lines.push(heights.map((height) => partOf(height - row * fill.length)).join(""));
  }
  lines.push(" ".repeat(samples.length));
  const longest = Math.max(...labels.map(({ length }) => length));
  for (let i = 0; i < longest; i++) lines.push(labels.map((label) => label[i] ?? " ").join(""));
  return `${lines.join("\n")}\n`;
}

function heightOf(value: number, range: number): number {
  return Math.min(steps - 1, Math.floor((value * steps) / (range || 1)));
}

/** The character of a column whose top is this much above the bottom of the row. */
function partOf(height: number): string {
  return height < 0 ? " " : (fill[height] ?? "|");
}

function ageOf(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, seconds)}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

// ---- DOCTOR -------------------------------------------------------------------------------------

export interface LatencySettings {
  /** Milliseconds; 0: nothing is remembered. */
  readonly thresholdMs: number;
  /** Microseconds; negative: no slow log. */
  readonly slowLogUsec: number;
}

export function latencyReport(
  all: readonly LatencySeries[],
  settings: LatencySettings,
  nowSeconds: number,
): string {
  const { thresholdMs } = settings;
  if (all.length === 0 && thresholdMs === 0) {
    return (
      "Latency is not monitored. CONFIG SET latency-monitor-threshold <milliseconds> remembers " +
      "what takes that long.\n"
    );
  }
  if (all.length === 0) return `Nothing has taken ${thresholdMs} ms since the last reset.\n`;
  const lines = all.map((series, index) => `${index + 1}. ${summaryOf(series, nowSeconds)}`);
  const advice = all.flatMap(({ event }) => adviceFor(event, settings));
  return `${[...lines, "", ...new Set(advice)].join("\n")}\n`;
}

function summaryOf({ event, worstMs, samples }: LatencySeries, nowSeconds: number): string {
  const times = samples.map(({ ms }) => ms);
  const average = meanOf(times);
  const deviation = meanOf(times.map((ms) => Math.abs(ms - average)));
  const spanSeconds = Math.max(1, nowSeconds - (samples[0]?.atSeconds ?? nowSeconds));
  const period = (spanSeconds / Math.max(1, times.length)).toFixed(2);
  return (
    `${event}: ${times.length} latency spikes (average ${average}ms, mean deviation ` +
    `${deviation}ms, period ${period} sec). Worst all time event ${worstMs}ms.`
  );
}

function meanOf(numbers: readonly number[]): number {
  const sum = numbers.reduce((total, number) => total + number, 0);
  return Math.floor(sum / Math.max(1, numbers.length));
}

function adviceFor(event: string, { thresholdMs, slowLogUsec }: LatencySettings): string[] {
  if (event === "fast-command") {
    return [
      "- Commands that touch one key took long: the machine gave this process no CPU time, or " +
        "values are very large. Look at the load of the machine and at INFO turns.",
    ];
  }
  if (event === "expire-cycle") {
    return ["- Removing expired keys took long: the machine gave this process no CPU time."];
  }
  const setting = `CONFIG SET slowlog-log-slower-than ${thresholdMs * 1000}`;
  const isBlind = slowLogUsec < 0 || slowLogUsec > thresholdMs * 1000;
  const advice = [
    "- Commands over many keys or large values took long. SLOWLOG GET shows which; use fewer keys " +
      "in each, and SCAN for KEYS.",
  ];
  return isBlind ? [`- The slow log does not see all of them: ${setting}.`, ...advice] : advice;
}
