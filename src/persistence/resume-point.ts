// The point in a history of replication that data represent, and how a node resumes from it after a
// restart: so followers of a restarted leader, and a restarted follower, need only a partial sync.
// Invariant: data have a point only if they are exactly its state. That is true only of a snapshot
// taken at a clean shutdown, after the last write. A snapshot taken while writes go on has items of
// different moments, and a point for it would be silent corruption.

import { noDatabase } from "../journal/journal.ts";
import type { Replication } from "../replication/replication.ts";

export interface ResumePoint {
  readonly replid: string;
  readonly offset: number;
  /** The database that the stream has selected at this point. */
  readonly streamDatabase: number;
}

/** The point of the present data; null if no journal describes them. */
export function resumePointOf(replication: Replication): ResumePoint | null {
  const { leader, follower, history } = replication;
  const { journal } = leader;
  if (!journal.active || follower.isLoading) return null;
  const streamDatabase = follower.isActive ? follower.streamDatabase : 0;
  return { replid: history.replid, offset: journal.offset, streamDatabase };
}

/**
 * Resumes a history before its data are loaded: an item that is not loaded is then an effect in the
 * journal. A leader continues under a new replid, as the old one may have gone on elsewhere after
 * this point; a follower asks its leader with the old one.
 */
export function resumeHistory(
  replication: Replication,
  point: ResumePoint,
  asFollower: boolean,
): void {
  const { history, leader, follower } = replication;
  history.adopt(point.replid);
  if (asFollower) follower.resumeIn(point.streamDatabase);
  else history.shift(point.offset);
  leader.journal.start(point.offset);
  leader.journal.selected = noDatabase;
}

/** Ends the history that was resumed: the data are not those of its point after all. */
export function dropHistory(replication: Replication): void {
  replication.leader.journal.stop();
  replication.history.fresh();
}
