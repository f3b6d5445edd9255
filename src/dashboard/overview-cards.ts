// The six cards at the top: what is asked of the node, and how well it does. The samples of the
// stream feed them, and each card knows how its figures read.

import type { Sample } from "../node/admin/observations.ts";
import { bytes, compact, micros, percent, whole } from "./figures.ts";
import { hitRatio } from "./live-sample.ts";
import { MemoryCard } from "./memory-card.ts";
import { type CardOptions, MetricCard } from "./metric-card.ts";

const cards: readonly CardOptions[] = [
  {
    title: "Requests",
    name: "requests",
    lines: [{ label: "requests a second", color: "--blue", isFilled: true }],
    format: compact,
    leastTop: 10,
    values: (_sample, { commands, receivedBytes, sentBytes }) => [
      commands,
      receivedBytes,
      sentBytes,
    ],
    read: ([commands, received, sent]) => ({
      figure: perSecond(commands),
      remark: `${bytes(received ?? 0)}/s in, ${bytes(sent ?? 0)}/s out`,
    }),
  },
  {
    title: "Hit ratio",
    name: "hits",
    lines: [{ label: "hit ratio", color: "--green", isFilled: true }],
    format: percent,
    top: 1,
    values: (_sample, rates) => [hitRatio(rates), rates.misses],
    read: ([ratio, misses]) => ({
      figure: ratio === null ? "–" : percent(ratio),
      remark: ratio === null ? "no lookups now" : `${compact(misses ?? 0)} misses/s`,
    }),
  },
  {
    title: "Latency",
    name: "latency",
    lines: [
      { label: "50 %", color: "--blue" },
      { label: "99 %", color: "--violet" },
      { label: "99.9 %", color: "--amber" },
    ],
    format: micros,
    isLogarithmic: true,
    values: ({ latencyUsec: { last1s } }) => [
      last1s?.p50 ?? null,
      last1s?.p99 ?? null,
      last1s?.p999 ?? null,
    ],
    read: ([, p99]) => ({
      figure: p99 === null ? "–" : micros(p99),
      remark: p99 === null ? "no commands now" : "99th percentile",
    }),
  },
  {
    title: "Evictions",
    name: "evictions",
    lines: [
      { label: "evicted", color: "--red" },
      { label: "expired", color: "--amber" },
    ],
    format: compact,
    leastTop: 10,
    values: (_sample, { evictions, expirations }) => [evictions, expirations],
    read: ([evicted, expired]) => ({
      figure: perSecond(evicted),
      remark: `${compact(expired ?? 0)} expired/s`,
    }),
  },
  {
    title: "Clients",
    name: "connections",
    lines: [{ label: "clients", color: "--blue", isFilled: true }],
    format: compact,
    leastTop: 10,
    values: ({ clients, clientMemoryBytes }) => [clients, clientMemoryBytes],
    read: ([clients, memory]) => ({
      figure: whole(clients ?? Number.NaN),
      remark: `${bytes(memory ?? 0)} of buffers`,
    }),
  },
];

export class OverviewCards {
  private readonly memory = new MemoryCard();
  private readonly charts: readonly MetricCard[];

  constructor() {
    this.charts = cards.map((options) => new MetricCard(options));
  }

  get roots(): HTMLElement[] {
    const [requests, hits, latency, ...others] = this.charts.map(({ root }) => root);
    return [requests, hits, latency, this.memory.root, ...others];
  }

  update(sample: Sample): void {
    this.memory.update(sample);
    if (sample.perSecond === null) return; // the first sample knows no rates
    for (const card of this.charts) card.add(sample.atMs / 1000, sample, sample.perSecond);
  }

  recolor(): void {
    for (const card of this.charts) card.recolor();
  }
}

function perSecond(value: number | null): string {
  return value === null ? "–" : `${compact(value)}/s`;
}
