// What all threads of a node share, and how a thread attaches to it. Store, journal and standing
// are in shared memory that is reserved once, before the first data thread starts; the objects that
// work on it belong to one thread each. It decides nothing about threads.
// Invariant: the thread that expires or evicts an item records the effect.

import { wallClockMs } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { CommandStatistics } from "../command/core/command-statistics.ts";
import type { Control } from "../command/core/node.ts";
import { Observer } from "../command/core/observer.ts";
import type { Session } from "../command/core/session.ts";
import { Libraries } from "../command/function/node-libraries.ts";
import { Scripts } from "../command/script/scripts.ts";
import { SharedScripts } from "../command/script/shared-scripts.ts";
import type { Config } from "../config/config.ts";
import { clientMemoryBytes } from "../config/memory-plan.ts";
import { Effects } from "../journal/effects.ts";
import { EventLog, type EventLogMemory, reserveEventLog } from "../journal/event-log.ts";
import {
  Journal,
  type JournalMemory,
  journalLockWord,
  type Lock,
  reserveJournal,
} from "../journal/journal.ts";
import { Keyspace } from "../keyspace/keyspace.ts";
import { reserveWatchedSlots, WatchedSlots } from "../keyspace/watched-slots.ts";
import type { ErrorSink } from "../protocol/reply.ts";
import { type CurveMemory, reserveCurve } from "../store/curve/sample-ring.ts";
import { SampledStore } from "../store/curve/sampled-store.ts";
import type { HashKey } from "../store/hash.ts";
import { Mutex } from "../store/lock.ts";
import { reserveStore, type StoreMemory } from "../store/memory.ts";
import { Store } from "../store/store.ts";
import { ClientMemory, reserveClientMemory } from "./connection/client-memory.ts";
import { LateReplies } from "./late-replies.ts";
import { SharedClientLimits } from "./shared-client-limits.ts";
import { SharedTimeBounds } from "./shared-time-bounds.ts";
import { SharedStanding } from "./standing.ts";
import { reserveDeliveryDebt } from "./threads/delivery-debt.ts";

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

export function reserveMemory(config: Config): SharedMemory {
  const store = reserveStore({
    memoryLimitBytes: config.maxMemory,
    reserveBytes: config.reserve,
    valueBytesMax: config.maxValueSize,
    eviction: config.eviction,
    databases: config.databases,
    hashKey: drawHashKey(),
    versionEpoch: wallClockMs(),
    concurrent: config.threads > 1,
  });
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

/** Random in each process, and known to its threads only. */
function drawHashKey(): HashKey {
  const [first, second, third, fourth] = crypto.getRandomValues(new Int32Array(4));
  return [first, second, third, fourth];
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

/** Where redis.LOG_DEBUG, LOG_VERBOSE, LOG_NOTICE and LOG_WARNING go. */
const levelsOfScripts = ["debug", "debug", "info", "warn"] as const;

/** The scripts as one thread knows them; the control thread owns them. */
export function makeScripts(attached: Attached, log: Logger, control: AskedControl): Scripts {
  const { statistics, sharedScripts: shared } = attached;
  const host = machineHost(attached, log, control);
  return new Scripts(statistics.errors, { ...{ shared, isOwner: control !== null }, ...host });
}

/** The libraries of functions, which the control thread has. */
export function makeLibraries(attached: Attached, log: Logger, control: AskedControl): Libraries {
  return new Libraries(attached.statistics.errors, machineHost(attached, log, control));
}

/** What scripts ask of the node, from when its parts are there; null: not in this thread. */
export type AskedControl = { control: Control | null } | null;

function machineHost({ standing, clientMemory }: Attached, log: Logger, asked: AskedControl) {
  const late = new LateReplies(clientMemory, log);
  return {
    control: () => asked?.control ?? null,
    timeLimitMs: () => standing.scriptMsMax,
    log: (level: number, text: string) => log[levelsOfScripts[level]](text),
    busy: {
      setBusy: (isBusy: boolean) => {
        standing.isBusy = isBusy;
      },
      answer: (session: Session, errors: ErrorSink) => late.answer(session, errors),
    },
  };
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
