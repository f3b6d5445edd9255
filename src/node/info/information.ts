// What INFO reports about the whole node: gathered from its parts on request (node-info.ts makes
// the text), and the rates that are measured over time. Runs in the control thread.

import { monotonicMs, wallClockMs } from "../../base/clock.ts";
import type { Information } from "../../command/core/node.ts";
import type { Libraries } from "../../command/function/node-libraries.ts";
import type { Channels } from "../../command/messages/channels.ts";
import type { Scripts } from "../../command/script/scripts.ts";
import type { CommandHistogram } from "../../command/timing/latency-histogram.ts";
import type { Tracking } from "../../command/tracking/tracking.ts";
import type { Persistence } from "../../persistence/persistence.ts";
import type { Replication } from "../../replication/replication.ts";
import { resetCounters } from "../../replication/replication-info.ts";
import type { DatabaseReport, Store, StoreStatistics } from "../../store/store.ts";
import type { HeldCommands } from "../connection/held-commands.ts";
import type { Shutdown } from "../control/shutdown.ts";
import type { SweepRecord } from "../control/sweep-record.ts";
import type { NodeConfiguration } from "../settings/configuration.ts";
import type { ClientMemory } from "../shared/client-memory.ts";
import type { SharedStanding } from "../shared/standing.ts";
import type { ThreadStatistics } from "../threads/thread-statistics.ts";
import type { Threads } from "../threads/threads.ts";
import type { MissCurveReport } from "./curve-report.ts";
import { type InfoSource, infoText, type Rates, wantsHistograms } from "./node-info.ts";
import type { NodeMissCurve } from "./node-miss-curve.ts";
import type { Timings } from "./timings.ts";
import { TtlSample } from "./ttl-sample.ts";

const noRates: Rates = {
  operations: 0,
  bytesReceived: 0,
  bytesSent: 0,
  replicationReceived: 0,
  replicationSent: 0,
};

/** The node at a moment, as its parts count it. */
export interface Glance {
  readonly nowMs: number;
  readonly uptimeMs: number;
  readonly limitBytes: number;
  /** With several data threads, the control thread is the first. */
  readonly threads: readonly ThreadStatistics[];
  /** A command has one for each thread; those of this thread go on counting. */
  readonly histograms: readonly CommandHistogram[];
  readonly store: StoreStatistics;
  readonly clients: number;
  readonly clientMemoryBytes: number;
  readonly followers: number;
  /** Received from leaders. */
  readonly leaderBytes: number;
}

export interface InformationParts {
  readonly store: Store;
  readonly standing: SharedStanding;
  readonly configuration: NodeConfiguration;
  readonly clientMemory: ClientMemory;
  readonly channels: Channels;
  readonly threads: Threads;
  readonly timings: Timings;
  readonly tracking: Tracking;
  readonly scripts: Scripts;
  readonly libraries: Libraries;
  readonly runId: string;
  readonly replication: Replication;
  readonly persistence: Persistence;
  readonly shutdown: Shutdown;
  readonly sweeps: SweepRecord;
  /** The commands for the control thread that a pause holds. */
  readonly held: HeldCommands;
  /** Null: the node has none. */
  readonly missCurve: NodeMissCurve | null;
}

export class NodeInformation implements Information {
  private readonly parts: InformationParts;
  private readonly startedMs = monotonicMs();
  private peakMemoryBytes = 0;
  private rates: Rates = noRates;
  /** The counters at the last sample; null after a reset. */
  private sampled: Rates | null = noRates;
  /** By the number of the database. */
  private readonly ttls = new Map<number, TtlSample>();

  constructor(parts: InformationParts) {
    this.parts = parts;
  }

  async text(sections: readonly string[]): Promise<string> {
    const { threads, timings } = this.parts;
    const counted = await threads.statistics();
    const histograms = wantsHistograms(sections) ? await timings.histograms() : [];
    return infoText(this.sourceWith(counted, histograms), sections);
  }

  /** All that the text is made from. */
  async gather(): Promise<InfoSource> {
    const { threads, timings } = this.parts;
    return this.sourceWith(await threads.statistics(), await timings.histograms());
  }

  /** What a dashboard shows each second: less than gather(), and no text. */
  async glance(): Promise<Glance> {
    const { store, threads, timings, replication, clientMemory, configuration } = this.parts;
    const counted = await threads.statisticsByThread();
    const histograms = await timings.histogramsByThread();
    const followers = replication.leader.links.length;
    const connections = counted.reduce((sum, thread) => sum + thread.connections, 0);
    return {
      nowMs: wallClockMs(),
      uptimeMs: monotonicMs() - this.startedMs,
      limitBytes: configuration.current.maxMemory,
      threads: counted,
      histograms,
      store: store.statistics(),
      clients: Math.max(0, connections - followers),
      clientMemoryBytes: clientMemory.totalBytes,
      followers,
      leaderBytes: replication.traffic.receivedBytes,
    };
  }

  /** Null: the node has no miss curve. */
  missCurve(): MissCurveReport | null {
    return this.parts.missCurve?.report() ?? null;
  }

  textNow(sections: readonly string[]): string {
    const { threads, timings } = this.parts;
    const histograms = wantsHistograms(sections) ? timings.histogramsNow() : [];
    return infoText(this.sourceWith(threads.statisticsNow(), histograms), sections);
  }

  private sourceWith(
    counted: ThreadStatistics,
    histograms: readonly CommandHistogram[],
  ): InfoSource {
    const { standing, configuration, channels, tracking, replication } = this.parts;
    const { scripts, libraries } = this.parts;
    const { persistence, shutdown, held } = this.parts;
    const store = this.parts.store.statistics();
    return {
      config: configuration.current,
      runId: this.parts.runId,
      port: standing.port,
      uptimeMs: monotonicMs() - this.startedMs,
      shutdownInMs: shutdown.remainingMs,
      nowMs: wallClockMs(),
      persistence: persistence.info(standing.isLoading),
      threads: counted,
      histograms,
      blockedClients: this.waitingClients() + counted.held + held.count,
      followerLinks: replication.leader.links.length,
      timedWaits: replication.waiters.timedCount,
      rates: this.rates,
      channels: channels.channels.size,
      patterns: channels.patterns.size,
      shardChannels: channels.shardChannels.size,
      tracking,
      scripts,
      libraries,
      peakMemoryBytes: this.peakBytes(),
      store,
      sweeps: this.parts.sweeps,
      averageTtlMs: (database) => this.ttlOf(database),
      replication: replication.infoLines(),
      traffic: replication.traffic,
      replicationCounters: replication.counterLines(),
      clientMemoryBytes: this.parts.clientMemory.totalBytes,
      replicationMemory: replication.memory(),
      followersDisconnected: replication.leader.disconnected,
      missCurve: this.missCurve(),
    };
  }

  private waitingClients(): number {
    const { waiters, offsetWaits } = this.parts.replication;
    return waiters.count + offsetWaits.count + this.parts.shutdown.waiting.size;
  }

  private ttlOf({ number, identity }: DatabaseReport): number {
    const sample = this.ttls.get(number) ?? new TtlSample(this.parts.store);
    this.ttls.set(number, sample);
    return sample.averageMs(identity, wallClockMs());
  }

  /** Most memory that the store has used, as far as it was asked; it looks once a second. */
  peakBytes(): number {
    this.peakMemoryBytes = Math.max(this.peakMemoryBytes, this.parts.store.memoryUsed());
    return this.peakMemoryBytes;
  }

  resetStatistics(): void {
    this.parts.store.resetStatistics();
    this.parts.threads.resetStatistics();
    this.parts.missCurve?.reset();
    resetCounters(this.parts.replication.leader);
    this.parts.replication.traffic.reset();
    this.parts.sweeps.reset();
    this.sampled = null;
    this.rates = noRates;
  }

  /** Called once a second. */
  async sampleRates(): Promise<void> {
    this.peakBytes();
    const counted = await this.parts.threads.statistics();
    const { traffic } = this.parts.replication;
    const before = this.sampled;
    const now: Rates = {
      operations: counted.commandsProcessed,
      bytesReceived: counted.bytesReceived + traffic.receivedBytes,
      bytesSent: counted.bytesSent,
      replicationReceived: traffic.receivedBytes,
      replicationSent: traffic.sentBytes,
    };
    this.sampled = now;
    // If the counters were reset meanwhile, they say nothing about this second.
    if (before === null || now.operations < before.operations) return;
    const since = (name: keyof Rates) => Math.max(0, now[name] - before[name]);
    this.rates = {
      operations: since("operations"),
      bytesReceived: since("bytesReceived"),
      bytesSent: since("bytesSent"),
      replicationReceived: since("replicationReceived"),
      replicationSent: since("replicationSent"),
    };
  }
}
