// What the server knows about one connection, as far as commands may see and change it. It holds no
// socket: the server acts on `closing` and `replyMode` after a command has run.

export type ReplyMode = "on" | "off" | "skip-next" | "skip-this";

/** normal: a client; follower: a link that PSYNC opened; join: one that JOIN opened; leader: the stream we apply. */
export type SessionKind = "normal" | "follower" | "join" | "leader";

export class Session {
  readonly id: number;
  /** `ip:port` of the peer and of our end. */
  readonly address: string;
  readonly localAddress: string;
  readonly createdAtMs: number;
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
  /** Set by QUIT and by CLIENT KILL: the replies so far go out, then the connection ends. */
  closing = false;
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
}

/** Capabilities and address of a follower, as announced by REPLCONF. */
export interface FollowerTraits {
  listeningPort: number;
  ipAddress: string;
  eof: boolean;
  psync2: boolean;
}
