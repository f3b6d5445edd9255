// Watched keys: as they were at WATCH, whether they have changed since, and what a change of whole
// databases does to them. For Redis, a swap or a flush changes the watched keys that have a value
// before it or after it. The thread that makes the change finds that out at that moment, for the
// keys of its own clients and for those of all threads that have a slot (watched-slots.ts). Clients
// of other threads take it for a change of their other keys of these databases.
// Invariant: a change is never missed; one may be seen where there was none.

import { wallClockMs } from "../../base/clock.ts";
import type { Concerned, Keyspace, TableObserver } from "../../keyspace/keyspace.ts";
import { noSlot, type Watch } from "../../keyspace/watched-slots.ts";
import type { Store } from "../../store/store.ts";
import type { Context } from "../core/context.ts";
import { watchedDatabase, watchedKey } from "../core/watched-names.ts";
import type { Session } from "../terms/session.ts";
import type { Watched } from "../terms/transaction-data.ts";

/** A key of the selected database as it is now. */
export function keyNow(
  store: Store,
  key: Uint8Array,
  start: number,
  end: number,
  now: number,
): Watch {
  // find() removes an expired item, which changes the version, so it must come first.
  const lived = store.find(key, start, end, now);
  const { generation, clears } = store.databases;
  return { version: store.version(key, start, end) - clears, clears, generation, lived };
}

/** The caller has locked all their shards. */
export function haveChanged(x: Context, watched: Watched): boolean {
  let hasChanged = false;
  for (const [name, key] of watched.keys) {
    const seen = key.handle === noSlot ? key : x.keyspace.watched.at(key.handle);
    x.keyspace.select(watchedDatabase(name));
    hasChanged = seen === null || hasKeyChanged(x.store, watchedKey(name), seen, x.now);
    if (hasChanged) break;
  }
  x.keyspace.select(x.session.database);
  return hasChanged;
}

function hasKeyChanged(store: Store, key: Uint8Array, seen: Watch, now: number): boolean {
  const { generation, clears } = store.databases;
  if (generation !== seen.generation) return true;
  if (store.version(key, 0, key.length) - clears !== seen.version) return true;
  if (!seen.lived) return false;
  return clears !== seen.clears || !store.find(key, 0, key.length, now);
}

/** As the version of a key that a change of its database has changed: equal to none. */
const changed = Number.NaN;

/** A watched key of some client, and what is known of it. */
interface Place {
  readonly database: number;
  readonly key: Uint8Array;
  seen: Watch;
}

/** Finds out what changes that this thread makes to whole databases are to watched keys. */
export class WatchedDatabases implements TableObserver {
  private readonly store: Store;
  private readonly keyspace: Keyspace;
  /** The sessions of this thread. */
  private readonly sessions: () => Iterable<Session>;

  constructor(store: Store, keyspace: Keyspace, sessions: () => Iterable<Session>) {
    this.store = store;
    this.keyspace = keyspace;
    this.sessions = sessions;
    keyspace.watched.named = () => this.handles();
  }

  before(concerned: Concerned): void {
    const now = wallClockMs();
    this.each((place) => {
      const { database, key, seen } = place;
      this.keyspace.select(database);
      const hasChanged = hasKeyChanged(this.store, key, seen, now);
      const lives = () => concerned(database).some((it) => this.keyIn(it, key, now).lived);
      if (hasChanged || lives()) place.seen = { ...seen, version: changed };
    });
  }

  after(): void {
    const now = wallClockMs();
    this.each((place) => {
      const { version } = place.seen;
      const seen = this.keyIn(place.database, place.key, now);
      place.seen = Number.isNaN(version) ? { ...seen, version } : seen;
    });
  }

  private each(visit: (place: Place) => void): void {
    const { selected } = this.store.databases;
    this.eachInSlots(visit);
    this.eachOfOwn(visit);
    this.keyspace.select(selected);
  }

  private eachInSlots(visit: (place: Place) => void): void {
    const slots = this.keyspace.watched;
    for (const slot of slots.filled()) {
      const [database, key] = [slots.databaseOf(slot), slots.keyOf(slot)];
      const place = { database, key, seen: slots.read(slot) };
      visit(place);
      slots.write(slot, place.seen);
    }
  }

  /** Those without a slot. */
  private eachOfOwn(visit: (place: Place) => void): void {
    for (const { watched } of this.sessions()) {
      if (watched === null) continue;
      for (const [name, seen] of watched.keys) {
        const { handle } = seen;
        if (handle !== noSlot) continue;
        const place = { database: watchedDatabase(name), key: watchedKey(name), seen };
        visit(place);
        watched.keys.set(name, { ...place.seen, handle });
      }
    }
  }

  private *handles(): Iterable<number> {
    for (const { watched } of this.sessions()) {
      for (const { handle } of watched?.keys.values() ?? []) if (handle !== noSlot) yield handle;
    }
  }

  private keyIn(database: number, key: Uint8Array, now: number): Watch {
    this.keyspace.select(database);
    return keyNow(this.store, key, 0, key.length, now);
  }
}
