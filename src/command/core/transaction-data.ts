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

/** What WATCH guards on one connection. */
export interface Watched {
  /**
   * The keys, their bytes as latin1, with their versions; as -1 - version those that had no value then, as
   * of one that had, expiry is a change without a new version. Little, as there may be many.
   */
  readonly keys: Map<string, number>;
  /** Of all keys together. */
  bytes: number;
}
