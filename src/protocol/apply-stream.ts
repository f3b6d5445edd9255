// How replication hands the leader's stream to the command room, one command at a time. It holds
// types only, so that the two rooms need not import each other.

import type { Request } from "./request.ts";

/** The outcome of a command. `refused`: it did not fit here, and its keys were deleted. */
export type Applied = "applied" | "skipped" | "refused";

/** Receives keys, each as a range of bytes. */
export interface KeyVisitor {
  key(bytes: Uint8Array, start: number, end: number, database: number): void;
}

/** What a command does to whole databases: to those with these numbers, or to all. */
export interface Upheaval {
  readonly kind: "emptied" | "swapped";
  readonly databases: readonly number[] | "all";
}

/**
 * Visits each key that a command of the stream, which has selected `database`, may change; returns
 * what it does to whole databases instead, or null.
 */
export type ChangedKeys = (
  request: Request,
  database: number,
  visitor: KeyVisitor,
) => Upheaval | null;

/**
 * Executes one command of the leader's stream while the recording of effects is muted. Throws a
 * SyncError if this node cannot follow.
 */
export interface Apply {
  /** `lacksValues`: since the last full sync, some of the leader's values did not fit here. */
  (request: Request, database: number, lacksValues: boolean): Applied;
  /**
   * Throws as above but changes nothing: for a command of a transaction that is still incomplete.
   */
  readonly check?: (request: Request, database: number) => void;
  /**
   * Runs `work`, which applies a transaction, in isolation from other threads; absent if there are
   * none.
   */
  readonly atOnce?: (work: () => void) => void;
  /**
   * Keeps scripts out for one command; false: one was suspended while this waited for its locks,
   * and the stream is about to be held. After true, call leave(). May be nested.
   */
  readonly enter?: () => boolean;
  readonly leave?: () => void;
  /** Called when no command follows for now. */
  readonly rest?: () => void;
}
