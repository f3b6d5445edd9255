// The transaction of a session as plain data, because a transaction with a control command goes to
// the control thread as a structured clone. run/transaction-queue.ts fills it,
// transaction/transaction.ts runs it.

import type { Watch } from "../../keyspace/watched-slots.ts";
import type { Request } from "../../protocol/request.ts";

export interface Transaction {
  requests: Request[];
  bytes: number;
  /** Flags of EXEC for this queue: the properties of any command, the permissions of all. */
  flags: number;
  /** Whether a command was refused or did not fit, so that EXEC will reply EXECABORT. */
  failed: boolean;
}

/** A key as it was at WATCH; if it has a slot, what has become of it is there. */
export interface WatchedKey extends Watch {
  readonly handle: number;
}

/** The keys that one connection watches. */
export interface Watched {
  /** By the character of its database, followed by the key as a latin1 string. */
  readonly keys: Map<string, WatchedKey>;
  /** Total size of the keys. */
  bytes: number;
}
