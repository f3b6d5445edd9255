// Hot path: the one door for changes. Every change of an item passes through here, and changes
// store and journal together: commands of clients, a leader's stream, a snapshot, and what the
// store expires or evicts by itself. No other code may call what changes a store (a test holds
// that); reads go to the store directly. It decides nothing about commands, and takes locks only
// where it says so: otherwise the caller holds the shards.
// Invariant: what changed the store is in the journal, once and in absolute terms, and what changed
// nothing is not. On a follower effects are muted: its leader's bytes are in the journal already.

import type { Effects } from "../journal/effects.ts";
import {
  type Replacement,
  STORED,
  type Store,
  type RemovalReason as StoreRemovalReason,
} from "../store/store.ts";

/** Why an item is no longer there. */
export type RemovalReason = "deleted" | StoreRemovalReason;

export class Keyspace {
  private readonly store: Store;
  private readonly effects: Effects;

  constructor(store: Store, effects: Effects) {
    this.store = store;
    this.effects = effects;
    store.listener = {
      removed: (reason, bytes, start, end) => this.removed(reason, bytes, start, end),
    };
  }

  // ---- items ------------------------------------------------------------------------------------

  /** As Store.set(): STORED, or why not. */
  set(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
    clientFlags: number,
  ): number {
    const result = this.store.set(
      key,
      keyStart,
      keyEnd,
      value,
      valueStart,
      valueEnd,
      expiresAt,
      clientFlags,
    );
    if (result !== STORED) return result;
    this.effects.set(key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt);
    return STORED;
  }

  /** As Store.setRange(); the item is then the store's current one. */
  setRange(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    offset: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    now: number,
  ): number {
    const result = this.store.setRange(key, keyStart, keyEnd, offset, bytes, start, end, now);
    if (result !== STORED) return result;
    this.effects.setRange(key, keyStart, keyEnd, offset, bytes, start, end);
    return STORED;
  }

  /**
   * A new expiry for an item that was found, 0 for none; false if there is no room for it to move.
   */
  setExpiry(key: Uint8Array, start: number, end: number, expiresAt: number): boolean {
    if (!this.store.setExpiry(key, start, end, expiresAt)) return false;
    this.effects.expireAt(key, start, end, expiresAt);
    return true;
  }

  /** True if an item that lives at `now` went. */
  delete(key: Uint8Array, start: number, end: number, now: number): boolean {
    if (!this.store.delete(key, start, end, now)) return false;
    this.removed("deleted", key, start, end);
    return true;
  }

  /**
   * FLUSHALL. The effect is recorded before any shard is free again: no later write may come before
   * it.
   */
  flush(): void {
    const taken = this.store.lockShards(this.store.allShards);
    this.store.clear();
    this.effects.flushAll();
    this.store.unlockShards(taken);
  }

  /** The store calls this for each item that it expires or evicts, while the shard is locked. */
  private removed(_reason: RemovalReason, key: Uint8Array, start: number, end: number): void {
    this.effects.delete(key, start, end);
  }

  // ---- whole sets of items: no effects, as the journal begins behind them -----------------------

  /** An item of a snapshot, before anybody reads; locks its shard. As Store.set(). */
  load(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
  ): number {
    const store = this.store;
    store.lock(key, keyStart, keyEnd);
    const result = store.set(key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt, 0);
    store.unlock(key, keyStart, keyEnd);
    return result;
  }

  /** An item of a snapshot that is not to be here: followers that have it must not keep it. */
  leaveOut(key: Uint8Array, start: number, end: number): void {
    this.effects.delete(key, start, end);
  }

  /** What was loaded is not to be served after all. */
  clear(): void {
    this.store.clear();
  }

  /** Begins to gather what is to take the place of all items. */
  beginReplacement(): Replacement {
    return this.store.beginReplacement();
  }
}
