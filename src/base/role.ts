// What command, replication and server tell each other about roles: the report of ROLE and the order of
// FAILOVER. Plain data; command and replication may not import each other, so their common words lie here.
// Invariant: a node either leads or follows, and these words say nothing that is true of neither.

/** How the node stands in its replication, in the terms of ROLE. */
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

/** What FAILOVER asks for. */
export interface FailoverOrder {
  /** Null: whichever follower has everything first. */
  readonly target: Address | null;
  /** 0: without end. */
  readonly timeoutMs: number;
  /** Go on without the last writes when the time is over. */
  readonly force: boolean;
}

import type { Address } from "./address.ts";
