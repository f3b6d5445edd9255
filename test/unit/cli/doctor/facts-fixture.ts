// Facts for the tests of the checks: a node of ours or a Redis in which all is well, of which a
// test changes what it is about.

import { checks } from "../../../../src/cli/doctor/diagnosis.ts";
import { type Facts, factsOf, type MachineFacts } from "../../../../src/cli/doctor/facts.ts";
import type { Finding } from "../../../../src/cli/doctor/finding.ts";
import { InfoFields } from "../../../../src/cli/info-fields.ts";

/** The field of INFO. */
export const followerCount = "connected_slaves";
export const MiB = 1024 * 1024;

type Fields = Readonly<Record<string, string | number>>;

/** INFO of a node of ours that leads and has no follower; later fields win. */
const soundInfo: Fields = {
  ...{ redis_version: "7.2.4", mscache_version: "0.1.0", data_threads: 1, role: "master" },
  ...{ maxmemory: 512 * MiB, used_memory: 100 * MiB, maxmemory_policy: "allkeys-lfu" },
  ...{ memory_planned_bytes: 900 * MiB, used_memory_dataset: 90 * MiB, maxclients: 1_000 },
  ...{ connected_clients: 10, rejected_connections: 0, evicted_keys: 0, evicted_clients: 0 },
  ...{ client_output_buffer_limit_disconnections: 0, client_query_buffer_limit_disconnections: 0 },
  ...{ total_error_replies: 0, total_commands_processed: 1_000, acl_access_denied_auth: 0 },
  ...{ keyspace_hits: 90, keyspace_misses: 10, server_time_usec: 1e15, [followerCount]: 0 },
  ...{ turn_ms_max: 5, turn_count: 100, turns_over_50ms: 0, turn_ms_p99: 1 },
  ...{ rdb_last_bgsave_status: "ok", rdb_changes_since_last_save: 0, rdb_last_save_time: 1e9 },
  ...{ loading: 0, mscache_last_load_skipped_values: 0, mscache_last_load_refused_items: 0 },
  ...{ sync_full: 1, sync_partial_ok: 2, sync_partial_err: 0, repl_backlog_size: 64 * MiB },
  ...{ master_repl_offset: 1_000, used_cpu_sys: 1, used_cpu_user: 1, run_id: "a" },
};

const soundConfig: Readonly<Record<string, string>> = {
  ...{ bind: "127.0.0.1", port: "5000", "protected-mode": "yes", maxclients: "1000" },
  ...{ "tcp-keepalive": "300", "slowlog-log-slower-than": "10000", "latency-tracking": "yes" },
  ...{ "snapshot-file": "", "snapshot-interval": "0", "enable-debug-command": "no" },
  ...{ "replica-read-only": "yes", appendonly: "no", save: "", "tls-port": "0", "tls-only": "no" },
};

const soundMachine: MachineFacts = {
  ...{ pid: 1, openFiles: 20, openFilesMax: 20_000, overcommit: 1, somaxconn: 4_096 },
  ...{ commitLimitBytes: 4_096 * MiB, committedBytes: 1_024 * MiB, swappiness: 1 },
  ...{ swapBytes: 0, swappedBytes: 0, residentBytes: 200 * MiB, hugePages: "madvise" as const },
  ...{ memoryBoundBytes: 4_096 * MiB, availableBytes: 3_000 * MiB, clockSource: "tsc" },
  ...{ cores: 4, coreQuota: null, throttled: null, snapshot: null },
};

export interface Change extends Partial<Omit<Facts, "info" | "earlier" | "config" | "machine">> {
  readonly info?: Fields;
  readonly earlier?: Fields;
  readonly config?: Readonly<Record<string, string>> | null;
  readonly machine?: Partial<MachineFacts> | null;
}

export function ourFacts({ info, earlier, config, machine, ...others }: Change = {}): Facts {
  const text = (fields: Fields) =>
    Object.entries(fields).map(([name, value]) => `${name}:${value}`);
  const now = { ...soundInfo, ...info };
  return factsOf({
    ...{ address: "127.0.0.1:5000", isPasswordless: true, slow: [], clients: [] },
    info: new InfoFields(text(now).join("\n")),
    earlier: new InfoFields(text({ ...now, ...earlier }).join("\n")),
    config: config === null ? null : new Map(Object.entries({ ...soundConfig, ...config })),
    machine: machine === null ? null : { ...soundMachine, ...machine },
    clock: { ms: 2, errorMs: 1 },
    ...others,
  });
}

/** The same of a Redis 7.0. */
export function redisFacts({ info, ...others }: Change = {}): Facts {
  const { mscache_version: _, data_threads: __, ...fields } = soundInfo;
  const facts = ourFacts({ ...others, info: { ...info, redis_version: "7.0.15" } });
  const lines = Object.entries({ ...fields, redis_version: "7.0.15", ...info });
  const text = lines.map(([name, value]) => `${name}:${value}`).join("\n");
  return { ...facts, info: new InfoFields(text) };
}

/** What the check with this id finds. */
export function found(id: string, facts: Facts): Finding | null {
  const check = checks.find((one) => one.id === id);
  if (check === undefined) throw new Error(`there is no check ${id}`);
  return check.judge(facts);
}
