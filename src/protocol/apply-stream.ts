// How the stream of a leader is applied, as replication sees it: one command at a time, by whoever knows the
// commands. Nothing here is code.

import type { Request } from "./request.ts";

/** What became of a command: one that is `refused` had no room here, and its keys are gone. */
export type Applied = "applied" | "skipped" | "refused";

/** Is told of keys, each as a range of bytes. */
export interface KeyVisitor {
  key(bytes: Uint8Array, start: number, end: number): void;
}

/** Hands each key that a command of the stream may change to the visitor; true if it empties the store instead. */
export type ChangedKeys = (request: Request, visitor: KeyVisitor) => boolean;

/**
 * Executes one command of the leader's stream, with the recording of effects muted. Throws a SyncError
 * where this node cannot follow.
 */
export interface Apply {
  /** `lacksValues`: values of the leader had no room here since the last full sync. */
  (request: Request, database: number, lacksValues: boolean): Applied;
  /** Throws as well, but changes nothing: for a command of a transaction that is still incomplete. */
  readonly check?: (request: Request, database: number) => void;
  /** Has `work` apply a transaction with no other thread in between; absent where there is none. */
  readonly atOnce?: (work: () => void) => void;
}
