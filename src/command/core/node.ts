// What commands know of the node that runs them: its standing, which every command of every thread may
// read, and its control, which only the handlers of control commands get (command.ts). The room `command`
// holds only these descriptions, so that handlers stay free of sockets, threads and configuration files;
// node/ has what is behind them.

import type { ErrorReply } from "../../base/errors.ts";
import type { Link, LinkPeer, LinkSocket } from "../../base/link.ts";
import type { FailoverOrder, RoleReport } from "../../base/role.ts";
import type { Session } from "./session.ts";

/** How the node stands: what every command of every thread may read. */
export interface Standing {
  /** True while this node follows a leader: writes are refused. */
  readonly isFollower: boolean;
  /** The answer to a write on a follower, which names the leader. */
  readonly writeRefusal: ErrorReply;
  /** True while a snapshot is being loaded. */
  readonly isLoading: boolean;
  /** What else stands in the way of commands: bits of gate.ts, usually none. */
  readonly restrictions: number;
  /** Whether the user `default` has a password. */
  readonly needsLogin: boolean;
  /** Whether this is that password; any is, where there is none. */
  isPassword(given: Uint8Array): boolean;
}

/** What control commands may do with the node, one part for each concern. */
export interface Control {
  readonly configuration: Configuration;
  readonly clients: Clients;
  readonly information: Information;
  readonly roles: Roles;
  readonly followers: Followers;
  readonly waits: Waits;
  readonly pauses: Pauses;
  readonly snapshots: Snapshots;
  readonly shutdown: Ending;
}

/** How a node is to end. */
export interface ShutdownOrder {
  /** "always" fails without a file to save to; "if possible" does not. */
  readonly save: "always" | "never" | "if possible";
  /** Waits for no follower. */
  readonly now: boolean;
  /** Ends also when the data cannot be saved. */
  readonly force: boolean;
}

export interface Ending {
  /** Ends the node in order; resolves when that is done, or to false when the node goes on. */
  order(order: ShutdownOrder): Promise<boolean>;
  /** Keeps the node from ending; false when that is too late, or nobody asked for its end. */
  abort(): boolean;
}

export interface Configuration {
  /** Name and value of each setting whose name fits one of the patterns (lower case, Redis's names and ours). */
  get(patterns: readonly string[]): [string, string][];
  /** Sets all pairs or none; the error names the first that cannot be set. */
  set(pairs: readonly (readonly [string, string])[]): ErrorReply | null;
  /** Writes changed settings and the leader into the configuration file, or says why not. */
  rewrite(): ErrorReply | null;
}

/** Which clients CLIENT KILL and CLIENT LIST mean; every given field must match. */
export interface ClientFilter {
  id?: number;
  ids?: ReadonlySet<number>;
  address?: string;
  localAddress?: string;
  user?: string;
  kind?: "normal" | "replica" | "pubsub" | "master";
  /** Leaves this one out. */
  except?: number;
}

export interface ClientReport {
  readonly session: Session;
  /** A pause holds its command. */
  readonly isHeld: boolean;
  /** Bytes of requests not executed yet, and of replies not sent yet. */
  readonly pendingInputBytes: number;
  readonly pendingOutputBytes: number;
  /** All that it counts in --max-client-memory. */
  readonly heldBytes: number;
}

export interface Clients {
  list(filter: ClientFilter): Promise<ClientReport[]>;
  /** Ends the connections that fit; returns how many. */
  kill(filter: ClientFilter): Promise<number>;
  /** Hands the connection of `session` to the link that `open` makes for it, unless it is gone. */
  takeOver(session: Session, open: (socket: LinkSocket) => Link): void;
}

export interface Information {
  /** The text of INFO for these sections (lower case; empty: the default ones). */
  text(sections: readonly string[]): Promise<string>;
  resetStatistics(): void;
}

export interface Roles {
  report(): RoleReport;
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
}

/** Those that follow this node: what makes a link of a follower's connection. */
export interface Followers {
  /** Answers `PSYNC replid offset`, where `offset` counts bytes from 1; the link owns the connection then. */
  psync(socket: LinkSocket, peer: LinkPeer, replid: string, offset: number): Link;
  /** Answers SYNC: a snapshot, then the stream. */
  sync(socket: LinkSocket, peer: LinkPeer): Link;
  join(socket: LinkSocket): Link;
}

export interface Waits {
  /** Resolves to how many followers have all that the session wrote: enough of them, or in time. */
  wait(session: Session, followers: number, timeoutMs: number): Promise<number | ErrorReply>;
  /** The connections that wait. */
  readonly waiting: ReadonlySet<number>;
  /** Ends the wait of that client as if its time were over, or with an error; false if it does not wait. */
  unblock(id: number, withError: boolean): boolean;
  /** Connections that were closed wait no more. */
  releaseGone(): Promise<void>;
}

/** Which commands of clients wait. */
export type PauseKind = "writes" | "all";

/** CLIENT PAUSE: the commands of clients are held. */
export interface Pauses {
  pause(kind: PauseKind, ms: number): void;
  unpause(): void;
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
