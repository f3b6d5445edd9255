// What the leading side of a node has to know of its following side, which may be nobody: types
// only. How a node follows is follower/follower.ts's business.

/** What the leading side needs to know of the following side of the same node. */
export interface Upstream {
  readonly isFollower: boolean;
  /** False on a follower that has no complete copy of its leader's data, or lost it. */
  readonly isServing: boolean;
  /** The database that the stream in the journal has selected. */
  readonly streamDatabase: number;
}
