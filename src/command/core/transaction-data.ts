// The transaction of a session as plain data, because a transaction with a control command goes to
// the control thread as a structured clone. transaction/transaction-queue.ts fills it,
// transaction/transaction.ts runs it.

import type { Request } from "../../protocol/request.ts";

export interface Transaction {
  requests: Request[];
  bytes: number;
  /** Flags of EXEC for this queue: the properties of any command, the permissions of all. */
  flags: number;
  /** Whether a command was refused or did not fit, so that EXEC will reply EXECABORT. */
  failed: boolean;
}

/** The keys that one connection watches. */
export interface Watched {
  /**
   * The keys, as latin1 strings, with their versions. A key without a value at WATCH has -1 -
   * version: only for a key with a value is expiry a change, and one without a new version.
   * Compact, as there may be many.
   */
  readonly keys: Map<string, number>;
  /** Total size of the keys. */
  bytes: number;
}
