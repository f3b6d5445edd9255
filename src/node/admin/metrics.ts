// What /metrics tells: one table of families, each with its name by Prometheus's conventions, its
// help, its type, and how its samples follow from what INFO gathers. The labels are commands,
// databases, reasons and followers that are connected: none grows without a bound.

import { mscacheVersion } from "../../base/version.ts";
import { bucketOf, countsUpTo, totalOf } from "../../command/timing/latency-histogram.ts";
import type { InfoSource } from "../info/node-info.ts";
import { type Family, type Histogram, labelOf, type Sample } from "./prometheus-text.ts";

export interface MetricsSource {
  readonly info: InfoSource;
  readonly process: {
    readonly cpuSeconds: number;
    readonly residentBytes: number;
    readonly startSeconds: number;
  };
  readonly isLeader: boolean;
  readonly isReady: boolean;
  /** Of a follower: whether it is connected to its leader. */
  readonly isLinkUp: boolean;
  readonly journal: {
    readonly offset: number;
    readonly first: number;
    readonly capacity: number;
    readonly active: boolean;
  };
  /** Of all nodes below this one. */
  readonly tree: {
    readonly nodes: number;
    readonly levels: number;
    readonly lagBytes: number;
    readonly isCircle: boolean;
  };
  readonly followers: readonly {
    readonly address: string;
    readonly lagSeconds: number;
    readonly offset: number;
  }[];
}

interface Row {
  readonly name: string;
  readonly help: string;
  readonly type: Family["type"];
  readonly familyOf: (source: MetricsSource) => Family;
}

/** Upper bounds of the buckets of latencies: each four times the one before, from 1 µs to 4 s. */
const boundsUsec = Array.from({ length: 12 }, (_, i) => 4 ** i);
const boundBuckets = boundsUsec.map(bucketOf);
const bounds = boundsUsec.map((usec) => String(usec / 1e6));

const rows: readonly Row[] = [
  row("mscache_build_info", "Versions of the node; always 1.", "gauge", () => [
    { value: 1, labels: `${labelOf("version", mscacheVersion)},${labelOf("bun", Bun.version)}` },
  ]),
  gauge(
    "mscache_uptime_seconds",
    "Time since the node started.",
    ({ info }) => info.uptimeMs / 1000,
  ),
  gauge("mscache_ready", "1 if the data are complete and served, as at /readyz.", (s) =>
    Number(s.isReady),
  ),
  gauge("mscache_data_threads", "Number of data threads.", ({ info }) => info.config.threads),
  // Clients.
  gauge("mscache_clients", "Connected clients, without followers.", ({ info }) =>
    Math.max(0, info.threads.connections - info.followerLinks),
  ),
  gauge(
    "mscache_clients_limit",
    "Largest allowed number of clients, max-clients.",
    ({ info }) => info.config.maxClients,
  ),
  gauge(
    "mscache_clients_blocked",
    "Clients whose command waits, as blocked_clients in INFO.",
    ({ info }) => info.blockedClients,
  ),
  gauge(
    "mscache_clients_memory_bytes",
    "Memory held for all clients.",
    (s) => s.info.clientMemoryBytes,
  ),
  counter(
    "mscache_connections_total",
    "Connections accepted.",
    (s) => s.info.threads.connectionsReceived,
  ),
  counter(
    "mscache_connections_rejected_total",
    "Connections refused on arrival.",
    (s) => s.info.threads.connectionsRejected,
  ),
  row(
    "mscache_clients_disconnected_total",
    "Clients disconnected for exceeding a limit.",
    "counter",
    (s) =>
      Object.entries(s.info.threads.disconnected).map(([reason, value]) => ({
        value,
        labels: labelOf("reason", reason),
      })),
  ),
  counter(
    "mscache_received_bytes_total",
    "Bytes received from clients and from a leader.",
    (s) => s.info.threads.bytesReceived + s.info.traffic.receivedBytes,
  ),
  counter("mscache_sent_bytes_total", "Bytes sent to clients.", (s) => s.info.threads.bytesSent),
  // Commands.
  row("mscache_commands_total", "Calls of each command.", "counter", (s) => perCommand(s, "calls")),
  row(
    "mscache_commands_rejected_total",
    "Calls of each command that were refused before they ran.",
    "counter",
    (s) => perCommand(s, "rejected"),
  ),
  row(
    "mscache_commands_failed_total",
    "Calls of each command that ran and were answered with an error.",
    "counter",
    (s) => perCommand(s, "failed"),
  ),
  histogram(
    "mscache_command_duration_seconds",
    "Duration of each command; of a batch, each command counts its share.",
    latencies,
  ),
  row("mscache_errors_total", "Error replies by their first word.", "counter", (s) =>
    [...s.info.threads.errors].map(([code, value]) => ({ value, labels: labelOf("code", code) })),
  ),
  // Turns of the event loop.
  counter(
    "mscache_turns_total",
    "Turns of the data threads; each handles one read from a connection.",
    (s) => s.info.threads.turns.count,
  ),
  row(
    "mscache_long_turns_total",
    "Turns that took longer than `over` seconds.",
    "counter",
    ({ info }) => [
      { value: info.threads.turns.over10Ms, labels: labelOf("over", "0.01") },
      { value: info.threads.turns.over50Ms, labels: labelOf("over", "0.05") },
    ],
  ),
  gauge(
    "mscache_longest_turn_seconds",
    "Duration of the longest turn so far.",
    (s) => s.info.threads.turns.maxMs / 1000,
  ),
  // Data.
  row("mscache_items", "Items in each database.", "gauge", (s) => perDatabase(s, "items")),
  row("mscache_expiring_items", "Items with a time to live, in each database.", "gauge", (s) =>
    perDatabase(s, "expiringItems"),
  ),
  counter("mscache_hits_total", "Lookups that found their key.", (s) => s.info.store.hits),
  counter(
    "mscache_misses_total",
    "Lookups that did not find their key.",
    (s) => s.info.store.misses,
  ),
  counter(
    "mscache_ghost_hits_total",
    "Writes of keys that had been evicted shortly before.",
    (s) => s.info.store.ghostHits,
  ),
  row(
    "mscache_removals_total",
    "Items removed by expiration or eviction rather than by a command.",
    "counter",
    ({ info }) => [
      { value: info.store.evictions, labels: labelOf("reason", "evicted") },
      { value: info.store.expirations, labels: labelOf("reason", "expired") },
    ],
  ),
  row(
    "mscache_miss_curve_hit_ratio",
    "Estimated hit ratio with `memory` times max-memory.",
    "gauge",
    (s) => perCurvePoint(s, "hitRatio"),
  ),
  row(
    "mscache_miss_curve_error",
    "Error of that estimate, as two standard deviations.",
    "gauge",
    (s) => perCurvePoint(s, "error"),
  ),
  row(
    "mscache_miss_curve_dropped_total",
    "Samples that are missing from those estimates.",
    "counter",
    ({ info }) => (info.missCurve === null ? [] : [{ value: info.missCurve.dropped }]),
  ),
  row("mscache_evictions_total", "Evictions by why the item was chosen.", "counter", ({ info }) =>
    Object.entries(info.store.evictionsByReason).map(([reason, value]) => ({
      value,
      labels: labelOf("reason", reason),
    })),
  ),
  // Memory.
  row("mscache_memory_bytes", "Memory of the store by what it holds.", "gauge", memoryParts),
  gauge(
    "mscache_memory_used_bytes",
    "Memory that counts against max-memory.",
    (s) => s.info.store.memoryUsedBytes,
  ),
  gauge(
    "mscache_memory_limit_bytes",
    "The memory limit, max-memory.",
    (s) => s.info.config.maxMemory,
  ),
  gauge(
    "mscache_memory_peak_bytes",
    "Most memory used since the start.",
    (s) => s.info.peakMemoryBytes,
  ),
  // Replication.
  gauge("mscache_leader", "1 on a leader, 0 on a follower.", (s) => Number(s.isLeader)),
  gauge("mscache_leader_link_up", "1 if a follower is connected to its leader, else 0.", (s) =>
    Number(s.isLinkUp),
  ),
  gauge(
    "mscache_journal_offset_bytes",
    "Offset of the replication stream.",
    (s) => s.journal.offset,
  ),
  gauge("mscache_journal_size_bytes", "Size of the journal.", (s) => s.journal.capacity),
  gauge(
    "mscache_journal_used_bytes",
    "Part of the journal from which a follower can resume.",
    ({ journal }) => (journal.active ? journal.offset - journal.first : 0),
  ),
  gauge("mscache_followers", "Connected followers.", (s) => s.followers.length),
  gauge(
    "mscache_tree_nodes",
    "Known nodes below this one: its followers, their followers, and so on.",
    (s) => s.tree.nodes,
  ),
  gauge("mscache_tree_levels", "Levels of followers below this node.", (s) => s.tree.levels),
  gauge(
    "mscache_tree_lag_bytes",
    "How far the node below this one that lags most is behind it.",
    (s) => s.tree.lagBytes,
  ),
  gauge(
    "mscache_tree_circle",
    "1 if this node follows itself, by another name or through others, else 0.",
    (s) => Number(s.tree.isCircle),
  ),
  row(
    "mscache_follower_lag_seconds",
    "Time since the last acknowledgement of each follower.",
    "gauge",
    (s) =>
      s.followers.map(({ address, lagSeconds }) => ({
        value: lagSeconds,
        labels: labelOf("address", address),
      })),
  ),
  row(
    "mscache_follower_lag_bytes",
    "Bytes of the stream that each follower has not acknowledged.",
    "gauge",
    (s) =>
      s.followers.map(({ address, offset }) => ({
        value: Math.max(0, s.journal.offset - offset),
        labels: labelOf("address", address),
      })),
  ),
  // The process, under the names that all exporters have.
  counter(
    "process_cpu_seconds_total",
    "CPU time of the process, user and system.",
    (s) => s.process.cpuSeconds,
  ),
  gauge(
    "process_resident_memory_bytes",
    "Resident memory of the process.",
    (s) => s.process.residentBytes,
  ),
  gauge(
    "process_start_time_seconds",
    "Start of the process, in seconds since 1970.",
    (s) => s.process.startSeconds,
  ),
];

export function metricsOf(source: MetricsSource): Family[] {
  return rows.map(({ familyOf }) => familyOf(source));
}

/** As a table in Markdown, for the README. */
export function metricTable(): string {
  const cells = rows.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`);
  return ["| Metric | Type | Meaning |", "| --- | --- | --- |", ...cells].join("\n");
}

// --- internal ---

type Reading = (source: MetricsSource) => number;

function row(
  name: string,
  help: string,
  type: "counter" | "gauge",
  samples: (source: MetricsSource) => readonly Sample[],
): Row {
  const familyOf = (source: MetricsSource) => ({ name, help, type, samples: samples(source) });
  return { name, help, type, familyOf };
}

function histogram(
  name: string,
  help: string,
  histograms: (source: MetricsSource) => readonly Histogram[],
): Row {
  const type = "histogram";
  const familyOf = (source: MetricsSource) => {
    return { name, help, type, bounds, histograms: histograms(source) } as const;
  };
  return { name, help, type, familyOf };
}

function gauge(name: string, help: string, value: Reading): Row {
  return row(name, help, "gauge", (source) => [{ value: value(source) }]);
}

function counter(name: string, help: string, value: Reading): Row {
  return row(name, help, "counter", (source) => [{ value: value(source) }]);
}

function perCommand({ info }: MetricsSource, field: "calls" | "rejected" | "failed"): Sample[] {
  return info.threads.commands.map((count) => ({
    value: count[field],
    labels: labelOf("command", count.name),
  }));
}

function perDatabase({ info }: MetricsSource, field: "items" | "expiringItems"): Sample[] {
  return info.store.databases.map((database) => ({
    value: database[field],
    labels: labelOf("db", String(database.number)),
  }));
}

/** By the memory, as a multiple of the limit. */
function perCurvePoint({ info }: MetricsSource, field: "hitRatio" | "error"): Sample[] {
  const points = info.missCurve?.points ?? [];
  return points.map((point) => ({
    value: point[field],
    labels: labelOf("memory", String(point.memory)),
  }));
}

/** Segments that are in use hold live items, dead ones, and room at their ends. */
function memoryParts({ info }: MetricsSource): Sample[] {
  const { memory } = info.store;
  const segments = memory.segments_used * memory.segment_bytes;
  const { dead_bytes: dead, unused_bytes: unused } = memory;
  const limit = memory.store_limit_bytes;
  const parts = {
    live: Math.max(0, segments - dead - unused),
    dead,
    unused,
    index: memory.index_bytes,
    ghost: memory.ghost_bytes,
    free: Math.max(0, limit - info.store.memoryUsedBytes),
  };
  return Object.entries(parts).map(([state, value]) => ({
    value,
    labels: labelOf("state", state),
  }));
}

function latencies({ info }: MetricsSource): Histogram[] {
  const usecOf = new Map(info.threads.commands.map(({ name, usec }) => [name, usec]));
  return info.histograms.flatMap(({ name, counts }) => {
    const total = totalOf(counts);
    if (total === 0) return [];
    const sum = (usecOf.get(name) ?? 0) / 1e6;
    return [
      { labels: labelOf("command", name), counts: countsUpTo(counts, boundBuckets), total, sum },
    ];
  });
}
