// What commands know of the node that runs them. The server implements it; the room `command` holds
// only this description, so that handlers stay free of sockets, threads and configuration files.

import type { ErrorReply } from "../../base/errors.ts";
import type { FailoverOrder, RoleReport } from "../../base/role.ts";
import type { Channels } from "../pubsub/channels.ts";
import type { Session } from "./session.ts";

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

/** The node's snapshot file. */
export interface Snapshots {
  readonly isSaving: boolean;
  /** The last success, by the wall clock. */
  readonly lastSavedAtMs: number;
  /** Resolves when the file is durable, or to why it is not. */
  save(): Promise<ErrorReply | null>;
  /** Begins; how it ends stands in INFO. An error if it cannot even begin. */
  saveInBackground(): ErrorReply | null;
}

/** Which commands of clients wait. */
export type PauseKind = "writes" | "all";

/** How the node stands: what every command of every thread may read. */
export interface Standing {
  /** True while this node follows a leader: writes are refused. */
  readonly isFollower: boolean;
  /** The answer to a write on a follower, which names the leader. */
  readonly writeRefusal: ErrorReply;
  /** True while a snapshot is being loaded. */
  readonly isLoading: boolean;
  /** What else stands in the way of commands: bits of restrictions.ts, usually none. */
  readonly restrictions: number;
  /** Whether the user `default` has a password. */
  readonly needsLogin: boolean;
  /** Whether this is that password; any is, where there is none. */
  isPassword(given: Uint8Array): boolean;
}

export interface Node {
  // ---- control: called by CONTROL commands only ------------------------------------------------

  readonly snapshots: Snapshots;
  /** Called by GLOBAL commands, too. */
  readonly channels: Channels;
  /** Name and value of each setting whose name fits one of the patterns (lower case, Redis's names and ours). */
  configGet(patterns: readonly string[]): [string, string][];
  /** Sets all pairs or none; the error names the first that cannot be set. */
  configSet(pairs: readonly (readonly [string, string])[]): ErrorReply | null;
  /** Writes changed settings and the leader into the configuration file, or says why not. */
  configRewrite(): ErrorReply | null;
  /** Ends the node in order; resolves when that is done. */
  shutDown(saves: boolean): Promise<void>;
  resetStatistics(): void;
  clients(filter: ClientFilter): Promise<ClientReport[]> | ClientReport[];
  /** Ends the connections that fit; returns how many. */
  killClients(filter: ClientFilter): Promise<number> | number;
  /** The text of INFO for these sections (lower case; empty: the default ones). */
  info(sections: readonly string[]): Promise<string> | string;
  role(): RoleReport;
  /**
   * Follows that leader from now on. False when it is the present one. A leader closes its ordinary
   * clients then, but for the connection `caller`: they are to look for the new one.
   */
  follow(host: string, port: number, caller: number): boolean;
  /** Becomes a leader. */
  unfollow(): void;
  /** True from FAILOVER to its end: the leader is not to be changed by others. */
  readonly isFailingOver: boolean;
  /** Begins to change places with a follower, or says why not. */
  failover(order: FailoverOrder): ErrorReply | null;
  abortFailover(): ErrorReply | null;
  /** Promotes this follower because its leader, of history `replid`, asks for it; or says why not. */
  takeOverFrom(replid: string): ErrorReply | null;
  /** Resolves to how many followers have all that the session wrote: enough of them, or in time. */
  wait(session: Session, followers: number, timeoutMs: number): Promise<number | ErrorReply>;
  /** Ends the wait of that client as if its time were over, or with an error; false if it does not wait. */
  unblock(id: number, withError: boolean): boolean;
  /** Holds the commands of clients. */
  pause(kind: PauseKind, ms: number): void;
  unpause(): void;
  /** Turns this connection into a follower's link. The reply is the link's own business. */
  psync(session: Session, replid: string, offset: number): void;
  join(session: Session): void;
  /** An acknowledgement of a follower on its own link. */
  acknowledge(session: Session, offset: number): void;
}
