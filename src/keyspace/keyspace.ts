// Hot path: the one door for changes. Every change of an item passes through here, and changes
// store, journal and event log together: commands of clients, a leader's stream, a snapshot, and
// what the store expires or evicts by itself. No other code may call what changes a store (a test
// holds that); reads go to the store directly. It decides nothing about commands, and takes locks
// only where it says so: otherwise the caller holds the shards.
// Invariant: what changed the store is in the journal, once and in absolute terms, and what changed
// nothing is not; the event log has it as well while somebody reads it.

// On a follower effects are muted: its leader's bytes are in the journal already. While nobody
// wants to know, a change costs the look at one word.

import type { Effects } from "../journal/effects.ts";
import { CREATED, event, record } from "../journal/event-kinds.ts";
import type { EventLog } from "../journal/event-log.ts";
import {
  type RemovalListener,
  type Replacement,
  STORED,
  type Store,
  type RemovalReason as StoreRemovalReason,
} from "../store/store.ts";
import { reserveWatchedSlots, WatchedSlots } from "./watched-slots.ts";

/** Why an item is no longer there. */
export type RemovalReason = "deleted" | StoreRemovalReason;

/**
 * The databases whose keys a key of `database` loses, or takes the place of, by a change of whole
 * databases.
 */
export type Concerned = (database: number) => readonly number[];

/** Hears of changes of whole databases, in the thread that makes them, under all locks. */
export interface TableObserver {
  before(concerned: Concerned): void;
  after(): void;
}

export class Keyspace {
  observer: TableObserver | null = null;
  /** Hears of each item that the store removes by itself, while its shard is locked. */
  removals: RemovalListener | null = null;
  readonly watched: WatchedSlots;
  private readonly store: Store;
  private readonly effects: Effects;
  private readonly log: EventLog;

  constructor(
    store: Store,
    effects: Effects,
    log: EventLog,
    watched = new WatchedSlots(reserveWatchedSlots(1), 0),
  ) {
    this.watched = watched;
    this.store = store;
    this.effects = effects;
    this.log = log;
    store.listener = {
      removed: (reason, bytes, start, end, database) =>
        this.removed(reason, bytes, start, end, database),
    };
  }

  /** The calls that follow are about this database, those of the store as well. */
  select(database: number): void {
    if (database === this.store.databases.selected) return;
    this.effects.database = database;
    this.store.databases.select(database);
  }

  // ---- items ------------------------------------------------------------------------------------

  /**
   * As Store.set(): STORED, or why not. `kind` is what the event log tells of it, `now` when the
   * key's old item is judged.
   */
  set(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
    clientFlags: number,
    kind: number,
    now: number,
  ): number {
    const { store, effects, log } = this;
    const isTold = !effects.isIdle;
    const told = isTold && log.wantsOrigins ? this.kindFor(kind, key, keyStart, keyEnd, now) : kind;
    const result = store.set(
      key,
      keyStart,
      keyEnd,
      value,
      valueStart,
      valueEnd,
      expiresAt,
      clientFlags,
    );
    if (!isTold || result !== STORED) return result;
    effects.set(key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt);
    this.tell(told, key, keyStart, keyEnd);
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
    kind: number,
  ): number {
    const { store, effects, log } = this;
    const isTold = !effects.isIdle;
    const told = isTold && log.wantsOrigins ? this.kindFor(kind, key, keyStart, keyEnd, now) : kind;
    const result = store.setRange(key, keyStart, keyEnd, offset, bytes, start, end, now);
    if (!isTold || result !== STORED) return result;
    effects.setRange(key, keyStart, keyEnd, offset, bytes, start, end);
    this.tell(told, key, keyStart, keyEnd);
    return STORED;
  }

  /**
   * A new expiry for an item that was found, 0 for none; false if there is no room for it to move.
   */
  setExpiry(key: Uint8Array, start: number, end: number, expiresAt: number): boolean {
    if (!this.store.setExpiry(key, start, end, expiresAt)) return false;
    if (this.effects.isIdle) return true;
    this.effects.expireAt(key, start, end, expiresAt);
    this.tell(expiresAt === 0 ? event.PERSIST : event.EXPIRE, key, start, end);
    return true;
  }

  /** True if an item that lives at `now` went. */
  delete(
    key: Uint8Array,
    start: number,
    end: number,
    now: number,
    kind: number = event.DEL,
  ): boolean {
    if (!this.store.delete(key, start, end, now)) return false;
    this.gone(kind, key, start, end);
    return true;
  }

  /**
   * A write of an item that has expired already, of which nothing is left: the key was not there
   * before. Who watches it learns of the write all the same, and followers have nothing to do.
   */
  passBy(key: Uint8Array, start: number, end: number, kind: number): void {
    this.store.touchVersion(key, start, end);
    this.tell(kind | CREATED, key, start, end);
  }

  /** FLUSHALL. */
  flush(): void {
    this.changeTable(
      (database) => [database],
      () => {
        this.store.clear();
        this.effects.flushAll();
        this.tellEmptied();
      },
    );
  }

  /** FLUSHDB of the selected database. */
  flushDatabase(): void {
    const flushed = this.effects.database;
    this.changeTable(
      (database) => (database === flushed ? [flushed] : []),
      () => {
        this.store.databases.clear();
        this.effects.flushDatabase();
        this.tellEmptied(flushed);
      },
    );
  }

  /** To who knows keys of them, either is another database afterwards. */
  swapDatabases(one: number, other: number): void {
    const both = [one, other];
    this.changeTable(
      (database) => (both.includes(database) ? both : []),
      () => {
        this.store.databases.swap(one, other);
        this.effects.swapDatabases(one, other);
        this.tellEmptied();
      },
    );
  }

  /** The effect is recorded before any shard is free again: no later write may come before it. */
  private changeTable(concerned: Concerned, work: () => void): void {
    const taken = this.store.lockShards(this.store.allShards);
    this.observer?.before(concerned);
    this.effects.withJournal(work);
    this.observer?.after();
    this.store.unlockShards(taken);
  }

  /**
   * The store calls this for each item that it expires or evicts, whatever is selected, while the
   * shard is locked.
   */
  private removed(
    reason: StoreRemovalReason,
    key: Uint8Array,
    start: number,
    end: number,
    database: number,
  ): void {
    this.removals?.removed(reason, key, start, end, database);
    const { effects } = this;
    const selected = effects.database;
    effects.database = database;
    this.gone(reason === "expired" ? event.EXPIRED : event.EVICTED, key, start, end);
    effects.database = selected;
  }

  private gone(kind: number, key: Uint8Array, start: number, end: number): void {
    if (this.effects.isIdle) return;
    this.effects.delete(key, start, end);
    this.tell(kind, key, start, end);
  }

  // ---- the event log ----------------------------------------------------------------------------

  /** Tells of something that changed nothing by itself, such as the second half of a RENAME. */
  tell(kind: number, key: Uint8Array, start: number, end: number): void {
    const { log } = this;
    if (log.isOn) log.append(kind, this.effects.database, key, start, end);
  }

  /** A client asked for a key that is not there. */
  missed(key: Uint8Array, start: number, end: number): void {
    const { log } = this;
    if (log.recordsMisses) log.append(record.MISS, this.effects.database, key, start, end);
  }

  private tellEmptied(database = everyDatabase): void {
    const { log } = this;
    if (log.isOn) log.append(record.FLUSH, database, nothing, 0, 0);
  }

  /** Marks a write to a key that is not there. An expired item goes first, as in Redis. */
  private kindFor(kind: number, key: Uint8Array, start: number, end: number, now: number): number {
    const moment = this.effects.muted ? 0 : now;
    return this.store.find(key, start, end, moment) ? kind : kind | CREATED;
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
    this.tellEmptied();
  }

  /** Begins to gather what is to take the place of all items; call replaced() when it has. */
  beginReplacement(): Replacement {
    return this.store.beginReplacement();
  }

  /** What beginReplacement() has gathered is served from now on. */
  replaced(): void {
    this.tellEmptied();
  }
}

/** The database of a record that is about all of them. */
const everyDatabase = -1;
const nothing = new Uint8Array(0);
