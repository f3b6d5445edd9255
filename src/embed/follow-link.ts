// What a copy in a process is made of: memory for its items, and a follower that fills it. It is
// put together here as node/parts.ts does it for a node, without anything that serves clients. What
// the copy answers is decided in local-copy.ts.
// Invariant: while `isWhole`, the items are those of one moment of the leader's history; the gaps
// say which of its keys are not among them.

import { monotonicMs, wallClockMs } from "../base/clock.ts";
import { followTickMs, overdraftShare } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import { Libraries } from "../command/function/node-libraries.ts";
import { Channels } from "../command/messages/channels.ts";
import { Monitors } from "../command/messages/monitors.ts";
import { Scripts } from "../command/script/scripts.ts";
import { applier } from "../command/stream/apply.ts";
import { Tracking } from "../command/tracking/tracking.ts";
import { loadConfig } from "../config/config.ts";
import type { Journal } from "../journal/journal.ts";
import type { Keyspace } from "../keyspace/keyspace.ts";
import {
  type Attached,
  attach,
  controlThread,
  reserveMemory,
} from "../node/shared/shared-memory.ts";
import { Follower } from "../replication/follower/follower.ts";
import type { Selection } from "../replication/follower/follower-parts.ts";
import { isRefusal } from "../replication/follower/handshake.ts";
import { History } from "../replication/history.ts";
import { Traffic } from "../replication/traffic.ts";
import type { Store } from "../store/store.ts";
import type { Changes } from "./follow-changes.ts";
import { Filter, filter } from "./follow-filter.ts";
import { Gaps } from "./follow-gaps.ts";
import type { FollowSettings } from "./follow-options.ts";
import { Scout, type Sighting } from "./follow-scout.ts";

/** A copy needs the journal's offset, and none of its bytes. */
const journalBytes = 4096;
/** How often the leader is asked within the time that bounds staleness. */
const questionsPerBound = 3;
/** Buckets of the index that a tick looks at for items of flushed databases. */
const buriedBucketsPerTick = 4096;

export interface LinkEvents {
  /** Something of the stream was applied, or the link has come up or gone down. */
  progressed(): void;
  /** An attempt to follow has failed; `isRefusal` if the login was refused. */
  failed(reason: string, isRefusal: boolean): void;
  /** An error of our own code. */
  fault(error: unknown): void;
}

export class FollowLink {
  readonly store: Store;
  readonly keyspace: Keyspace;
  readonly journal: Journal;
  readonly follower: Follower;
  /** Whether reads may answer. A field, as every read asks: 40 ns less than to ask the journal. */
  isWhole = false;
  private readonly history = new History();
  private readonly scout: Scout | null;
  /** When the leader was heard last while the link was up. Monotonic. */
  private heardMs = Number.NEGATIVE_INFINITY;
  /** The copy has all that the leader had then. Monotonic. */
  private provenMs = Number.NEGATIVE_INFINITY;
  /** The first sighting that the copy has not reached. */
  private ahead: Sighting | null = null;
  private readonly settings: FollowSettings;
  private readonly changes: Changes;
  private readonly events: LinkEvents;
  private readonly tick: Timer;
  /** Of the snapshot that is shown, and of that which loads; one, if the old data had to go. */
  private shown = new Gaps();
  private loading = this.shown;

  constructor(settings: FollowSettings, changes: Changes, events: LinkEvents) {
    this.settings = settings;
    this.changes = changes;
    this.events = events;
    const attached = reserve(settings);
    this.store = attached.store;
    this.keyspace = attached.keyspace;
    this.journal = attached.journal;
    this.keyspace.removals = {
      removed: (_, bytes, start, end) => this.gaps.add(bytes, start, end),
    };
    this.follower = this.makeFollower(attached);
    this.tick = setInterval(() => this.beat(), followTickMs);
    const { address } = settings;
    if (address !== null) this.follower.follow(address.host, address.port);
    this.scout = this.makeScout();
  }

  /** Monotonic: what lag and staleness count from. */
  get freshMs(): number {
    return this.scout === null ? this.heardMs : this.provenMs;
  }

  get gaps(): Gaps {
    return this.shown;
  }

  /** Whether a key is one that the copy would hold. */
  covers(key: Uint8Array, end: number): boolean {
    const { prefix } = this.settings;
    if (end < prefix.length) return false;
    for (let i = 0; i < prefix.length; i++) if (key[i] !== prefix[i]) return false;
    return true;
  }

  /** Ends the link, and gives the memory back to the system. */
  close(): void {
    clearInterval(this.tick);
    this.scout?.close();
    this.follower.stop("closed");
    this.isWhole = false;
    this.journal.stop();
    this.store.expires = false;
    this.keyspace.clear();
    const { limitBytes } = this.store;
    for (let freed = 0; freed < limitBytes * 2; freed += releasedBytesPerSweep) {
      this.store.sweep(0, 0, false);
    }
  }

  private makeFollower(attached: Attached): Follower {
    const { settings, events } = this;
    const parts = { ...this.filterParts(), run: runner(attached, silent) };
    const { login, tls } = settings;
    return new Follower({
      ...attached,
      history: this.history,
      traffic: new Traffic(),
      log: silent,
      fault: (error) => events.fault(error),
      clock: { wallMs: wallClockMs, monotonicMs },
      apply: filter(parts),
      selection: this.selection(new Filter(parts)),
      random: Math.random,
      identity: () => ({ listeningPort: 0, announceIp: "", isCopy: true, ...login }),
      tls: () => tls,
      historyRenamed: () => undefined,
      historyReplaced: () => this.judge(),
      journaled: () => this.heard(),
      dataReplaced: () => this.replaced(),
      linkChanged: () => this.linkChanged(),
      failed: (reason) => events.failed(reason, isRefusal(reason)),
    });
  }

  private makeScout(): Scout | null {
    const { address, client, maxStaleness } = this.settings;
    if (address !== null && maxStaleness === Number.POSITIVE_INFINITY) return null;
    const everyMs = Math.min(followTickMs, maxStaleness / questionsPerBound);
    return new Scout(client, everyMs, {
      saw: (sighting) => this.guard(() => this.saw(sighting)),
      failed: (reason, refused) => this.events.failed(reason, refused),
    });
  }

  private filterParts() {
    const { store, keyspace, changes } = this;
    const { database, prefix } = this.settings;
    return { store, keyspace, changes, database, prefix, gaps: () => this.gaps };
  }

  private selection(filter: Filter): Selection {
    const { database } = this.settings;
    return {
      begin: () => {
        this.loading = new Gaps();
      },
      takes: (key, start, end, from) => from === database && filter.isInside(key, start, end),
      makeRoom: (key, start, end, bytes) => filter.makeRoom(key, start, end, bytes),
      lacks: (key, start, end) => {
        if (end > start) this.loading.add(key, start, end);
        else this.loading.loseCount();
      },
    };
  }

  // ---- what happens -----------------------------------------------------------------------------

  private judge(): void {
    this.isWhole = this.journal.active && !this.follower.isLoading;
  }

  private heard(): void {
    this.heardMs = monotonicMs();
    this.judge();
    this.compare();
    this.tell();
  }

  private tell(): void {
    this.events.progressed();
    if (this.isWhole) this.changes.deliver();
  }

  private saw(sighting: Sighting): void {
    const { follower, settings } = this;
    const { host, port } = sighting.address;
    const isElsewhere = follower.host !== host || follower.port !== port;
    if (settings.address === null && isElsewhere) follower.follow(host, port);
    // One that is not reached stays: a copy that is always a little behind reaches it in the end.
    if (this.ahead?.replid !== this.history.replid) this.ahead = null;
    this.ahead ??= sighting;
    this.compare();
    if (this.ahead === null) this.events.progressed();
  }

  /** The offset of a history names one state, whichever node shows it. */
  private compare(): void {
    const { ahead } = this;
    if (ahead === null || !this.isWhole || ahead.replid !== this.history.replid) return;
    if (this.journal.offset < ahead.offset) return;
    this.provenMs = ahead.askedMs;
    this.ahead = null;
  }

  /** Right before the old data go. */
  private replaced(): void {
    this.shown = this.loading;
    this.changes.flushed();
  }

  /** Not yet `connected` where the stream goes on right after this. */
  private linkChanged(): void {
    if (!this.follower.isUp) return;
    this.judge();
    this.heardMs = monotonicMs();
    queueMicrotask(() => this.guard(() => this.tell()));
  }

  private beat(): void {
    this.guard(() => {
      this.follower.tick();
      this.store.sweep(buriedBucketsPerTick, 0, false);
    });
  }

  private guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.events.fault(error);
    }
  }
}

/** What a sweep gives back to the system at a time. */
const releasedBytesPerSweep = 16 * 1024 * 1024;

function reserve({ maxMemory, database }: FollowSettings): Attached {
  const config = {
    ...loadConfig({}, {}, () => ""),
    ...{ maxMemory, reserve: Math.ceil(maxMemory * (1 + overdraftShare)) },
    ...{ journalSize: journalBytes, databases: database + 1, threads: 1 },
    eviction: "s3fifo" as const,
  };
  const attached = attach(reserveMemory(config), controlThread);
  attached.store.expires = false;
  attached.effects.muted = true;
  attached.standing.sparseSketchBytesMax = config.hllSparseBytesMax;
  attached.standing.follow("a leader");
  return attached;
}

function runner(attached: Attached, log: Logger) {
  const { errors } = attached.statistics;
  const parts = {
    ...attached,
    channels: new Channels(),
    tracking: new Tracking(() => undefined),
    monitors: new Monitors(() => undefined),
    scripts: new Scripts(errors),
    libraries: new Libraries(errors),
  };
  return applier(parts, { log, refusesOtherTypes: () => false });
}

/** A library writes no lines; what its owner must know are errors, states and reasons. */
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
