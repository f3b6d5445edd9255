// Latency events of one data thread, as redis 7.0's latency monitor (`latency.c`): for each kind of
// event the worst time of each of the last seconds in which one took long. LATENCY shows the events
// of all threads together.
// Invariant: there are as few kinds as this program names, and each has a bounded history.

import { latencySamplesMax } from "../../base/limits.ts";

/** The kinds of events, in Redis's words. */
export type LatencyEvent = "command" | "fast-command" | "expire-cycle";

export interface LatencySample {
  readonly atSeconds: number;
  readonly ms: number;
}

/** Plain data: threads post it to each other. */
export interface LatencySeries {
  readonly event: string;
  /** Of all time, also of samples that are gone. */
  readonly worstMs: number;
  /** Oldest first, one a second at most. */
  readonly samples: readonly LatencySample[];
}

interface Series {
  worstMs: number;
  samples: LatencySample[];
}

export class LatencyEvents {
  private readonly series = new Map<string, Series>();

  add(event: LatencyEvent, ms: number, nowMs: number): void {
    const series = this.series.get(event) ?? { worstMs: 0, samples: [] };
    this.series.set(event, series);
    series.worstMs = Math.max(series.worstMs, Math.floor(ms));
    const sample = { atSeconds: Math.floor(nowMs / 1000), ms: Math.floor(ms) };
    series.samples = joined([...series.samples, sample]);
  }

  report(): LatencySeries[] {
    return [...this.series].map(([event, series]) => ({ event, ...series }));
  }

  /** Forgets these kinds, or all; returns those that it knew. */
  reset(events: readonly string[] | null): string[] {
    const known = [...this.series.keys()].filter((event) => events?.includes(event) ?? true);
    for (const event of known) this.series.delete(event);
    return known;
  }
}

/** The worst of each second, the last seconds only. `samples` are in order. */
function joined(samples: readonly LatencySample[]): LatencySample[] {
  const bySecond: LatencySample[] = [];
  for (const sample of samples) {
    const last = bySecond.at(-1);
    if (last === undefined || last.atSeconds < sample.atSeconds) bySecond.push(sample);
    else if (sample.ms > last.ms) bySecond[bySecond.length - 1] = { ...last, ms: sample.ms };
  }
  return bySecond.slice(-latencySamplesMax);
}

/** The events of all threads, by name. */
export function joinSeries(all: readonly LatencySeries[]): LatencySeries[] {
  const byEvent = new Map<string, LatencySeries>();
  for (const one of all) {
    const known = byEvent.get(one.event);
    byEvent.set(one.event, known === undefined ? one : joinTwo(known, one));
  }
  return [...byEvent.values()].sort((a, b) => (a.event < b.event ? -1 : 1));
}

function joinTwo(a: LatencySeries, b: LatencySeries): LatencySeries {
  const samples = [...a.samples, ...b.samples].sort((x, y) => x.atSeconds - y.atSeconds);
  const worstMs = Math.max(a.worstMs, b.worstMs);
  return { event: a.event, worstMs, samples: joined(samples) };
}
