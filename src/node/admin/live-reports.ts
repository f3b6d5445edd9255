// The reports of the event stream, made once for all listeners: a sample each second, and every
// other second also the lists, from the same look at the node. So pages need not poll, and the node
// makes each text once, whoever reads it.
// Rates and latencies are the difference to the look before, which is kept until forget().

import { addHistograms, type CommandHistogram } from "../../command/timing/latency-histogram.ts";
import { LatencyWindow } from "../../command/timing/latency-window.ts";
import type { Glance } from "../info/information.ts";
import type { AdminParts } from "./admin-parts.ts";
import { latenciesBetween } from "./command-latencies.ts";
import type { CommandList, Rates, Sample, StreamEvent } from "./observations.ts";
import { curveReport, replicationTree, threadList } from "./observed-rows.ts";

/** Most rows of the list of commands. */
const commandsMax = 20;

/** Counts since the start; a sample has their growth per second. */
type Counters = Rates;

interface Remembered {
  readonly uptimeMs: number;
  readonly counters: Counters;
}

interface Timed {
  readonly uptimeMs: number;
  readonly histograms: readonly CommandHistogram[];
}

export class LiveReports {
  private readonly parts: AdminParts;
  private last: Remembered | null = null;
  private lastTimed: Timed | null = null;
  private latency = new LatencyWindow();
  private looks = 0;

  constructor(parts: AdminParts) {
    this.parts = parts;
  }

  /** `withLists`: with the lists even out of turn, for a listener that has none yet. */
  async next(withLists: boolean): Promise<readonly StreamEvent[]> {
    const glance = await this.parts.information.glance();
    const sample = { name: "sample", data: this.sampleOf(glance) } as const;
    const isTurnOfLists = this.looks++ % 2 === 0;
    return isTurnOfLists || withLists ? [sample, ...this.listsOf(glance)] : [sample];
  }

  /** Nobody listens any more: what was seen until now says nothing of the time to come. */
  forget(): void {
    this.last = null;
    this.lastTimed = null;
    this.latency = new LatencyWindow();
    this.looks = 0;
  }

  private sampleOf(glance: Glance): Sample {
    const { store, uptimeMs, clients, clientMemoryBytes, followers } = glance;
    const counters = countersOf(glance);
    const { last } = this;
    this.last = { uptimeMs, counters };
    this.latency.add(glance.histograms);
    const { dead_bytes: deadBytes, unused_bytes: unusedBytes } = store.memory;
    return {
      atMs: glance.nowMs,
      perSecond: last === null ? null : ratesOf(last.counters, counters, uptimeMs - last.uptimeMs),
      latencyUsec: { last1s: this.latency.last(1), last10s: this.latency.last(10) },
      items: store.items,
      memory: {
        usedBytes: store.memoryUsedBytes,
        limitBytes: glance.limitBytes,
        deadBytes,
        unusedBytes,
        indexBytes: store.memory.index_bytes,
        ghostBytes: store.memory.ghost_bytes,
      },
      clients,
      clientMemoryBytes,
      followers,
    };
  }

  private listsOf(glance: Glance): StreamEvent[] {
    const atMs = glance.nowMs;
    const { parts } = this;
    return [
      { name: "commands", data: { atMs, ...this.commandsOf(glance) } },
      { name: "replication", data: { atMs, ...replicationTree(parts) } },
      { name: "threads", data: { atMs, ...threadList(glance.threads, glance.uptimeMs) } },
      { name: "miss-curve", data: { atMs, ...curveReport(parts) } },
    ];
  }

  private commandsOf({ uptimeMs, histograms: byThread }: Glance): CommandList {
    const histograms = addHistograms(byThread);
    const before = this.lastTimed;
    this.lastTimed = { uptimeMs, histograms };
    if (before === null) return { seconds: 0, commands: [] };
    const commands = latenciesBetween(before.histograms, histograms).slice(0, commandsMax);
    return { seconds: (uptimeMs - before.uptimeMs) / 1000, commands };
  }
}

function countersOf({ threads, store, leaderBytes }: Glance): Counters {
  const sum = (of: "commandsProcessed" | "bytesReceived" | "bytesSent") =>
    threads.reduce((total, thread) => total + thread[of], 0);
  return {
    commands: sum("commandsProcessed"),
    hits: store.hits,
    misses: store.misses,
    evictions: store.evictions,
    expirations: store.expirations,
    receivedBytes: sum("bytesReceived") + leaderBytes,
    sentBytes: sum("bytesSent"),
  };
}

/** After CONFIG RESETSTAT a counter is smaller than before, and says nothing of this second. */
function ratesOf(before: Counters, after: Counters, ms: number): Rates {
  const rates: { -readonly [Name in keyof Rates]: number } = { ...after };
  for (const name of Object.keys(after) as (keyof Rates)[]) {
    const rate = Math.max(0, after[name] - before[name]) / (ms / 1000);
    rates[name] = Math.round(rate * 10) / 10;
  }
  return rates;
}
