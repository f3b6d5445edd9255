// Where data stand in a history of replication, and how a node takes that up again: what lets followers
// of a restarted leader, and a restarted follower, go on with a partial sync.
// Invariant: a point is given to data only if they are exactly its state. That holds for a snapshot
// taken when nothing is written any more, at a clean shutdown, and for no other: one that was taken
// while writes went on has items of different moments, and its point would be silent corruption.

import type { Replication } from "../replication/replication.ts";

export interface ResumePoint {
  readonly replid: string;
  readonly offset: number;
  /** The database that the stream behind it has selected. */
  readonly streamDatabase: number;
}

/** Where the data stand now; null where no journal describes them. */
export function resumePointOf(replication: Replication): ResumePoint | null {
  const { leader, follower, history } = replication;
  const { journal } = leader;
  if (!journal.active || follower.isLoading) return null;
  const streamDatabase = follower.isActive ? follower.streamDatabase : 0;
  return { replid: history.replid, offset: journal.offset, streamDatabase };
}

/**
 * Takes up a history before its data are loaded: what is not loaded of them is then an effect in the
 * journal. A leader goes on under a new name, because writes that nobody knows of may have been meant
 * to follow; a follower asks its leader with the old one.
 */
export function takeUp(replication: Replication, point: ResumePoint, asFollower: boolean): void {
  const { history, leader, follower } = replication;
  history.adopt(point.replid);
  if (asFollower) follower.resumeIn(point.streamDatabase);
  else history.shift(point.offset);
  leader.journal.start(point.offset);
  leader.journal.selectPending = !asFollower;
}

/** The data are no known state after all. */
export function letGo(replication: Replication): void {
  replication.leader.journal.stop();
  replication.history.fresh();
}
