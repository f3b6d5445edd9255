// The text of INFO. Field names and their order are Redis's, because tools and Sentinel parse them;
// our own fields are at the end of a section and begin with a word of the glossary.

import { totalmem } from "node:os";
import { residentBytes } from "../../base/resident-memory.ts";
import { mscacheVersion, redisVersion } from "../../base/version.ts";
import { type CommandHistogram, percentileUsec } from "../../command/timing/latency-histogram.ts";
import type { Config } from "../../config/config.ts";
import { clientMemoryBytes, memoryNeeded } from "../../config/memory-plan.ts";
import type { ReplicationMemory } from "../../replication/replication-info.ts";
import type { Traffic } from "../../replication/traffic.ts";
import type { DatabaseReport, StoreStatistics } from "../../store/store.ts";
import type { ThreadStatistics } from "../threads/thread-statistics.ts";
import {
  absentFromMemory,
  absentFromPersistence,
  absentFromServer,
  absentFromStats,
} from "./absent-features.ts";
import type { MissCurveReport } from "./curve-report.ts";
import { inRedisOrder } from "./info-order.ts";

export interface InfoSource {
  readonly config: Config;
  readonly runId: string;
  readonly port: number;
  readonly uptimeMs: number;
  /** How much longer a shutdown waits for followers; negative if none is under way. */
  readonly shutdownInMs: number;
  readonly nowMs: number;
  readonly persistence: readonly Field[];
  readonly threads: ThreadStatistics;
  /** Of the commands, if the section is wanted. */
  readonly histograms: readonly CommandHistogram[];
  /** Connections that wait in WAIT, in SHUTDOWN or for the end of a pause. */
  readonly blockedClients: number;
  /** Connections of followers, which do not count as clients. */
  readonly followerLinks: number;
  /** Of these, with a timeout. */
  readonly timedWaits: number;
  /** Measured over the last second. */
  readonly rates: Rates;
  /** Distinct channels with at least one subscriber. */
  readonly channels: number;
  readonly patterns: number;
  readonly shardChannels: number;
  readonly tracking: TrackingCounts;
  readonly scripts: ScriptCounts;
  readonly libraries: LibraryCounts;
  readonly peakMemoryBytes: number;
  readonly store: StoreStatistics;
  readonly sweeps: SweepCounts;
  /** Of a sample of the items of a database that have a TTL. */
  readonly averageTtlMs: (database: DatabaseReport) => number;
  readonly replication: readonly (readonly [string, string | number])[];
  /** What all clients together hold of unread replies and unfinished requests. */
  readonly clientMemoryBytes: number;
  readonly replicationMemory: ReplicationMemory;
  /** Followers over the bound of their class. */
  readonly followersDisconnected: number;
  readonly traffic: Traffic;
  readonly replicationCounters: readonly (readonly [string, string | number])[];
  /** Null: the node has none. */
  readonly missCurve: MissCurveReport | null;
}

/** What clients track that may keep keys. */
export interface TrackingCounts {
  readonly count: number;
  readonly keys: { readonly size: number; readonly items: number };
  readonly broadcast: { readonly size: number };
}

export interface SweepCounts {
  readonly stalePercent: number;
  readonly cuts: number;
  readonly spentMs: number;
}

export interface Rates {
  readonly operations: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Of these, with leaders and followers. */
  readonly replicationReceived: number;
  readonly replicationSent: number;
}

/** The scripts that the node knows, and the VM that runs them. */
export interface ScriptCounts {
  readonly count: number;
  /** Of the values in the VM. */
  readonly usedBytes: number;
  /** Of the scripts themselves. */
  readonly cachedBytes: number;
}

/** The libraries of functions, and the VM that runs these. */
export interface LibraryCounts {
  readonly libraryCount: number;
  readonly functionCount: number;
  readonly usedBytes: number;
  readonly cachedBytes: number;
}

type Field = readonly [name: string, value: string | number];
type Section = (source: InfoSource) => readonly Field[];

const sections: Readonly<Record<string, { title: string; fields: Section; extra?: true }>> = {
  server: { title: "Server", fields: serverFields },
  clients: { title: "Clients", fields: clientFields },
  memory: { title: "Memory", fields: memoryFields },
  persistence: { title: "Persistence", fields: persistenceFields },
  stats: { title: "Stats", fields: statsFields },
  replication: { title: "Replication", fields: (source) => source.replication },
  cpu: { title: "CPU", fields: cpuFields },
  modules: { title: "Modules", fields: () => [] },
  commandstats: { title: "Commandstats", fields: commandFields, extra: true },
  errorstats: { title: "Errorstats", fields: errorFields },
  latencystats: { title: "Latencystats", fields: latencyFields, extra: true },
  turns: { title: "Turns", fields: turnFields, extra: true },
  misscurve: { title: "Misscurve", fields: missCurveFields, extra: true },
  cluster: { title: "Cluster", fields: () => [["cluster_enabled", 0]] },
  keyspace: { title: "Keyspace", fields: keyspaceFields },
};

/**
 * The requested sections, in INFO's order; without any, the default ones. Unknown names are
 * ignored, as in Redis.
 */
export function infoText(source: InfoSource, asked: readonly string[]): string {
  const names = new Set(asked.length === 0 ? ["default"] : asked);
  const all = names.has("all") || names.has("everything");
  const texts: string[] = [];
  for (const [name, { title, fields, extra }] of Object.entries(sections)) {
    const byDefault = names.has("default") && extra === undefined;
    if (!all && !byDefault && !names.has(name)) continue;
    const lines = inRedisOrder(name, fields(source)).map(
      ([field, value]) => `${field}:${value}\r\n`,
    );
    texts.push(`# ${title}\r\n${lines.join("")}`);
  }
  return texts.join("\r\n");
}

// ---- sections ---------------------------------------------------------------------------------

function serverFields(source: InfoSource): Field[] {
  const seconds = Math.floor(source.uptimeMs / 1000);
  return [
    ["redis_version", redisVersion],
    ["redis_mode", "standalone"],
    ["os", `${process.platform} ${process.arch}`],
    ["arch_bits", 64],
    ["process_id", process.pid],
    ["run_id", source.runId],
    ["tcp_port", source.port],
    ["server_time_usec", source.nowMs * 1000],
    ["uptime_in_seconds", seconds],
    ["uptime_in_days", Math.floor(seconds / 86_400)],
    ["executable", process.execPath],
    ["config_file", source.config.configFile],
    ["multiplexing_api", process.platform === "linux" ? "epoll" : "kqueue"],
    ["monotonic_clock", "performance.now"],
    ["hz", 10],
    ["configured_hz", 10],
    ["lru_clock", Math.floor(source.nowMs / 1000) % 2 ** 24],
    ...absentFromServer,
    ["io_threads_active", source.config.threads > 1 ? 1 : 0],
    ...shutdownField(source),
    ["mscache_version", mscacheVersion],
    ["bun_version", Bun.version],
    ["data_threads", source.config.threads],
  ];
}

function shutdownField({ shutdownInMs }: InfoSource): Field[] {
  return shutdownInMs < 0 ? [] : [["shutdown_in_milliseconds", shutdownInMs]];
}

function clientFields({ threads, config, blockedClients, ...source }: InfoSource): Field[] {
  return [
    ["connected_clients", Math.max(0, threads.connections - source.followerLinks)],
    ["cluster_connections", 0],
    ["maxclients", config.maxClients],
    ["client_recent_max_input_buffer", threads.recentInputBytes],
    ["client_recent_max_output_buffer", threads.recentOutputBytes],
    ["blocked_clients", blockedClients],
    ["tracking_clients", source.tracking.count],
    ["clients_in_timeout_table", source.timedWaits],
  ];
}

function memoryFields({ config, store, peakMemoryBytes, ...source }: InfoSource): Field[] {
  const { queuedBytes, journalBytes } = source.replicationMemory;
  const resident = residentBytes();
  const used = store.memoryUsedBytes;
  const overhead = store.memory.index_bytes + store.memory.ghost_bytes;
  const systemBytes = totalmem();
  return [
    ["used_memory", used],
    ["used_memory_human", humanBytes(used)],
    ["used_memory_rss", resident],
    ["used_memory_rss_human", humanBytes(resident)],
    ["used_memory_peak", peakMemoryBytes],
    ["used_memory_peak_human", humanBytes(peakMemoryBytes)],
    ["used_memory_peak_perc", percent(used, peakMemoryBytes)],
    ["used_memory_overhead", overhead],
    ["used_memory_dataset", used - overhead],
    ["used_memory_dataset_perc", percent(used - overhead, used)],
    ["total_system_memory", systemBytes],
    ["total_system_memory_human", humanBytes(systemBytes)],
    ...scriptFields(source.scripts, source.libraries),
    ["maxmemory", config.maxMemory],
    ["maxmemory_human", humanBytes(config.maxMemory)],
    ["maxmemory_policy", config.eviction === "none" ? "noeviction" : "allkeys-lfu"],
    ["mem_fragmentation_ratio", (resident / Math.max(1, used)).toFixed(2)],
    ["mem_fragmentation_bytes", resident - used],
    ["mem_allocator", "segments"],
    ["mem_clients_normal", source.clientMemoryBytes],
    ["maxmemory_clients", clientMemoryBytes(config)],
    ...allocatorFields(store, resident),
    ...absentFromMemory,
    ["mem_clients_slaves", queuedBytes],
    ["mem_replication_backlog", journalBytes],
    ["mem_total_replication_buffers", queuedBytes + journalBytes],
    ["eviction_policy", config.eviction],
    ["memory_planned_bytes", memoryNeeded(config)],
    ...Object.entries(store.memory),
  ];
}

function scriptFields(scripts: ScriptCounts, libraries: LibraryCounts): Field[] {
  const vmBytes = scripts.usedBytes + libraries.usedBytes;
  const cachedBytes = scripts.cachedBytes + libraries.cachedBytes;
  return [
    ["used_memory_lua", scripts.usedBytes],
    ["used_memory_vm_eval", scripts.usedBytes],
    ["used_memory_lua_human", humanBytes(scripts.usedBytes)],
    ["used_memory_scripts_eval", scripts.cachedBytes],
    ["number_of_cached_scripts", scripts.count],
    ["number_of_functions", libraries.functionCount],
    ["number_of_libraries", libraries.libraryCount],
    ["used_memory_vm_functions", libraries.usedBytes],
    ["used_memory_vm_total", vmBytes],
    ["used_memory_vm_total_human", humanBytes(vmBytes)],
    ["used_memory_functions", libraries.cachedBytes],
    ["used_memory_scripts", cachedBytes],
    ["used_memory_scripts_human", humanBytes(cachedBytes)],
  ];
}

/** The store takes the place of an allocator: segments and buckets are what it has taken. */
function allocatorFields({ memoryUsedBytes: used, memory }: StoreStatistics, resident: number) {
  const index = memory.index_bytes + memory.ghost_bytes;
  const active = index + memory.segments_used * memory.segment_bytes;
  const fields: Field[] = [
    ["allocator_allocated", used],
    ["allocator_active", active],
    ["allocator_resident", resident],
    ["allocator_frag_ratio", (active / Math.max(1, used)).toFixed(2)],
    ["allocator_frag_bytes", active - used],
    ["allocator_rss_ratio", (resident / Math.max(1, active)).toFixed(2)],
    ["allocator_rss_bytes", resident - active],
  ];
  return fields;
}

function persistenceFields({ persistence }: InfoSource): Field[] {
  const told = new Set(persistence.map(([name]) => name));
  return [...persistence, ...absentFromPersistence.filter(([name]) => !told.has(name))];
}

function statsFields({ threads, store, rates, ...source }: InfoSource): Field[] {
  return [
    ["total_connections_received", threads.connectionsReceived],
    ["total_commands_processed", threads.commandsProcessed],
    ["instantaneous_ops_per_sec", rates.operations],
    ["total_net_input_bytes", threads.bytesReceived + source.traffic.receivedBytes],
    ["total_net_output_bytes", threads.bytesSent],
    ["total_net_repl_input_bytes", source.traffic.receivedBytes],
    ["total_net_repl_output_bytes", source.traffic.sentBytes],
    ["instantaneous_input_kbps", inKilobytes(rates.bytesReceived)],
    ["instantaneous_output_kbps", inKilobytes(rates.bytesSent)],
    ["instantaneous_input_repl_kbps", inKilobytes(rates.replicationReceived)],
    ["instantaneous_output_repl_kbps", inKilobytes(rates.replicationSent)],
    ["rejected_connections", threads.connectionsRejected],
    ...source.replicationCounters,
    ["expired_keys", store.expirations],
    ["expired_stale_perc", source.sweeps.stalePercent.toFixed(2)],
    ["expired_time_cap_reached_count", source.sweeps.cuts],
    ["expire_cycle_cpu_milliseconds", Math.round(source.sweeps.spentMs)],
    ["evicted_keys", store.evictions],
    ["evicted_clients", threads.disconnected.memory],
    ["keyspace_hits", store.hits],
    ["keyspace_misses", store.misses],
    ["pubsub_channels", source.channels],
    ["pubsub_patterns", source.patterns],
    ["pubsubshard_channels", source.shardChannels],
    ["latest_fork_usec", 0],
    ["total_forks", 0],
    ["tracking_total_keys", source.tracking.keys.size],
    ["tracking_total_items", source.tracking.keys.items],
    ["tracking_total_prefixes", source.tracking.broadcast.size],
    ["total_error_replies", sumOf(threads.errors)],
    ["total_reads_processed", threads.turns.count],
    ["total_writes_processed", threads.writes],
    ["client_query_buffer_limit_disconnections", threads.disconnected.request],
    [
      "client_output_buffer_limit_disconnections",
      threads.disconnected.output + source.followersDisconnected,
    ],
    ["acl_access_denied_auth", threads.errors.get("WRONGPASS") ?? 0],
    ...absentFromStats,
    ["ghost_hits", store.ghostHits],
  ];
}

function inKilobytes(bytes: number): string {
  return (bytes / 1024).toFixed(2);
}

function cpuFields(): Field[] {
  const all = process.cpuUsage();
  const own = process.threadCpuUsage();
  return [
    ["used_cpu_sys", seconds(all.system)],
    ["used_cpu_user", seconds(all.user)],
    ["used_cpu_sys_children", seconds(0)],
    ["used_cpu_user_children", seconds(0)],
    // INFO runs in the control thread.
    ["used_cpu_sys_main_thread", seconds(own.system)],
    ["used_cpu_user_main_thread", seconds(own.user)],
  ];
}

function seconds(microseconds: number): string {
  return (microseconds / 1e6).toFixed(6);
}

/** In exactly this form: exporters match the line with a pattern and drop what does not match. */
function commandFields({ threads: { commands } }: InfoSource): Field[] {
  return commands.map(({ name, calls, usec, rejected, failed }) => {
    const each = calls === 0 ? 0 : usec / calls;
    const time = `usec=${Math.round(usec)},usec_per_call=${each.toFixed(2)}`;
    const counts = `rejected_calls=${rejected},failed_calls=${failed}`;
    return [`cmdstat_${name}`, `calls=${calls},${time},${counts}`];
  });
}

/** From the times of batches: timing/command-times.ts. A percentile is rounded up to its bucket. */
function latencyFields({ histograms, config: { latencyPercentiles } }: InfoSource): Field[] {
  return histograms.map(({ name, counts }) => {
    const values = latencyPercentiles.map((percent) => {
      return `p${percent}=${percentileUsec(counts, percent).toFixed(3)}`;
    });
    return [`latency_percentiles_usec_${name}`, values.join(",")];
  });
}

/** Whether these sections show histograms, which all threads must be asked for. */
export function wantsHistograms(asked: readonly string[]): boolean {
  return asked.some((name) => ["all", "everything", "latencystats"].includes(name));
}

function errorFields({ threads: { errors } }: InfoSource): Field[] {
  return [...errors].sort().map(([code, count]) => [`errorstat_${code}`, `count=${count}`]);
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

function turnFields({ threads: { turns } }: InfoSource): Field[] {
  return [
    ["turn_count", turns.count],
    ["turn_ms_p50", turns.percentileMs(0.5).toFixed(3)],
    ["turn_ms_p99", turns.percentileMs(0.99).toFixed(3)],
    ["turn_ms_p999", turns.percentileMs(0.999).toFixed(3)],
    ["turn_ms_p9999", turns.percentileMs(0.9999).toFixed(3)],
    ["turn_ms_max", turns.maxMs.toFixed(3)],
    ["turns_over_10ms", turns.over10Ms],
    ["turns_over_50ms", turns.over50Ms],
  ];
}

/** Ratios of 0 to 1 for each memory: of hits, and how far that may be off. */
function missCurveFields({ missCurve }: InfoSource): Field[] {
  if (missCurve === null) return [["miss_curve_enabled", 0]];
  const { windowSeconds, lookups, hitRatio, rate, keys, samples, dropped, points } = missCurve;
  return [
    ["miss_curve_enabled", 1],
    ["miss_curve_window_seconds", Math.round(windowSeconds)],
    ["miss_curve_lookups", lookups],
    ["miss_curve_measured_hit_ratio", (hitRatio ?? 0).toFixed(4)],
    ["miss_curve_sample_rate", rate],
    ["miss_curve_sample_keys", keys],
    ["miss_curve_sample_lookups", samples],
    ["miss_curve_dropped_samples", dropped],
    ...(points ?? []).map(({ memory, ...point }): Field => {
      const ratios = `hit_ratio=${point.hitRatio.toFixed(4)},error=${point.error.toFixed(4)}`;
      return [`miss_curve_memory_x${memory}`, `${ratios},filled=${Number(point.isFilled)}`];
    }),
  ];
}

function keyspaceFields({ store, averageTtlMs }: InfoSource): Field[] {
  return store.databases.map((database) => {
    const { number, items, expiringItems } = database;
    const averageMs = expiringItems === 0 ? 0 : averageTtlMs(database);
    return [`db${number}`, `keys=${items},expires=${expiringItems},avg_ttl=${averageMs}`];
  });
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / Math.max(1, whole)).toFixed(2)}%`;
}

const byteUnits = ["B", "K", "M", "G", "T"];

/** As Redis prints sizes: 1.50M. */
function humanBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes}B` : `${value.toFixed(2)}${byteUnits[unit]}`;
}
