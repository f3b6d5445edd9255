// The interface between a connection and the replication link that it became by PSYNC or JOIN: what
// the link may do with its socket, and which events it gets. Connections and links know nothing
// more of each other.

/**
 * What nodes of ours tell each other on their links, beside the stream: the capability in REPLCONF
 * capa, whose answer then repeats it, and the option with which a follower tells its leader of its
 * own followers. A Redis ignores the one, does not repeat it, and so never gets the other.
 */
export const treeCapability = "mscache-tree";
/** The option with which a leader tells its follower of the way up to the root. */
export const wayOption = "mscache-way";

/**
 * A capability, with what seekers.ts tells behind it: a node without a leader's link learns by it
 * that it follows itself. A Redis ignores it.
 */
export const seekersCapability = "mscache-seekers=";

/** A connection that a link writes to. It does not buffer. */
export interface LinkSocket {
  /** Returns how many bytes were accepted; the link offers the rest again after onDrain(). */
  write(bytes: Uint8Array): number;
  end(): void;
  readonly remoteAddress: string;
}

/** The owner of a connection after PSYNC or JOIN: gets the events of its socket. */
export interface Link {
  /** Gets the raw bytes. Without it, the connection keeps decoding commands. */
  onData?(chunk: Uint8Array): void;
  onDrain(): void;
  onClose(): void;
  /** Bytes that wait for the follower, in the link's own memory or kept of the stream for it. */
  readonly waitingBytes: number;
  /** `REPLCONF ACK offset`, which arrives as an ordinary command. */
  acknowledge?(offset: number): void;
  /** `REPLCONF mscache-tree text`: what the follower tells of its own followers. */
  tellTree?(text: string): void;
}

/** What the server's session knows about a follower's connection before PSYNC. */
export interface LinkPeer {
  readonly id: number;
  /**
   * When bytes last arrived, by the monotonic clock; the bare newlines of a loading follower count.
   */
  readonly lastActiveMs: number;
  readonly replconf: {
    readonly listeningPort: number;
    /** Empty unless the follower announced one. */
    readonly ipAddress: string;
    readonly eof: boolean;
    readonly psync2: boolean;
    /** It lives in somebody's program, may lack keys, and cannot be promoted. */
    readonly isCopy?: boolean;
    /** It tells of its own followers, and wants to be told of the way up. */
    readonly tellsTree?: boolean;
    /** Itself and the nodes that asked it in vain (seekers.ts); empty: it is no node of ours. */
    readonly seekers?: string;
    /** What it wants of a snapshot, if not everything: the libraries of functions, or nothing. */
    readonly contents?: SnapshotContents;
  };
}

/** What a snapshot has. A reader may ask for less (redis-cli --functions-rdb). */
export type SnapshotContents = "everything" | "libraries" | "nothing";
