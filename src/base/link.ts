// A connection that became a link, PSYNC's or JOIN's, as seen from both sides: what the link may do with its
// socket, and what it is told of it. Connections and links do not know each other by more than this.

/** A connection that a link writes to. It does not keep what it does not take. */
export interface LinkSocket {
  /** How many of the bytes were taken; the rest is offered again after onDrain(). */
  write(bytes: Uint8Array): number;
  end(): void;
  readonly remoteAddress: string;
}

/** What owns a connection after PSYNC or JOIN: the events of its socket. */
export interface Link {
  /** Bytes that are no commands; without it the connection goes on decoding commands. */
  onData?(chunk: Uint8Array): void;
  onDrain(): void;
  onClose(): void;
  /** `REPLCONF ACK offset`, which comes as an ordinary command. */
  acknowledge?(offset: number): void;
}

/** What is known of a follower's connection before its PSYNC: the server's session. */
export interface LinkPeer {
  readonly id: number;
  /** When bytes last came from it, by the monotonic clock; bare newlines while it loads count. */
  readonly lastActiveMs: number;
  readonly replconf: {
    readonly listeningPort: number;
    /** Empty unless it announced one. */
    readonly ipAddress: string;
    readonly eof: boolean;
    readonly psync2: boolean;
  };
}
