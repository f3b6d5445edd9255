// What all threads of a node share, and how a thread attaches to it. Store, journal and standing
// are in shared memory that is reserved once, before the first data thread starts; the objects that
// work on it belong to one thread each. It decides nothing about threads.
// Invariant: the thread that expires or evicts an item records the effect.

import { CommandStatistics } from "../../command/core/command-statistics.ts";
import { Observer } from "../../command/core/observer.ts";
import { SharedScripts } from "../../command/script/shared-scripts.ts";
import type { Config } from "../../config/config.ts";
import { clientMemoryBytes } from "../../config/memory-plan.ts";
import { Effects } from "../../journal/effects.ts";
import { EventLog, type EventLogMemory, reserveEventLog } from "../../journal/event-log.ts";
import {
  Journal,
  type JournalMemory,
  journalLockWord,
  type Lock,
  reserveJournal,
} from "../../journal/journal.ts";
import { Keyspace } from "../../keyspace/keyspace.ts";
import { reserveWatchedSlots, WatchedSlots } from "../../keyspace/watched-slots.ts";
import { type CurveMemory, reserveCurve } from "../../store/curve/sample-ring.ts";
import { SampledStore } from "../../store/curve/sampled-store.ts";
import { Mutex } from "../../store/lock.ts";
import type { StoreMemory } from "../../store/memory.ts";
import { Store } from "../../store/store.ts";
import { ClientMemory, reserveClientMemory } from "./client-memory.ts";
import { reserveDeliveryDebt } from "./delivery-debt.ts";
import { SharedClientLimits } from "./shared-client-limits.ts";
import { SharedTimeBounds } from "./shared-time-bounds.ts";
import { SharedStanding } from "./standing.ts";
import { reserveStoreMemory } from "./store-memory.ts";

/** Can be structured-cloned: it is posted to each data thread. */
export interface SharedMemory {
  readonly store: StoreMemory;
  readonly journal: JournalMemory;
  readonly events: EventLogMemory;
  readonly standing: SharedArrayBuffer;
  readonly clients: SharedArrayBuffer;
  readonly times: SharedArrayBuffer;
  readonly limits: SharedArrayBuffer;
  readonly deliveries: SharedArrayBuffer;
  readonly watched: SharedArrayBuffer;
  /** Null without a miss curve. */
  readonly curve: CurveMemory | null;
  /** Null with one data thread. */
  readonly scripts: SharedArrayBuffer | null;
}

/** One thread's view of the shared memory. */
export interface Attached {
  readonly store: Store;
  readonly keyspace: Keyspace;
  readonly journal: Journal;
  readonly effects: Effects;
  readonly events: EventLog;
  readonly standing: SharedStanding;
  readonly clientMemory: ClientMemory;
  readonly timeBounds: SharedTimeBounds;
  readonly clientLimits: SharedClientLimits;
  /** Not shared: the counters of this thread. */
  readonly statistics: CommandStatistics;
  readonly observer: Observer;
  readonly sharedScripts: SharedScripts | null;
}

/** The control thread's number; data threads in Workers count from 1. */
export const controlThread = 0;

export function reserveMemory(
  config: Config,
  store: StoreMemory = reserveStoreMemory(config),
): SharedMemory {
  return {
    store,
    journal: reserveJournal(config.journalSize),
    events: reserveEventLog(),
    standing: new SharedStanding().memory,
    clients: reserveClientMemory(config.threads, clientMemoryBytes(config)),
    times: new SharedTimeBounds().memory,
    limits: new SharedClientLimits().memory,
    deliveries: reserveDeliveryDebt(config.threads),
    watched: reserveWatchedSlots(config.threads),
    curve: config.missCurve ? reserveCurve(config.threads + 1) : null,
    scripts: config.threads > 1 ? SharedScripts.reserve() : null,
  };
}

/** Attaches the thread with that number and marks it alive. */
export function attach(memory: SharedMemory, thread: number): Attached {
  const store = makeStore(memory, thread);
  store.threads.markAlive(thread);
  const journal = memory.store.concurrent
    ? new Journal(memory.journal, journalLock(memory.journal, store, thread))
    : new Journal(memory.journal);
  const effects = new Effects(journal);
  const events = new EventLog(memory.events, journal);
  const watched = new WatchedSlots(memory.watched, thread);
  const keyspace = new Keyspace(store, effects, events, watched);
  const standing = new SharedStanding(memory.standing);
  const clientMemory = new ClientMemory(memory.clients, thread);
  const timeBounds = new SharedTimeBounds(memory.times);
  const clientLimits = new SharedClientLimits(memory.limits);
  const statistics = new CommandStatistics(timeBounds);
  return {
    ...{ store, keyspace, journal, effects, events, standing },
    ...{ statistics, clientMemory, timeBounds, clientLimits },
    observer: new Observer(events),
    sharedScripts: memory.scripts === null ? null : new SharedScripts(memory.scripts),
  };
}

function makeStore({ store, curve }: SharedMemory, thread: number): Store {
  return curve === null ? new Store(store, thread) : new SampledStore(store, thread, curve);
}

/** Makes a change while no thread is in the middle of a command. */
export function betweenCommands<Result>(store: Store, change: () => Result): Result {
  const taken = store.lockShards(store.allShards);
  const result = change();
  store.unlockShards(taken);
  return result;
}

function journalLock({ control }: JournalMemory, store: Store, thread: number): Lock {
  const mutex = new Mutex(new Int32Array(control), journalLockWord, thread, store.threads);
  return {
    lock: () => void mutex.acquire(),
    unlock: () => mutex.release(),
  };
}
