// Fields of INFO about what Redis has and this node has not: an append-only file, children of a
// fork, a defragmenter, a C compiler, threads for writes, a reply buffer for each client. Exporters
// read them, and their values are true, as there is nothing to count. A field that gets something
// to count moves to node-info.ts.

type Lines = readonly (readonly [name: string, value: string | number])[];

const zero = (names: string): Lines => names.split(" ").map((name) => [name, 0] as const);

export const absentFromServer: Lines = [
  ["redis_git_sha1", "00000000"],
  ["redis_git_dirty", 0],
  ["redis_build_id", "0"],
  ["atomicvar_api", "none"],
  ["gcc_version", "0.0.0"],
  ["process_supervised", "no"],
];

export const absentFromMemory: Lines = [
  ...zero("used_memory_startup rss_overhead_bytes mem_cluster_links"),
  ...zero("mem_not_counted_for_evict mem_aof_buffer active_defrag_running"),
  ...zero("lazyfree_pending_objects lazyfreed_objects"),
  ["rss_overhead_ratio", "1.00"],
];

export const absentFromPersistence: Lines = [
  ...zero("current_cow_peak current_cow_size current_cow_size_age current_save_keys_processed"),
  ...zero("current_save_keys_total rdb_last_cow_size aof_rewrite_in_progress"),
  ...zero("aof_rewrite_scheduled aof_rewrites aof_rewrites_consecutive_failures"),
  ...zero("aof_last_cow_size module_fork_in_progress module_fork_last_cow_size"),
  ["current_fork_perc", "0.00"],
  ["aof_last_rewrite_time_sec", -1],
  ["aof_current_rewrite_time_sec", -1],
  ["aof_last_bgrewrite_status", "ok"],
  ["aof_last_write_status", "ok"],
];

export const absentFromStats: Lines = [
  ...zero("total_eviction_exceeded_time current_eviction_exceeded_time migrate_cached_sockets"),
  ...zero("slave_expires_tracked_keys active_defrag_hits active_defrag_misses"),
  ...zero("active_defrag_key_hits active_defrag_key_misses total_active_defrag_time"),
  ...zero("current_active_defrag_time unexpected_error_replies dump_payload_sanitizations"),
  ...zero("io_threaded_reads_processed io_threaded_writes_processed"),
  ...zero("reply_buffer_shrinks reply_buffer_expands"),
];
