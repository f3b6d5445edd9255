// INFO's fields about snapshot files, with Redis's names and in Redis's order; our own begin with
// `mscache_`. It only reads.

import type { SnapshotLoader } from "./loader.ts";
import type { SnapshotSaver } from "./saver.ts";

export type InfoField = readonly [name: string, value: string | number];

export function savingFields(saver: SnapshotSaver): InfoField[] {
  return [
    ["rdb_changes_since_last_save", saver.changes],
    ["rdb_bgsave_in_progress", saver.isSaving ? 1 : 0],
    ["rdb_last_save_time", seconds(saver.lastSavedAtMs)],
    ["rdb_last_bgsave_status", saver.lastOk ? "ok" : "err"],
    ["rdb_last_bgsave_time_sec", seconds(saver.lastDurationMs)],
    ["rdb_current_bgsave_time_sec", seconds(saver.currentDurationMs)],
    ["rdb_saves", saver.saves],
  ];
}

/** The result of the load at start; null: there was none, or it is not complete. */
export function loadedFields(loader: SnapshotLoader | null): InfoField[] {
  const skipped = [...(loader?.skipped.values() ?? [])].reduce((sum, count) => sum + count, 0);
  return [
    ["rdb_last_load_keys_expired", loader?.expiredItems ?? 0],
    ["rdb_last_load_keys_loaded", loader?.loadedItems ?? 0],
    ["mscache_last_load_skipped_values", skipped],
    ["mscache_last_load_refused_items", loader?.refusedItems ?? 0],
  ];
}

/** How far a load is, of the file at start or of a leader's snapshot. */
export interface LoadProgress {
  /** By the wall clock. */
  readonly startedAtMs: number;
  readonly elapsedMs: number;
  /** 0 if unknown. */
  readonly totalBytes: number;
  readonly loadedBytes: number;
}

/** The progress of a load, from which clients can tell when to try again. */
export function loadingFields(progress: LoadProgress): InfoField[] {
  const { startedAtMs, totalBytes, loadedBytes } = progress;
  const percent = totalBytes === 0 ? 0 : (100 * loadedBytes) / totalBytes;
  const elapsed = progress.elapsedMs / 1000;
  const leftBytes = Math.max(1, totalBytes - loadedBytes);
  const left = (elapsed * leftBytes) / Math.max(1, loadedBytes);
  return [
    ["loading_start_time", seconds(startedAtMs)],
    ["loading_total_bytes", totalBytes],
    ["loading_loaded_bytes", loadedBytes],
    ["loading_loaded_perc", percent.toFixed(2)],
    // As Redis, one second before anything is known.
    ["loading_eta_seconds", elapsed < 1 ? 1 : Math.ceil(left)],
  ];
}

/** Whole seconds; -1, for "none", stays -1. */
function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
