// The node as commands see it: its standing, which every command of every thread may read, and its
// control, which only the handlers of control commands get (command.ts). These are interfaces, so
// that handlers do not depend on sockets, threads and configuration files; node/ implements them.

import type { ErrorReply } from "../../base/errors.ts";
import type { Link, LinkPeer, LinkSocket } from "../../base/link.ts";
import type { FailoverOrder, RoleReport } from "../../base/role.ts";
import type { Session } from "../terms/session.ts";
import type { LatencySeries } from "../timing/latency-events.ts";
import type { CommandHistogram } from "../timing/latency-histogram.ts";
import type { SlowEntry } from "../timing/slow-log.ts";
import type { AccessControl, Denial } from "./access-control.ts";
import type { ScriptState } from "./script-state.ts";
import type { User } from "./user-record.ts";

/** The state of the node that every command of every thread may read. */
export interface Standing {
  /** True while this node follows a leader and refuses writes. */
  readonly isFollower: boolean;
  /** The error reply to a write on a follower; it names the leader. */
  readonly writeRefusal: ErrorReply;
  /** True while a snapshot is being loaded. */
  readonly isLoading: boolean;
  /** True while a script takes so long that others get -BUSY. */
  readonly isBusy: boolean;
  /** The states that restrict commands: bits of `restriction` in gate.ts, usually 0. */
  readonly restrictions: number;
  /** Resolves when none of these restrictions is left. */
  free(bits: number): Promise<void>;
  /** The longest sparse HyperLogLog, in bytes. */
  readonly sparseSketchBytesMax: number;
  /** Who may use DEBUG: nobody, everybody, or clients of this machine. */
  readonly debugCommand: "no" | "yes" | "local";
  /** The users as this thread knows them. */
  readonly access: AccessControl;
  /** Whether a script is running. */
  readonly script: ScriptState;
}

/** What control commands may do with the node, one part for each concern. */
export interface Control {
  readonly configuration: Configuration;
  readonly users: Users;
  readonly clients: Clients;
  readonly information: Information;
  readonly memory: MemoryReports;
  readonly timings: TimingReports;
  readonly roles: Roles;
  readonly followers: Followers;
  readonly waits: Waits;
  readonly pauses: Pauses;
  readonly snapshots: Snapshots;
  readonly shutdown: Ending;
  readonly debugging: Debugging;
  readonly migration: Migration;
}

/** Connections to other servers, for MIGRATE. */
export interface Migration {
  /** Resolves to an open connection, or to what failed, as the end of Redis's IOERR. */
  open(host: string, port: number, timeoutMs: number): Promise<MigrationLink | string>;
}

export interface MigrationLink {
  /** Sends commands whose replies are lines, and waits for so many of these. */
  ask(commands: readonly Uint8Array[], answers: number): Promise<MigrationAnswers>;
  close(): void;
}

export interface MigrationAnswers {
  /** Without their ends; fewer than wanted after a problem. */
  readonly lines: readonly string[];
  /** What failed, as the end of Redis's IOERR; "" if nothing did. */
  readonly problem: string;
}

/** What DEBUG does to the node. */
export interface Debugging {
  /** The whole node stands still for so long: it answers nobody, and its links are silent. */
  sleep(seconds: number): void;
  /** Whether expired items are reclaimed in the background. Nobody sees them in either case. */
  setActiveExpire(isOn: boolean): void;
  /** No follower can go on by a partial sync after this. */
  changeReplicationId(): void;
  log(message: string): void;
  /** Saves the snapshot and loads it; without an argument of DEBUG RELOAD, all of it. */
  reload(order: ReloadOrder): Promise<ErrorReply | null>;
}

export interface ReloadOrder {
  readonly saves: boolean;
  /** Removes all data before it loads. */
  readonly flushes: boolean;
  /** What is there already is replaced, instead of being an error. */
  readonly merges: boolean;
}

/** How to shut down a node. */
export interface ShutdownOrder {
  /** "always" fails without a snapshot file; "if possible" skips the save then. */
  readonly save: "always" | "never" | "if possible";
  /** Do not wait for followers. */
  readonly now: boolean;
  /** Shut down even if the save fails. */
  readonly force: boolean;
}

export interface Ending {
  /**
   * Shuts the node down for a client. Resolves to true when it has ended, or to false if it keeps
   * running.
   */
  order(order: ShutdownOrder, client: number): Promise<boolean>;
  /** The ids of the clients that wait for that. */
  readonly waiting: ReadonlySet<number>;
  /** Aborts a shutdown. False if it is too late or none is under way. */
  abort(): boolean;
}

export interface Configuration {
  /**
   * Name and value of each setting, under Redis's name or ours, that matches a lower-case pattern.
   */
  get(patterns: readonly string[]): [string, string][];
  /**
   * Sets all pairs or none. The error names the first pair that cannot be set. It takes time if the
   * node is to listen elsewhere.
   */
  set(
    pairs: readonly (readonly [string, string])[],
  ): ErrorReply | null | Promise<ErrorReply | null>;
  /**
   * Writes the changed settings and the leader to the configuration file; returns an error or null.
   */
  rewrite(): ErrorReply | null;
}

/** The users of the node. Names are text with one character per byte. */
export interface Users {
  /** All of them, by their names in the order of their bytes. */
  all(): readonly User[];
  get(name: string): User | undefined;
  /** Applies rules to a user, or to a new one, all or none; a sentence says why that fails. */
  change(name: string, rules: readonly string[]): string | null;
  /** Removes users and ends their connections; returns how many there were. */
  remove(names: readonly string[]): number;
  /** Whether there is a file for load() and save(). */
  readonly hasFile: boolean;
  /** Replaces all users by those of the file, or changes nothing and says why. */
  load(): string | null;
  /** Writes all users to the file; false if that failed, for a reason that the log tells. */
  save(): boolean;
  /** What was refused, newest first. */
  denials(): Promise<Denial[]>;
  resetDenials(): Promise<void>;
}

/** Selects clients for CLIENT KILL and CLIENT LIST. Every field that is set must match. */
export interface ClientFilter {
  id?: number;
  ids?: ReadonlySet<number>;
  address?: string;
  localAddress?: string;
  user?: string;
  kind?: "normal" | "replica" | "pubsub" | "master";
  /** Excludes the client with this id. */
  except?: number;
  /** Excludes clients with larger ids, who came later. */
  lastId?: number;
}

export interface ClientReport {
  /** From another thread, without the queued commands and the watched keys themselves. */
  readonly session: Session;
  /** How many commands a transaction has queued; -1: none is open. */
  readonly queued: number;
  /** Whether a pause holds its command. */
  readonly isHeld: boolean;
  readonly sizes: ClientSizes;
}

/** What a client holds. */
export interface ClientSizes {
  /** Of its socket; -1 if it is not known. */
  readonly descriptor: number;
  /** Requests that have not run yet, or whose reply is awaited; and their memory's unused part. */
  readonly queryBytes: number;
  readonly queryFreeBytes: number;
  /** Arguments of a request that is unfinished, or whose reply is awaited. */
  readonly argumentBytes: number;
  /** Commands between MULTI and EXEC. */
  readonly queuedBytes: number;
  /** The buffer into which waiting output is packed, and the most output that waited lately. */
  readonly replyBufferBytes: number;
  readonly replyPeakBytes: number;
  /** Output that waits in that buffer, and how much waits in how many pieces beside it. */
  readonly bufferedBytes: number;
  readonly listed: number;
  readonly listedBytes: number;
  readonly totalBytes: number;
  /** "r" while its socket is read, "w" while it is to take more output. */
  readonly events: string;
}

export interface Clients {
  list(filter: ClientFilter): Promise<ClientReport[]>;
  /** Closes the matching connections and resolves to their number. */
  kill(filter: ClientFilter): Promise<number>;
  /** Hands the connection of `session` to the link that `open` makes, unless it has closed. */
  takeOver(session: Session, open: (socket: LinkSocket) => Link): void;
}

export interface Information {
  /**
   * The text of INFO for these sections, in lower case; an empty list means the default sections.
   */
  text(sections: readonly string[]): Promise<string>;
  /** The same at once. Of other data threads, it counts what they told last. */
  textNow(sections: readonly string[]): string;
  resetStatistics(): void;
}

/** A number, or the fields of a part. */
export type MemoryField = readonly [name: string, value: number | readonly MemoryField[]];

/** The reports of MEMORY. */
export interface MemoryReports {
  /** For MEMORY STATS, in Redis's order. */
  fields(): readonly MemoryField[];
  doctor(): string;
  /** What the store tells of itself, line by line. */
  allocator(): string;
  /** Returns unused memory to the system. */
  purge(): void;
}

/** How long commands took, over all data threads. */
export interface TimingReports {
  /** The newest entries of the slow log, at most `max`, newest first. */
  slowLog(max: number): Promise<SlowEntry[]>;
  slowLogLength(): Promise<number>;
  /** The same at once; null: only other threads could tell. */
  slowLogNow(max: number): SlowEntry[] | null;
  slowLogLengthNow(): number | null;
  resetSlowLog(): void;
  /** The latency events, by name. */
  latency(): Promise<LatencySeries[]>;
  /** Forgets these kinds of events, or all; resolves to the number of those that there were. */
  resetLatency(events: readonly string[] | null): Promise<number>;
  /** Of the commands that ran since the start or CONFIG RESETSTAT. */
  histograms(): Promise<CommandHistogram[]>;
  /** The settings, for LATENCY DOCTOR. */
  readonly latencyThresholdMs: number;
  readonly slowLogUsec: number;
  readonly nowSeconds: number;
}

export interface Roles {
  report(): RoleReport;
  /**
   * Follows this leader from now on; false if the node already does. If the node was a leader, it
   * closes its clients, except the connection `caller`, so that they look for the new leader.
   */
  follow(host: string, port: number, caller: number): boolean;
  /** Becomes a leader. */
  unfollow(): void;
  /** True while a FAILOVER is under way. Nothing else may change the leader then. */
  readonly isFailingOver: boolean;
  /** Starts a failover to a follower; returns an error or null. */
  failover(order: FailoverOrder): ErrorReply | null;
  abortFailover(): ErrorReply | null;
  /** Promotes this follower at the request of its leader, of history `replid`; an error or null. */
  takeOverFrom(replid: string): ErrorReply | null;
}

/** The followers of this node. Turns the connection of a follower into its link. */
export interface Followers {
  /**
   * Serves `PSYNC replid offset`, where `offset` counts bytes from 1. The link owns the connection.
   */
  psync(socket: LinkSocket, peer: LinkPeer, replid: string, offset: number): Link;
  /** Serves SYNC: a snapshot, then the stream. */
  sync(socket: LinkSocket, peer: LinkPeer): Link;
  join(socket: LinkSocket): Link;
}

/** A place in a history: everything before `offset` of `replid`. */
export interface Place {
  readonly replid: string;
  readonly offset: number;
}

export interface Waits {
  /** Where the last write of the session is; if it has written nothing, the present place. */
  placeOf(session: Session): Place;
  /**
   * Resolves to whether this node has everything up to the offset, or to an error if it never will;
   * to null if nobody is there any more who could get a reply.
   */
  waitForOffset(
    session: Session,
    replid: string,
    offset: number,
    timeoutMs: number,
  ): Promise<boolean | ErrorReply | null>;
  /**
   * Resolves to the number of followers with all writes of the session, when enough or on timeout;
   * to null as above.
   */
  wait(session: Session, followers: number, timeoutMs: number): Promise<number | ErrorReply | null>;
  /** The ids of the waiting connections. */
  readonly waiting: ReadonlySet<number>;
  /**
   * Ends the wait of a client as if it had timed out, or with an error; false if it does not wait.
   */
  unblock(id: number, withError: boolean): boolean;
  /** Ends the waits of connections that have closed. */
  releaseGone(): Promise<void>;
}

/** Which commands of clients a pause holds. */
export type PauseKind = "writes" | "all";

/** CLIENT PAUSE: the commands of clients are held. */
export interface Pauses {
  pause(kind: PauseKind, ms: number): void;
  unpause(): void;
}

/** The node's snapshot file. */
export interface Snapshots {
  readonly isSaving: boolean;
  /** Wall-clock time of the last successful save. */
  readonly lastSavedAtMs: number;
  /** Resolves to null when the file is durable, or to an error. */
  save(): Promise<ErrorReply | null>;
  /** Starts a save, whose result INFO reports. Returns an error if it cannot start. */
  saveInBackground(): ErrorReply | null;
}
