// The state of one connection that commands may see and change. It has no socket: the connection
// acts on `closing` and `replyMode` after a command has run.

import type { Link, SnapshotContents } from "../../base/link.ts";
import type { Transaction, Watched } from "./transaction-data.ts";

export type ReplyMode = "on" | "off" | "skip-next" | "skip-this";

/** The name of a command that there is none of, in CLIENT LIST. */
export const noCommand = "NULL";

/**
 * normal: a client; follower: a link from PSYNC; join: one from JOIN; leader: the stream we apply.
 */
export type SessionKind = "normal" | "follower" | "join" | "leader";

export class Session {
  // ---- what each command reads or writes: together, so that it is few lines of memory -----------

  /** Monotonic time at which the peer last sent bytes or accepted pending output. */
  lastActiveMs: number;
  /** Set by QUIT and CLIENT KILL: pending replies are sent, then the connection closes. */
  closing = false;
  /** Whether the client has closed its half of the connection. It may still read. */
  inputEnded = false;
  kind: SessionKind = "normal";
  authenticated: boolean;
  /** Its user may do everything, so no command is judged by rules (acl/access.ts). */
  isTrusted: boolean;
  /** RESP version, 2 or 3. */
  protocol: 2 | 3 = 2;
  /** The number of the database that SELECT chose. */
  database = 0;
  /** How it tracks keys: bits of `tracks`; 0 if it does not. */
  tracking = 0;
  /** Whether it is shown all commands (MONITOR). */
  isMonitor = false;
  /** What the client sent last, queued or refused commands too. */
  lastCommand = noCommand;
  replyMode: ReplyMode = "on";
  noTouch = false;
  /** The commands queued since MULTI; null outside of a transaction. */
  transaction: Transaction | null = null;
  /** Whether its EXEC is running. WAIT does not wait then. */
  isExecuting = false;
  /** The keys that WATCH guards; null for none. */
  watched: Watched | null = null;
  /** The number of its subscriptions to channels, to patterns and to shard channels. */
  channels = 0;
  patterns = 0;
  shardChannels = 0;
  /** The bytes of their names. */
  subscriptionBytes = 0;
  /** Whether its last turn took so long that others go first (node/connection/long-turns.ts). */
  hadLongTurn = false;
  /** Journal offset after the last write of this connection, for WAIT. */
  lastWriteOffset = 0;

  // ---- the rest ---------------------------------------------------------------------------------

  readonly id: number;
  /** `ip:port` of the peer and of our end. */
  readonly address: string;
  readonly localAddress: string;
  /** Monotonic time. */
  readonly createdAtMs: number;
  name = "";
  libraryName = "";
  libraryVersion = "";
  /** The name of its user, one character per byte. */
  user = "default";
  /** Wrong passwords since the last right one. */
  failedLogins = 0;
  /** The client that gets its invalidations; 0 for itself. */
  redirect = 0;
  noEvict = false;
  /** Whether it came by the Unix socket; both addresses are then the path, and port 0. */
  isUnix = false;
  /**
   * The owner of this connection since its PSYNC or JOIN. It exists only in the thread of the
   * connection: a copy of the session in another thread has none, as private fields are not cloned.
   */
  #link: Link | null = null;
  /** What the follower has announced by REPLCONF before its PSYNC. */
  readonly replconf: FollowerTraits = {
    listeningPort: 0,
    ipAddress: "",
    eof: false,
    psync2: false,
    isCopy: false,
    tellsTree: false,
    seekers: "",
    contents: "everything",
  };

  constructor(
    id: number,
    address: string,
    localAddress: string,
    nowMs: number,
    authenticated: boolean,
  ) {
    this.id = id;
    this.address = address;
    this.localAddress = localAddress;
    this.createdAtMs = nowMs;
    this.lastActiveMs = nowMs;
    this.authenticated = authenticated;
    this.isTrusted = authenticated;
  }

  get link(): Link | null {
    return this.#link;
  }

  set link(link: Link | null) {
    this.#link = link;
  }

  /** How many kinds of messages it may get: it grows when their confirmation must come first. */
  get receives(): number {
    return this.subscriptions + (this.tracking === 0 ? 0 : 1) + (this.isMonitor ? 1 : 0);
  }

  /**
   * Whether a reply comes before the messages that arrived meanwhile, when it got `before` kinds of
   * them: the reply may confirm one more, and a monitor sees its own command behind the reply.
   */
  answersFirst(before: number): boolean {
    return this.isMonitor || this.receives > before;
  }

  get subscriptions(): number {
    return this.channels + this.patterns + this.shardChannels;
  }
}

/** The bits of a session that tracks keys (CLIENT TRACKING). */
export const tracks = {
  ON: 1 << 0,
  BCAST: 1 << 1,
  OPTIN: 1 << 2,
  OPTOUT: 1 << 3,
  NOLOOP: 1 << 4,
  /** CLIENT CACHING came before the next command. */
  CACHING: 1 << 5,
} as const;

/** Capabilities and address of a follower. */
export interface FollowerTraits {
  listeningPort: number;
  ipAddress: string;
  eof: boolean;
  psync2: boolean;
  isCopy: boolean;
  tellsTree: boolean;
  seekers: string;
  contents: SnapshotContents;
}
