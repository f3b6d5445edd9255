// What the leading side of a node must know about its following side. Types only; for how a node
// follows, see follower/follower.ts.

/** The following side of the same node, as the leading side sees it. */
export interface Upstream {
  readonly isFollower: boolean;
  /** False on a follower that has no complete copy of its leader's data, or lost it. */
  readonly isServing: boolean;
  /** The database that the stream in the journal has selected. */
  readonly streamDatabase: number;
}
