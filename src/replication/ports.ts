// What replication needs of its surroundings, as interfaces: the store, time, the log and a follower's
// connection. The server hands the real things in, tests hand in small ones; nothing here is code.

import type { Request } from "../protocol/request.ts";

export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface Clock {
  /** Milliseconds since 1970: expiry times and `now` for the store. */
  wallMs(): number;
  /** Milliseconds that never go backwards: durations. */
  monotonicMs(): number;
}

/** The part of the store (store/store.ts) that replication uses. */
export interface ReplicatedStore {
  /** The current item, after a successful find() or during a visit. */
  valueLength: number;
  expiresAt: number;
  keyBytes: Uint8Array;
  keyStart: number;
  keyEnd: number;
  copyTo(target: Uint8Array, at: number, from: number, length: number): void;
  /** True on a leader: this node expires and evicts by itself. */
  expires: boolean;
  lock(key: Uint8Array, start: number, end: number): void;
  unlock(key: Uint8Array, start: number, end: number): void;
  find(key: Uint8Array, start: number, end: number, now: number): boolean;
  /** Visits some items that live at `now`; the cursor to go on with, 0 at the end. No key comes twice. */
  scan(cursor: number, now: number, visitor: StoreVisitor): number;
  /** Whether a walk at that cursor has left a key's place behind. */
  passed(cursor: number, key: Uint8Array, start: number, end: number): boolean;
  /** The longest value that is taken. */
  readonly valueBytesMax: number;
  count(): number;
  memoryUsed(): number;
}

/** Where whole sets of items come in and go (command/core/keyspace.ts). */
export interface ReplicatedKeyspace {
  clear(): void;
  /** Begins to gather other data, while those that are there stay readable. One at a time. */
  beginReplacement(): Replacement;
}

/** Data that are to take the place of all items of a store (store/replacement.ts). */
export interface Replacement {
  /** Whether an item of so many bytes of key and value fits beside all there is. */
  fits(bytes: number): boolean;
  /** STORED, or why the item does not fit; takes the key's lock. */
  set(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
    clientFlags: number,
  ): number;
  /** What was there is gone, and what was gathered is served; set() goes on in it. */
  takeOver(): void;
  /** What was gathered is gone; only before takeOver(). */
  abandon(): void;
}

export interface StoreVisitor {
  visit(store: ReplicatedStore): void;
}

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

/** What became of a command: one that is `refused` had no room here, and its keys are gone. */
export type Applied = "applied" | "skipped" | "refused";

/**
 * Executes one command of the leader's stream, with the recording of effects muted. Throws a SyncError
 * where this node cannot follow.
 */
export interface Apply {
  /** `lacksValues`: values of the leader had no room here since the last full sync. */
  (request: Request, database: number, lacksValues: boolean): Applied;
  /** Throws as well, but changes nothing: for a command of a transaction that is still incomplete. */
  readonly check?: (request: Request, database: number) => void;
  /** Has `work` apply a transaction with no other thread in between; absent where there is none. */
  readonly atOnce?: (work: () => void) => void;
}
