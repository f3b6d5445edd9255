// Checks of persistence: whether the last save worked, whether the next one can, and what the last
// start could not read. Pure.

import { configNumber, type Facts, isOurs } from "./facts.ts";
import { type Check, type Finding, finding, megabytes, ok, plural } from "./finding.ts";

export const persistenceChecks: readonly Check[] = [
  check("last-save", "last save", lastSave),
  check("append-only-file", "append-only file", appendOnlyFile),
  check("save-interval", "age of the snapshot", saveInterval),
  check("loaded", "what the start has loaded", loaded),
  check("snapshot-place", "place of the snapshot", snapshotPlace),
];

export function lastSave(facts: Facts): Finding | null {
  const status = facts.info.text("rdb_last_bgsave_status");
  if (status === null) return null;
  if (status === "ok") {
    return ok(hasSnapshot(facts) ? "it worked" : "no snapshot is configured");
  }
  const changes = facts.info.number("rdb_changes_since_last_save") ?? 0;
  return finding(
    "failure",
    `the last save failed, and ${plural(changes, "change")} are in memory alone`,
    "a restart now loses them, and a shutdown is refused or aborted",
    "the log says why (disk full, permission); fix that, then BGSAVE",
  );
}

export function appendOnlyFile({ info, config }: Facts): Finding | null {
  if (config?.get("appendonly") !== "yes") return null;
  if (info.text("aof_last_write_status") !== "err") return ok("written");
  const why = "writes are refused until the file can be written again";
  return finding("failure", "the last write of the append-only file failed", why, "free the disk");
}

export function saveInterval(facts: Facts): Finding | null {
  if (!isOurs(facts) || !hasSnapshot(facts)) return null;
  const interval = configNumber(facts, "snapshot-interval");
  const last = facts.info.number("rdb_last_save_time");
  const changes = facts.info.number("rdb_changes_since_last_save");
  const nowUs = facts.info.number("server_time_usec");
  if (interval === null || last === null || changes === null || nowUs === null) return null;
  const age = Math.max(0, Math.round(nowUs / 1e6 - last));
  const saw = `${plural(changes, "change")} since the last save, ${age} s ago`;
  if (interval === 0) {
    return changes === 0
      ? ok(saw)
      : finding(
          "advice",
          `${saw}; it saves at a shutdown only`,
          "a node that is killed comes back with the data of its last shutdown",
          "CONFIG SET snapshot-interval 300, and --snapshot-interval 300 at the next start",
        );
  }
  if (changes === 0 || age <= interval * 3) return ok(saw);
  const why = `it should save each ${interval} s; saves take too long or fail`;
  return finding(
    "warning",
    saw,
    why,
    "the log says why; a longer --snapshot-interval, or a faster disk",
  );
}

export function loaded({ info }: Facts): Finding | null {
  if (info.number("loading") === 1) {
    const share = info.text("loading_loaded_perc");
    const why = "until then most commands are answered with LOADING";
    return finding(
      "warning",
      `it is loading${share === null ? "" : `, ${share}%`}`,
      why,
      "wait for it",
    );
  }
  const skipped = info.number("mscache_last_load_skipped_values");
  const refused = info.number("mscache_last_load_refused_items");
  if (skipped === null || refused === null) return null;
  if (skipped + refused === 0) return ok("everything in its file");
  return finding(
    "warning",
    `${plural(skipped, "value")} of types that it does not have, ${plural(refused, "item")} for which there was no room`,
    "these keys were in the file and are missing now",
    "a higher --max-memory and a new start, before the next save replaces the file; the log has the types",
  );
}

export function snapshotPlace(facts: Facts): Finding | null {
  const place = facts.machine?.snapshot ?? null;
  if (place === null) return null;
  const { path, freeBytes, fault } = place;
  if (fault !== null) {
    const why = "no save will succeed, and a shutdown with changes is refused";
    return finding(
      "failure",
      `${path}: ${fault}`,
      why,
      `a directory that the node's user may write, with room for twice the data`,
    );
  }
  // A save writes a new file beside the old one. Its size is about that of the data.
  const data = facts.info.number("used_memory_dataset") ?? facts.info.number("used_memory");
  if (freeBytes === null || data === null) return null;
  const saw = `${megabytes(freeBytes)} free at ${path}, the data have ${megabytes(data)}`;
  const why = "a save writes a new file beside the old one, and fails when the disk is full";
  const change = `at least ${megabytes(data * 2)} free there, or another --snapshot-file`;
  if (freeBytes < data) return finding("failure", saw, why, change);
  return freeBytes < data * 2 ? finding("warning", saw, why, change) : ok(saw);
}

// --- internal ---

function hasSnapshot(facts: Facts): boolean {
  const { config } = facts;
  if (config === null) return false;
  return (isOurs(facts) ? config.get("snapshot-file") : config.get("save")) !== "";
}

function check(id: string, title: string, judge: Check["judge"]): Check {
  return { id, area: "persistence", title, judge };
}
