// What commands know of the node that runs them. The server implements it; the room `command` holds
// only this description, so that handlers stay free of sockets, threads and configuration files.

import type { ErrorReply } from "../errors.ts";
import type { Session } from "./session.ts";

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

/** Which clients CLIENT KILL and CLIENT LIST mean; every given field must match. */
export interface ClientFilter {
  id?: number;
  ids?: readonly number[];
  address?: string;
  localAddress?: string;
  user?: string;
  kind?: "normal" | "replica" | "pubsub" | "master";
  /** Leaves this one out. */
  except?: number;
}

export interface ClientReport {
  readonly session: Session;
  /** Bytes of requests not executed yet, and of replies not sent yet. */
  readonly pendingInputBytes: number;
  readonly pendingOutputBytes: number;
}

export interface Node {
  /** True while this node follows a leader: writes are refused. */
  readonly isFollower: boolean;
  /** True while a snapshot is being loaded. */
  readonly isLoading: boolean;
  /** The password of the user `default`; empty: none is needed. */
  readonly password: string;
  readonly port: number;

  // ---- control: called by CONTROL commands only ------------------------------------------------

  /** Name and value of each setting whose name fits one of the patterns (lower case, Redis's names and ours). */
  configGet(patterns: readonly string[]): [string, string][];
  /** Sets all pairs or none; the error names the first that cannot be set. */
  configSet(pairs: readonly (readonly [string, string])[]): ErrorReply | null;
  resetStatistics(): void;
  clients(filter: ClientFilter): Promise<ClientReport[]> | ClientReport[];
  /** Ends the connections that fit; returns how many. */
  killClients(filter: ClientFilter): Promise<number> | number;
  /** The text of INFO for these sections (lower case; empty: the default ones). */
  info(sections: readonly string[]): Promise<string> | string;
  role(): RoleReport;
  /** Follows that leader from now on. False when it is the present one. */
  follow(host: string, port: number): boolean;
  /** Becomes a leader. */
  unfollow(): void;
  /** Turns this connection into a follower's link. The reply is the link's own business. */
  psync(session: Session, replid: string, offset: number): void;
  join(session: Session): void;
  /** An acknowledgement of a follower on its own link. */
  acknowledge(session: Session, offset: number): void;
}
