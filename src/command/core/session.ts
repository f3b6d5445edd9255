// What the server knows about one connection, as far as commands may see and change it. It holds no
// socket: the server acts on `closing` and `replyMode` after a command has run.

import type { Link } from "../../base/link.ts";
import type { Transaction, Watched } from "./transaction-data.ts";

export type ReplyMode = "on" | "off" | "skip-next" | "skip-this";

/** normal: a client; follower: a link that PSYNC opened; join: one that JOIN opened; leader: the stream we apply. */
export type SessionKind = "normal" | "follower" | "join" | "leader";

export class Session {
  readonly id: number;
  /** `ip:port` of the peer and of our end. */
  readonly address: string;
  readonly localAddress: string;
  /** By the monotonic clock. */
  readonly createdAtMs: number;
  /** When bytes last came from the peer, or it took some of what waited for it; monotonic, too. */
  lastActiveMs: number;
  kind: SessionKind = "normal";
  name = "";
  libraryName = "";
  libraryVersion = "";
  user = "default";
  authenticated: boolean;
  /** RESP version, 2 or 3. */
  protocol: 2 | 3 = 2;
  lastCommand = "NULL";
  replyMode: ReplyMode = "on";
  noEvict = false;
  noTouch = false;
  /** Journal offset behind the last write of this connection: what WAIT waits for. */
  lastWriteOffset = 0;
  /** What has been queued since MULTI; null outside of a transaction. */
  transaction: Transaction | null = null;
  /** Its EXEC runs now: nothing in it waits for followers. */
  isExecuting = false;
  /** The keys that WATCH guards; null for none. */
  watched: Watched | null = null;
  /** How many channels and patterns it has subscribed to. */
  channels = 0;
  patterns = 0;
  /** The bytes of their names. */
  subscriptionBytes = 0;
  /** The client has closed its half of the connection; it may still read. */
  inputEnded = false;
  /** Set by QUIT and by CLIENT KILL: the replies so far go out, then the connection ends. */
  closing = false;
  /**
   * What owns this connection since its PSYNC or JOIN. It is where the connection is: a copy of the
   * session in another thread has none, as private fields are not copied.
   */
  #link: Link | null = null;
  /** What REPLCONF told us before a PSYNC. */
  readonly replconf: FollowerTraits = {
    listeningPort: 0,
    ipAddress: "",
    eof: false,
    psync2: false,
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
  }

  get link(): Link | null {
    return this.#link;
  }

  set link(link: Link | null) {
    this.#link = link;
  }

  get subscriptions(): number {
    return this.channels + this.patterns;
  }
}

/** Capabilities and address of a follower, as announced by REPLCONF. */
export interface FollowerTraits {
  listeningPort: number;
  ipAddress: string;
  eof: boolean;
  psync2: boolean;
}
