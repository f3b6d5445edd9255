/**
 * What INFO and the samples of /v1/events are made from, with some number of everything: for tests
 * of who makes text of it. The store is the caller's.
 */

import { loadConfig } from "../../../../src/config/config.ts";
import { TurnHistogram } from "../../../../src/node/connection/turns.ts";
import type { InfoSource } from "../../../../src/node/info/node-info.ts";
import { Traffic } from "../../../../src/replication/traffic.ts";
import type { Store } from "../../../../src/store/store.ts";
import { now } from "../../command/bed.ts";

export function infoSource(store: Store, changes: Partial<InfoSource> = {}): InfoSource {
  return {
    config: loadConfig({}, {}, () => ""),
    runId: "0".repeat(40),
    port: 5000,
    shutdownInMs: -1,
    uptimeMs: 90_061_000,
    nowMs: now,
    persistence: [],
    threads: {
      held: 0,
      connections: 1,
      connectionsReceived: 2,
      connectionsRejected: 0,
      commandsProcessed: 7,
      bytesReceived: 100,
      bytesSent: 200,
      writes: 3,
      disconnected: { output: 5, request: 7, memory: 6 },
      recentInputBytes: 8,
      recentOutputBytes: 9,
      turns: new TurnHistogram(),
      commands: [
        { name: "get", calls: 3, usec: 10, rejected: 0, failed: 0 },
        { name: "client|list", calls: 0, usec: 0, rejected: 2, failed: 0 },
        { name: "incr", calls: 2, usec: 2.6, rejected: 1, failed: 1 },
      ],
      errors: new Map([
        ["OOM", 1],
        ["ERR", 12],
        ["WRONGPASS", 4],
      ]),
    },
    histograms: [],
    blockedClients: 0,
    followerLinks: 0,
    timedWaits: 0,
    rates: {
      operations: 5,
      bytesReceived: 2048,
      bytesSent: 512,
      replicationReceived: 1024,
      replicationSent: 256,
    },
    traffic: new Traffic(),
    channels: 0,
    patterns: 0,
    tracking: { count: 0, keys: { size: 0, items: 0 }, broadcast: { size: 0 } },
    shardChannels: 0,
    scripts: { count: 0, usedBytes: 0, cachedBytes: 0 },
    libraries: { libraryCount: 0, functionCount: 0, usedBytes: 0, cachedBytes: 0 },
    peakMemoryBytes: 1,
    store: store.statistics(),
    sweeps: { stalePercent: 2.5, cuts: 4, spentMs: 17.6 },
    averageTtlMs: () => 1234,
    replication: [],
    replicationMemory: { queuedBytes: 0, journalBytes: 0 },
    clientMemoryBytes: 0,
    replicationCounters: [],
    followersDisconnected: 2,
    missCurve: null,
    ...changes,
  };
}
