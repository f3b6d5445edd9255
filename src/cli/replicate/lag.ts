// How far a target is behind its source, from the INFO of both. It asks the two servers and changes
// neither.

import type { InfoFields } from "../info-fields.ts";
import { count, size } from "../moving.ts";
import type { Contact } from "./contact.ts";

export interface Standing {
  /** Whether the target follows the source's stream, with everything before it. */
  readonly isUp: boolean;
  /** Whether a full sync runs. */
  readonly isSyncing: boolean;
  /** Of that: bytes read; and how many come, 0 if the source does not tell. */
  readonly syncBytes: number;
  readonly syncTotal: number;
  /** Of the source's history: where it ends, and where the target is; -1 for unknown. */
  readonly sourceOffset: number;
  readonly targetOffset: number;
  /** What the target has left out since the last full sync began. */
  readonly skippedCommands: number;
  readonly refusedItems: number;
}

/** Rejects with a MoveError if one of the two cannot be asked. */
export async function standingOf(source: Contact, target: Contact): Promise<Standing> {
  const theirs = await source.info("replication");
  const info = await target.info("replication");
  const number = (name: string) => info.number(name) ?? 0;
  // Offsets of two histories do not compare: a source that has restarted began a new one.
  const isSame = theirs.text("master_replid") === info.text("master_replid");
  const isUp = info.text("master_link_status") === "up" && isSame;
  return {
    isUp,
    isSyncing: number("master_sync_in_progress") === 1,
    syncBytes: number("master_sync_read_bytes"),
    syncTotal: number("master_sync_total_bytes"),
    sourceOffset: theirs.number("master_repl_offset") ?? -1,
    targetOffset: isUp ? (info.number("slave_repl_offset") ?? -1) : -1,
    skippedCommands: number("mscache_skipped_commands"),
    refusedItems: number("mscache_sync_refused_items"),
  };
}

/** Bytes of the stream that the target does not have; infinite while it has no data. */
export function lagOf({ isUp, sourceOffset, targetOffset }: Standing): number {
  if (!isUp || sourceOffset < 0 || targetOffset < 0) return Number.POSITIVE_INFINITY;
  return Math.max(0, sourceOffset - targetOffset);
}

export function tell(standing: Standing): string {
  if (standing.isSyncing) {
    const of = standing.syncTotal > 0 ? ` of ${size(standing.syncTotal)}` : "";
    return `full sync: ${size(standing.syncBytes)}${of}`;
  }
  if (!standing.isUp) return "the link is down; the target tries again";
  const skipped = standing.skippedCommands;
  const and = skipped > 0 ? `, ${count(skipped, "command")} of other types left out` : "";
  return `live, ${size(lagOf(standing))} behind${and}`;
}

/** Whom a server follows, as "host:port"; null if it leads. */
export function leaderIn(info: InfoFields): string | null {
  if (info.text("role") !== "slave") return null;
  return `${info.text("master_host")}:${info.text("master_port")}`;
}
