// What replication needs of the store, as interfaces: the items, and the place where whole sets of them come
// in and go. The server hands the real things in, tests hand in small ones; nothing here is code.

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
