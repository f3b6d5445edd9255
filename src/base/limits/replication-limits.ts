// The bounds of replication and of what moves keys between nodes: the journal, links, syncs, waits.
// What a snapshot may bring is bounded in store-limits.ts.

import { KiB, MiB } from "./units.ts";

/** Smallest journal, bytes. */
export const journalBytesMin = 1 * MiB;
/**
 * Most data kept for followers that have fallen behind the journal, bytes, if memory allows
 * (--follower-buffer); all followers share it. A follower is disconnected at once if it needs more,
 * and after followerBufferSoftSeconds above a quarter, as in Redis: the default of
 * client-output-buffer-limit replica.
 */
export const followerBufferBytesMax = 256 * MiB;
export const followerBufferSoftShare = 1 / 4;
export const followerBufferSoftSeconds = 60;
/** Longest silence of a link, ms, as Redis's repl-timeout. Longer: the link is dropped. */
export const linkSilenceMsMax = 60_000;
/**
 * A snapshot waits so long, ms, for the end of a script that others get -BUSY for: less than a link
 * may be silent. Longer: it ends with half of what the script does, until the rest follows.
 */
export const snapshotGroupMsMax = 30_000;
/** Interval of the follower's ACK, ms; that of the leader's PING is `--ping-interval`. */
export const acknowledgeMs = 1_000;
/**
 * After a snapshot that ends with a mark, the second ACK comes so soon, ms, and each further one
 * after twice the time, until the stream goes on or acknowledgeMs would be reached: less than a
 * Redis takes to end a snapshot, and few.
 */
export const firstAcknowledgementMs = 5;
/** Time for one address of a leader's name before the next is tried as well, ms. */
export const addressMsMax = 2_000;
/**
 * Attempts to connect to leaders that may be under way; each has a descriptor. REPLICAOF may name
 * many addresses that say nothing. More: the attempt fails, and is made again later.
 */
export const dialsMax = 64;
/** Shortest and longest wait before a reconnection, ms, with jitter. */
export const reconnectMsMin = 100;
export const reconnectMsMax = 5_000;
/**
 * Longest wait before the next attempt if the leader cannot be followed, ms: its snapshot is
 * refused, or its stream needs a new snapshot. The wait doubles from reconnectMsMin, as each
 * attempt may be a full sync. It starts over after the link held for resyncCalmMs, or for the last
 * wait if that was longer.
 */
export const resyncMsMax = 300_000;
export const resyncCalmMs = 60_000;
/**
 * A snapshot that its leader made while it wrote takes the old data's place together with the part
 * of the stream that belongs to it, in one turn, if that has so many bytes. More: commands get
 * LOADING while it is applied.
 */
export const settlingBytesMax = 4 * MiB;
/**
 * The replication tree, as followers tell it each second: how many levels of followers there are
 * below a node, and how many nodes below the first of them. More: the upper levels are shown, and
 * the number of those that are left out.
 */
export const treeDepthMax = 8;
export const treeNodesMax = 256;
/** A node in a report, bytes: the longest host, and its numbers. Longer lines are not made. */
export const treeLineBytesMax = 384;
/** A report, bytes, and what reports take in a leader. More: a report is not kept. */
export const treeReportBytesMax = (treeNodesMax + 1) * treeLineBytesMax;
export const treeReportsBytesMax = 1 * MiB;
/** Nodes on the way up that a leader tells, and the bytes of that. More: the way ends there. */
export const wayNodesMax = 8;
export const wayBytesMax = (wayNodesMax + 1) * treeLineBytesMax;
/**
 * Nodes that asked a node without a leader's link in vain, which it tells its own leader when it
 * asks: how many, and how long, ms. Longer than all wait before they ask again. More: the latest.
 */
export const seekersMax = 64;
export const seekerMsMax = 3 * reconnectMsMax;
/** A journal without readers is turned off after this time, ms (repl-backlog-ttl). */
export const journalIdleMsMax = 3_600_000;

/**
 * Bytes that a MIGRATE sends before it waits for the target to confirm them. More keys wait; a
 * larger value goes alone.
 */
export const migrationBatchBytes = 1 * MiB;
/**
 * Keys that a copy in a program (`follow()`) names as not held, bytes of the note: some thousands.
 * More: for every key that is absent there it says that it does not know.
 */
export const followGapBytesMax = 256 * KiB;
/**
 * Strings that such a copy keeps of what it has read lately, bytes. More: it drops them all, and
 * begins anew.
 */
export const followRecentBytesMax = 8 * MiB;
/** How often such a copy acknowledges, looks whether its leader is silent, and tidies up, ms. */
export const followTickMs = 1_000;
/** How long a leader may take to say where its history ends, ms. More: such a copy asks anew. */
export const followAnswerMsMax = 2_000;
/** Time for the first snapshot of such a copy, ms. More: `follow()` rejects. */
export const followTimeoutMs = 30_000;
