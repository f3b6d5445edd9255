// What INFO tells of the whole node, gathered from its parts when somebody asks (node-info.ts makes the
// text), and what is measured over time for it. Runs in the control thread.

import { randomBytes } from "node:crypto";
import { monotonicMs, wallClockMs } from "../base/clock.ts";
import type { Information } from "../command/core/node.ts";
import type { Channels } from "../command/pubsub/channels.ts";
import type { Persistence } from "../persistence/persistence.ts";
import type { Replication } from "../replication/replication.ts";
import type { Store } from "../store/store.ts";
import type { NodeConfiguration } from "./configuration.ts";
import { infoText } from "./node-info.ts";
import type { SharedStanding } from "./standing.ts";
import type { Threads } from "./threads/threads.ts";

export interface InformationParts {
  readonly store: Store;
  readonly standing: SharedStanding;
  readonly configuration: NodeConfiguration;
  readonly channels: Channels;
  readonly threads: Threads;
  readonly replication: Replication;
  readonly persistence: Persistence;
}

export class NodeInformation implements Information {
  private readonly parts: InformationParts;
  private readonly runId = randomBytes(20).toString("hex");
  private readonly startedMs = monotonicMs();
  private peakMemoryBytes = 0;
  private operations = { count: 0, perSecond: 0 };

  constructor(parts: InformationParts) {
    this.parts = parts;
  }

  async text(sections: readonly string[]): Promise<string> {
    const { standing, configuration, channels, threads, replication, persistence } = this.parts;
    const counted = await threads.statistics();
    const store = this.parts.store.statistics();
    this.peakMemoryBytes = Math.max(this.peakMemoryBytes, store.memoryUsedBytes);
    return infoText(
      {
        config: configuration.current,
        runId: this.runId,
        port: standing.port,
        uptimeMs: monotonicMs() - this.startedMs,
        nowMs: wallClockMs(),
        persistence: persistence.info(standing.isLoading),
        threads: counted,
        blockedClients: replication.waiters.count,
        operationsPerSecond: this.operations.perSecond,
        channels: channels.channels.size,
        patterns: channels.patterns.size,
        peakMemoryBytes: this.peakMemoryBytes,
        store,
        replication: replication.infoLines(),
        replicationCounters: replication.counterLines(),
        replicationMemory: replication.memoryLines(),
      },
      sections,
    );
  }

  resetStatistics(): void {
    this.parts.store.resetStatistics();
    this.parts.threads.resetStatistics();
    this.operations = { count: 0, perSecond: 0 };
  }

  /** Called once a second. */
  async sampleOperations(): Promise<void> {
    const { commandsProcessed } = await this.parts.threads.statistics();
    const perSecond = Math.max(0, commandsProcessed - this.operations.count);
    this.operations = { count: commandsProcessed, perSecond };
  }
}
