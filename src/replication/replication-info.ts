// INFO's fields about replication, with Redis's names and in Redis's order, because Sentinel and
// other programs parse them; our own fields begin with `mscache_`. It only reads.

import type { Journal } from "../journal/journal.ts";
import type { FailoverState } from "./failover.ts";
import type { Follower } from "./follower/follower.ts";
import type { FollowerLink } from "./leader/follower-link.ts";
import type { LeaderReplication } from "./leader/leader.ts";
import type { ReplicationTree } from "./replication-tree.ts";
import { stateName, treeLines, wayLines } from "./tree-info.ts";

export type InfoLine = [name: string, value: string];

/** What stands here and in neither side. */
export interface InfoFacts {
  readonly priority: number;
  readonly failover: FailoverState;
  /** -1 when no number of them is asked for. */
  readonly goodFollowers: number;
  readonly tree: ReplicationTree;
}

export function infoLines(
  leader: LeaderReplication,
  follower: Follower,
  journal: Journal,
  facts: InfoFacts,
): InfoLine[] {
  const { priority, failover, goodFollowers, tree } = facts;
  return [
    ["role", follower.isActive ? "slave" : "master"],
    ...(follower.isActive ? followerLines(follower, journal, priority) : []),
    ["connected_slaves", String(leader.links.length)],
    ...(goodFollowers < 0 ? [] : [["min_slaves_good_slaves", `${goodFollowers}`] as InfoLine]),
    ...leader.links.map(linkLine),
    ["mscache_join_followers", String(leader.joinCount)],
    ...wayLines(tree),
    ...treeLines(tree),
    ["master_failover_state", failover],
    ...historyLines(leader, journal),
  ];
}

function followerLines(follower: Follower, journal: Journal, priority: number): InfoLine[] {
  const { isUp, syncProgress } = follower;
  const offset = String(journal.offset);
  const skipped = [...follower.lastSkipped.values()].reduce((sum, count) => sum + count, 0);
  return [
    ["master_host", follower.host],
    ["master_port", String(follower.port)],
    ["master_link_status", isUp ? "up" : "down"],
    ["master_last_io_seconds_ago", String(follower.lastBytesSecondsAgo)],
    ["master_sync_in_progress", syncProgress === null ? "0" : "1"],
    ["slave_read_repl_offset", String(journal.offset + follower.readAheadBytes)],
    ["slave_repl_offset", offset],
    ...(syncProgress === null ? [] : progressLines(syncProgress)),
    ...(isUp ? [] : [["master_link_down_since_seconds", String(follower.downSeconds)] as InfoLine]),
    ["slave_priority", String(priority)],
    ["slave_read_only", "1"],
    ["replica_announced", "1"],
    ["mscache_sync_skipped_values", String(skipped)],
    ["mscache_sync_refused_items", String(follower.refusedItems)],
    ["mscache_skipped_commands", String(follower.skippedCommands)],
  ];
}

function progressLines(progress: {
  total: number;
  received: number;
  secondsAgo: number;
}): InfoLine[] {
  const { total, received, secondsAgo } = progress;
  const percent = total === 0 ? 0 : (100 * received) / total;
  return [
    ["master_sync_total_bytes", String(total)],
    ["master_sync_read_bytes", String(received)],
    ["master_sync_left_bytes", String(Math.max(0, total - received))],
    ["master_sync_perc", percent.toFixed(2)],
    ["master_sync_last_io_seconds_ago", String(secondsAgo)],
  ];
}

function linkLine(link: FollowerLink, index: number): InfoLine {
  const { ip, port, state, acknowledgedOffset } = link;
  const lag = state === "online" ? link.lagSeconds : 0;
  const fields = `ip=${ip},port=${port},state=${stateName(state)},offset=${acknowledgedOffset}`;
  return [`slave${index}`, `${fields},lag=${lag}`];
}

function historyLines(leader: LeaderReplication, journal: Journal): InfoLine[] {
  const { history } = leader;
  const { active, offset, first } = journal;
  return [
    ["master_replid", history.replid],
    ["master_replid2", history.replid2],
    ["master_repl_offset", String(offset)],
    ["second_repl_offset", String(history.secondOffset)],
    ["repl_backlog_active", active ? "1" : "0"],
    ["repl_backlog_size", String(journal.capacity)],
    ["repl_backlog_first_byte_offset", String(active ? first + 1 : 0)],
    ["repl_backlog_histlen", String(active ? offset - first : 0)],
    ["mscache_journal_seconds", String(leader.journalSeconds)],
  ];
}

/** What replication holds, in bytes. */
export interface ReplicationMemory {
  /** What waits in the queues of followers. */
  readonly queuedBytes: number;
  readonly journalBytes: number;
}

export function memoryOf({ journal, queuedBytes }: LeaderReplication): ReplicationMemory {
  const { active, offset, first } = journal;
  return { queuedBytes, journalBytes: active ? offset - first : 0 };
}

export function counterLines(leader: LeaderReplication): InfoLine[] {
  return [
    ["sync_full", String(leader.fullSyncs)],
    ["sync_partial_ok", String(leader.partialSyncs)],
    ["sync_partial_err", String(leader.partialSyncsRefused)],
  ];
}

/** CONFIG RESETSTAT. */
export function resetCounters(leader: LeaderReplication): void {
  leader.disconnected = 0;
  leader.fullSyncs = 0;
  leader.partialSyncs = 0;
  leader.partialSyncsRefused = 0;
}
