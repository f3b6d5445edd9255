// What a session holds of a transaction, as plain data: one that has a control command goes to the control
// thread as a structured clone. transaction/transaction-queue.ts fills it, transaction/transaction.ts runs it.

import type { Request } from "../../protocol/request.ts";

export interface Transaction {
  requests: Request[];
  bytes: number;
  /** What EXEC amounts to with this queue: properties that one command has, permissions that all have. */
  flags: number;
  /** A command was refused or did not fit: EXEC answers EXECABORT. */
  failed: boolean;
}

/** A key that WATCH guards. */
export interface WatchedKey {
  readonly key: Uint8Array;
  readonly version: number;
  /** Whether it had a value then: one that has expired since is a change without a new version. */
  readonly lived: boolean;
}

/** What WATCH guards on one connection. */
export interface Watched {
  /** By their bytes as latin1. */
  readonly keys: Map<string, WatchedKey>;
  /** Of all keys together. */
  bytes: number;
}
