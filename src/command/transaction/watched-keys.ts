// Watched keys: as they were at WATCH, whether they have changed since, and what a change of whole
// databases does to them. For Redis, a swap or a flush changes the watched keys that have a value
// before it or after it. For the clients of the thread that makes the change this is found out at
// that moment; the clients of other threads take it for a change of all their keys of these
// databases.
// Invariant: a change is never missed; one may be seen where there was none.

import { wallClockMs } from "../../base/clock.ts";
import type { Concerned, Keyspace, TableObserver } from "../../keyspace/keyspace.ts";
import type { Store } from "../../store/store.ts";
import type { Context } from "../core/context.ts";
import type { Session } from "../core/session.ts";
import type { Watched, WatchedKey } from "../core/transaction-data.ts";
import { watchedDatabase, watchedKey } from "../core/watched-names.ts";

/** A key of the selected database as it is now. */
export function keyNow(
  store: Store,
  key: Uint8Array,
  start: number,
  end: number,
  now: number,
): WatchedKey {
  // find() removes an expired item, which changes the version, so it must come first.
  const lived = store.find(key, start, end, now);
  const { generation, clears } = store.databases;
  return { version: store.version(key, start, end) - clears, clears, generation, lived };
}

/** The caller has locked all their shards. */
export function haveChanged(x: Context, watched: Watched): boolean {
  let hasChanged = false;
  for (const [name, seen] of watched.keys) {
    x.keyspace.select(watchedDatabase(name));
    hasChanged = hasKeyChanged(x.store, watchedKey(name), seen, x.now);
    if (hasChanged) break;
  }
  x.keyspace.select(x.session.database);
  return hasChanged;
}

function hasKeyChanged(store: Store, key: Uint8Array, seen: WatchedKey, now: number): boolean {
  const { generation, clears } = store.databases;
  if (generation !== seen.generation) return true;
  if (store.version(key, 0, key.length) - clears !== seen.version) return true;
  if (!seen.lived) return false;
  return clears !== seen.clears || !store.find(key, 0, key.length, now);
}

/** As the version of a key that a change of its database has changed: equal to none. */
const changed = Number.NaN;

/** Tells the clients of one thread of changes that this thread makes to whole databases. */
export class WatchedDatabases implements TableObserver {
  private readonly store: Store;
  private readonly keyspace: Keyspace;
  /** The sessions of this thread. */
  private readonly sessions: () => Iterable<Session>;

  constructor(store: Store, keyspace: Keyspace, sessions: () => Iterable<Session>) {
    this.store = store;
    this.keyspace = keyspace;
    this.sessions = sessions;
  }

  before(concerned: Concerned): void {
    const now = wallClockMs();
    this.each((keys, name, seen) => {
      const database = watchedDatabase(name);
      this.keyspace.select(database);
      const hasChanged = hasKeyChanged(this.store, watchedKey(name), seen, now);
      const lives = () => concerned(database).some((it) => this.keyIn(it, name, now).lived);
      if (hasChanged || lives()) keys.set(name, { ...seen, version: changed });
    });
  }

  after(): void {
    const now = wallClockMs();
    this.each((keys, name, { version }) => {
      const seen = this.keyIn(watchedDatabase(name), name, now);
      keys.set(name, Number.isNaN(version) ? { ...seen, version } : seen);
    });
  }

  private each(
    visit: (keys: Map<string, WatchedKey>, name: string, seen: WatchedKey) => void,
  ): void {
    const { selected } = this.store.databases;
    for (const { watched } of this.sessions()) {
      if (watched === null) continue;
      for (const [name, seen] of watched.keys) visit(watched.keys, name, seen);
    }
    this.keyspace.select(selected);
  }

  private keyIn(database: number, name: string, now: number): WatchedKey {
    this.keyspace.select(database);
    const key = watchedKey(name);
    return keyNow(this.store, key, 0, key.length, now);
  }
}
