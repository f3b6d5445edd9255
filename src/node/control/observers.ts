// Who observes the keys of this node, and the reader of the event log for all of them. It runs in
// the control thread: there the log is read in store order, and from there messages go to the
// connections of every thread. It decides when the log is written at all.
// Invariant: the log is written if and only if somebody observes.

import { latin1 } from "../../base/bytes.ts";
import { monotonicMs } from "../../base/clock.ts";
import { eventBytesPerTurn, eventLogLingerMs, turnMsMax } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { RecurringTrouble } from "../../base/recurring.ts";
import type { Channels } from "../../command/messages/channels.ts";
import type { Monitors } from "../../command/messages/monitors.ts";
import { Notifier } from "../../command/pubsub/notifier.ts";
import type { Past, Tracking } from "../../command/tracking/tracking.ts";
import { isChange, record } from "../../journal/event-kinds.ts";
import { activity, type EventLog, EventReader, type EventRecord } from "../../journal/event-log.ts";
import type { NodeConfiguration } from "../settings/configuration.ts";
import type { DeliveryDebt } from "../shared/delivery-debt.ts";

const bufferBytes = 64 * 1024;
/** Records after which it looks at the clock, and at how much threads have to deliver. */
const recordsPerLook = 4;
/** A client that resumes reads this much of the log before others are served. */
const resumeBytesPerTurn = 256 * 1024;

/** What is done when the log has been read up to a position. */
interface Deferred {
  readonly position: number;
  readonly bytes: number;
  readonly run: () => void;
}

/** A question that is answered when the log has been read up to a position. */
interface Awaited {
  readonly position: number;
  readonly arrived: () => void;
}

export interface ObserversParts {
  readonly events: EventLog;
  readonly channels: Channels;
  readonly tracking: Tracking;
  readonly monitors: Monitors;
  readonly configuration: NodeConfiguration;
  readonly log: Log;
  /** What data threads have still to deliver of what observers are told. */
  readonly debt: DeliveryDebt;
  readonly runId: string;
}

export class Observers {
  private readonly events: EventLog;
  private readonly reader: EventReader;
  private readonly notifier: Notifier;
  private readonly tracking: Tracking;
  private readonly monitors: Monitors;
  private readonly configuration: NodeConfiguration;
  private readonly losses: RecurringTrouble;
  private readonly debt: DeliveryDebt;
  /** Those who read the log, as bits of `activity`. */
  private served: number;
  private isScheduled: boolean;
  private isDraining: boolean;
  /** In the order of their positions, all of which are ahead of the reader. */
  private deferred: Deferred[];
  private deferredBytes: number;
  /** In the order of their positions. Each belongs to a connection that waits for its reply. */
  private awaited: Awaited[];
  private hasNumbered: boolean;
  /** Runs while the log is written for clients that may come back. */
  private lingering: Timer | null;
  private readonly runId: string;

  constructor(parts: ObserversParts) {
    const { events, channels, tracking, monitors, configuration, log, debt, runId } = parts;
    this.events = events;
    this.debt = debt;
    this.reader = new EventReader(events, bufferBytes);
    this.notifier = new Notifier(channels);
    this.tracking = tracking;
    this.monitors = monitors;
    this.configuration = configuration;
    this.losses = new RecurringTrouble(log, monotonicMs);
    this.served = 0;
    this.isScheduled = false;
    this.isDraining = false;
    this.deferred = [];
    this.deferredBytes = 0;
    this.awaited = [];
    this.hasNumbered = false;
    this.lingering = null;
    this.runId = runId;
    tracking.past = this.past();
    configuration.changed.on(() => {
      this.drainWhole(); // by the classes that counted when it happened
      this.update();
      this.finish(); // the bound of the table may be lower now
    });
    tracking.changed = () => this.update();
    monitors.changed = () => this.update();
    monitors.catchUp = () => this.drainWhole();
    tracking.catchUp = () => this.drain();
    tracking.caughtUp = () => this.caughtUp();
    this.update();
    // At the end of the present event, when its commands have been answered.
    events.announce = () => queueMicrotask(() => this.drainUnlessBehind());
    channels.catchUp = () => this.catchUp();
    channels.whenCaughtUp = (bytes, run) => this.defer(bytes, run);
  }

  /** Turns the log on or off, as the observers demand. */
  private update(): void {
    const { notifier, tracking } = this;
    notifier.choose(this.configuration.current.notifyKeyspaceEvents);
    let wanted = 0;
    const isAwaited = this.lingers(tracking.numbered) || tracking.count > 0;
    if (notifier.classes !== 0 || isAwaited) wanted |= activity.EVENTS;
    if (this.monitors.count > 0) wanted |= activity.COMMANDS;
    if (tracking.hasRedirects) wanted |= activity.REDIRECTS;
    if (notifier.wantsMisses) wanted |= activity.MISSES;
    if (notifier.wantsOrigins) wanted |= activity.ORIGINS;
    if (wanted === this.served) return;
    if (this.served === 0) this.skipAll();
    this.served = wanted;
    this.events.serve(wanted);
  }

  /** Whether the log is written for clients that may come back and go on from their number. */
  private lingers(numbered: number): boolean {
    if (numbered > 0) {
      if (this.lingering !== null) clearTimeout(this.lingering);
      this.lingering = null;
    } else if (this.hasNumbered) {
      this.lingering = setTimeout(() => {
        this.lingering = null;
        this.update();
      }, eventLogLingerMs);
      this.lingering.unref();
    }
    this.hasNumbered = numbered > 0;
    return this.lingering !== null;
  }

  private past(): Past {
    const { reader, runId } = this;
    return {
      runId,
      get sequence() {
        return reader.position;
      },
      since: (sequence, visit, arrived) => this.since(sequence, visit, arrived),
    };
  }

  private async since(
    sequence: number,
    visit: (key: string) => void,
    arrived: () => void,
  ): Promise<boolean> {
    const past = new EventReader(this.events, bufferBytes);
    const { reader, events } = this;
    if (sequence > reader.position || sequence < events.completeSince) return false;
    if (!past.seek(sequence)) return false;
    for (let pauseAt = sequence + resumeBytesPerTurn; ; pauseAt += resumeBytesPerTurn) {
      while (past.position < reader.position && past.position < pauseAt) {
        const found = past.next();
        if (found === null || found === "lost") return false;
        if (found.kind === record.FLUSH || found.kind === record.LOST) return false;
        if (isChange(found.kind)) visit(latin1(found.bytes, found.start, found.end));
      }
      if (past.position >= reader.position) {
        arrived();
        return true;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /**
   * Passes on what has been written since the last call; while a thread has too much to deliver, it
   * stays in the log, and the oldest of it is lost when the log is full. A client that is told may
   * be too slow and end, and its end may want to have caught up: not within the telling, where
   * those who are still to be told would hear of later changes first.
   */
  drain(): void {
    if (this.isDraining) return;
    if (this.debt.isHigh) return this.drainWhenDelivered();
    const { events, reader } = this;
    events.isAnnounced = false;
    if (reader.position === events.end) return;
    this.isDraining = true;
    const isBehind = this.passOn();
    this.finish();
    this.isDraining = false;
    if (isBehind) this.drainLater();
  }

  /** Returns whether there is more than a turn may take. */
  private passOn(): boolean {
    const { reader } = this;
    const until = reader.position + eventBytesPerTurn;
    const beganMs = monotonicMs();
    for (let passed = 1; ; passed++) {
      const found = reader.next();
      if (found === null) return false;
      if (found === "lost") this.lose();
      else this.pass(found);
      this.runDeferred();
      if (passed % recordsPerLook === 0 && this.isLate(beganMs)) return true;
      if (reader.position >= until) return true;
    }
  }

  /** Whether all that happened before this call has been passed on. */
  private catchUp(): boolean {
    const { end } = this.events;
    this.drain();
    return this.reader.position >= end;
  }

  /** May be slow: rare. */
  private drainWhole(): void {
    while (!this.catchUp() && !this.debt.isHigh && !this.isDraining);
  }

  /**
   * Does something behind what is in the log now. If too much waits for that, what waited longest
   * is done at once, so that things that wait keep their order.
   */
  private defer(bytes: number, run: () => void): void {
    this.deferred.push({ position: this.events.end, bytes, run });
    this.deferredBytes += bytes;
    while (this.deferredBytes > eventBytesPerTurn) this.runFirst();
  }

  private runDeferred(): void {
    const { deferred, reader } = this;
    while (deferred.length > 0 && deferred[0].position <= reader.position) this.runFirst();
  }

  /** Resolves when all that happened before this call has been passed on. */
  private caughtUp(): Promise<void> {
    if (this.catchUp()) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.awaited.push({ position: this.events.end, arrived: resolve });
    return promise;
  }

  private runFirst(): void {
    const first = this.deferred.shift();
    if (first === undefined) return;
    this.deferredBytes -= first.bytes;
    first.run();
  }

  private skipAll(): void {
    this.reader.skipAll();
    this.runDeferred();
    this.arrive();
  }

  private finish(): void {
    const { trackingTableMaxKeys } = this.configuration.current;
    this.tracking.finish(trackingTableMaxKeys, this.reader.position);
    this.arrive();
  }

  private arrive(): void {
    const { awaited, reader } = this;
    while (awaited.length > 0 && awaited[0].position <= reader.position) awaited.shift()?.arrived();
  }

  /** While it is behind, once in a round of the event loop, not once for each writer. */
  private drainUnlessBehind(): void {
    if (!this.isScheduled) this.drain();
  }

  private drainLater(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.drain();
    });
  }

  /** A change may be told to thousands: others are served in between. */
  private isLate(beganMs: number): boolean {
    return this.debt.isHigh || monotonicMs() - beganMs > turnMsMax;
  }

  private drainWhenDelivered(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    void this.debt.low().then(() => {
      this.isScheduled = false;
      this.drainLater();
    });
  }

  private pass(found: EventRecord): void {
    const { kind, client, database, bytes, start, end, next } = found;
    const { notifier, tracking } = this;
    if (isChange(kind)) {
      if (notifier.classes !== 0) notifier.changed(kind, database, bytes.subarray(start, end));
      if (tracking.count > 0) tracking.hasChanged(kind, client, bytes, start, end, next);
    } else if (kind === record.READ) tracking.hasRead(client, bytes, start, end);
    else if (kind === record.MISS) notifier.missed(database, bytes.subarray(start, end));
    else if (kind === record.COMMAND) this.monitors.show(latin1(bytes, start, end));
    else if (kind === record.FLUSH) tracking.dropEverything(next);
    else if (kind === record.LOST) this.lose();
  }

  /** Records were overwritten before they were read. */
  private lose(): void {
    this.skipAll();
    this.tracking.dropEverything(this.reader.position);
    if (this.notifier.classes !== 0) this.report("keyspace notifications");
    if (this.monitors.count > 0) this.report("lines of MONITOR");
  }

  private report(what: string): void {
    this.losses.happened(what, `more happens than this node can tell: ${what} are missing`);
  }
}
