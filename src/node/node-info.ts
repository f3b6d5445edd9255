// The text of INFO. Field names and their order are Redis's, as tools and Sentinel parse them; fields of
// our own stand at the end of a section and begin with a word of the glossary.

import { MSCACHE_VERSION, REDIS_VERSION } from "../base/version.ts";
import type { Config } from "../config/config.ts";
import type { StoreStatistics } from "../store/store.ts";
import type { ThreadStatistics } from "./threads/threads.ts";

export interface InfoSource {
  readonly config: Config;
  readonly runId: string;
  readonly port: number;
  readonly uptimeMs: number;
  readonly nowMs: number;
  readonly persistence: readonly Field[];
  readonly threads: ThreadStatistics;
  /** Connections that wait in WAIT. */
  readonly blockedClients: number;
  readonly operationsPerSecond: number;
  /** Different ones that somebody has subscribed to. */
  readonly channels: number;
  readonly patterns: number;
  readonly peakMemoryBytes: number;
  readonly store: StoreStatistics;
  readonly replication: readonly (readonly [string, string | number])[];
  readonly replicationMemory: readonly (readonly [string, string | number])[];
  readonly replicationCounters: readonly (readonly [string, string | number])[];
}

type Field = readonly [name: string, value: string | number];
type Section = (source: InfoSource) => readonly Field[];

const sections: Readonly<Record<string, { title: string; fields: Section; extra?: true }>> = {
  server: { title: "Server", fields: serverFields },
  clients: { title: "Clients", fields: clientFields },
  memory: { title: "Memory", fields: memoryFields },
  persistence: { title: "Persistence", fields: (source) => source.persistence },
  stats: { title: "Stats", fields: statsFields },
  replication: { title: "Replication", fields: (source) => source.replication },
  cpu: { title: "CPU", fields: cpuFields },
  modules: { title: "Modules", fields: () => [] },
  commandstats: { title: "Commandstats", fields: commandFields, extra: true },
  turns: { title: "Turns", fields: turnFields, extra: true },
  cluster: { title: "Cluster", fields: () => [["cluster_enabled", 0]] },
  keyspace: { title: "Keyspace", fields: keyspaceFields },
};

/** The sections asked for, in INFO's order; none: the default ones. Unknown names are ignored, as in Redis. */
export function infoText(source: InfoSource, asked: readonly string[]): string {
  const names = asked.length === 0 ? ["default"] : asked;
  const all = names.includes("all") || names.includes("everything");
  const texts: string[] = [];
  for (const [name, { title, fields, extra }] of Object.entries(sections)) {
    const byDefault = names.includes("default") && extra === undefined;
    if (!all && !byDefault && !names.includes(name)) continue;
    const lines = fields(source).map(([field, value]) => `${field}:${value}\r\n`);
    texts.push(`# ${title}\r\n${lines.join("")}`);
  }
  return texts.join("\r\n");
}

// ---- sections ---------------------------------------------------------------------------------

function serverFields(source: InfoSource): Field[] {
  const seconds = Math.floor(source.uptimeMs / 1000);
  return [
    ["redis_version", REDIS_VERSION],
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
    ["io_threads_active", source.config.threads > 1 ? 1 : 0],
    ["mscache_version", MSCACHE_VERSION],
    ["bun_version", Bun.version],
    ["data_threads", source.config.threads],
  ];
}

function clientFields({ threads, config, blockedClients }: InfoSource): Field[] {
  return [
    ["connected_clients", threads.connections],
    ["cluster_connections", 0],
    ["maxclients", config.maxClients],
    ["blocked_clients", blockedClients],
    ["tracking_clients", 0],
  ];
}

function memoryFields({ config, store, peakMemoryBytes, ...source }: InfoSource): Field[] {
  const resident = process.memoryUsage.rss();
  const used = store.memoryUsedBytes;
  return [
    ["used_memory", used],
    ["used_memory_human", humanBytes(used)],
    ["used_memory_rss", resident],
    ["used_memory_rss_human", humanBytes(resident)],
    ["used_memory_peak", peakMemoryBytes],
    ["used_memory_peak_human", humanBytes(peakMemoryBytes)],
    ["maxmemory", config.maxMemory],
    ["maxmemory_human", humanBytes(config.maxMemory)],
    ["maxmemory_policy", config.eviction === "none" ? "noeviction" : "allkeys-lfu"],
    ["mem_fragmentation_ratio", (resident / Math.max(1, used)).toFixed(2)],
    ["mem_allocator", "segments"],
    ...source.replicationMemory,
    ["eviction_policy", config.eviction],
    ...Object.entries(store.memory),
  ];
}

function statsFields({ threads, store, operationsPerSecond, ...source }: InfoSource): Field[] {
  return [
    ["total_connections_received", threads.connectionsReceived],
    ["total_commands_processed", threads.commandsProcessed],
    ["instantaneous_ops_per_sec", operationsPerSecond],
    ["total_net_input_bytes", threads.bytesReceived],
    ["total_net_output_bytes", threads.bytesSent],
    ["rejected_connections", threads.connectionsRejected],
    ...source.replicationCounters,
    ["expired_keys", store.expirations],
    ["evicted_keys", store.evictions],
    ["keyspace_hits", store.hits],
    ["keyspace_misses", store.misses],
    ["pubsub_channels", source.channels],
    ["pubsub_patterns", source.patterns],
    ["ghost_hits", store.ghostHits],
  ];
}

function cpuFields(): Field[] {
  const { user, system } = process.cpuUsage();
  return [
    ["used_cpu_sys", (system / 1e6).toFixed(6)],
    ["used_cpu_user", (user / 1e6).toFixed(6)],
  ];
}

function commandFields({ threads: { commands } }: InfoSource): Field[] {
  return commands.map(({ name, calls, rejected }) => [
    `cmdstat_${name}`,
    `calls=${calls},rejected_calls=${rejected}`,
  ]);
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

function keyspaceFields({ store }: InfoSource): Field[] {
  if (store.items === 0) return [];
  return [["db0", `keys=${store.items},expires=${store.expiringItems},avg_ttl=0`]];
}

const byteUnits = ["B", "K", "M", "G", "T"];

/** As Redis shows sizes: 1.50M. */
function humanBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes}B` : `${value.toFixed(2)}${byteUnits[unit]}`;
}
