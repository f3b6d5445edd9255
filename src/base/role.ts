// The data about roles that command, replication and node share: the report of ROLE and the order
// of FAILOVER. It is here because command and replication may not import each other.
// Invariant: a node either leads or follows, and a report belongs to exactly one of the two.

/** The node's state of replication, in the terms of ROLE. */
export type RoleReport =
  | {
      readonly role: "leader";
      readonly offset: number;
      readonly followers: readonly { ip: string; port: number; offset: number }[];
    }
  | {
      readonly role: "follower";
      readonly host: string;
      readonly port: number;
      readonly state: "connect" | "connecting" | "handshake" | "sync" | "connected";
      readonly offset: number;
    };

/** The arguments of FAILOVER. */
export interface FailoverOrder {
  /** Null: the follower that catches up first. */
  readonly target: Address | null;
  /** 0: no timeout. */
  readonly timeoutMs: number;
  /** At the timeout, proceed even if the target lacks the last writes. */
  readonly force: boolean;
}

import type { Address } from "./address.ts";
