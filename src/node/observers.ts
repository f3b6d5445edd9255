// Who observes the keys of this node, and the reader of the event log for all of them. It runs in
// the control thread: there the log is read in store order, and from there messages go to the
// connections of every thread. It decides when the log is written at all.
// Invariant: the log is written if and only if somebody observes.

import { latin1 } from "../base/bytes.ts";
import { monotonicMs } from "../base/clock.ts";
import { eventBytesPerTurn } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import { RecurringTrouble } from "../base/recurring.ts";
import type { Channels } from "../command/pubsub/channels.ts";
import { Notifier } from "../command/pubsub/notifier.ts";
import type { Monitors } from "../command/server/monitors.ts";
import type { Tracking } from "../command/tracking/tracking.ts";
import { isChange, record } from "../journal/event-kinds.ts";
import { activity, type EventLog, EventReader, type EventRecord } from "../journal/event-log.ts";
import type { NodeConfiguration } from "./configuration.ts";

const bufferBytes = 64 * 1024;

export interface ObserversParts {
  readonly events: EventLog;
  readonly channels: Channels;
  readonly tracking: Tracking;
  readonly monitors: Monitors;
  readonly configuration: NodeConfiguration;
  readonly log: Log;
}

export class Observers {
  private readonly events: EventLog;
  private readonly reader: EventReader;
  private readonly notifier: Notifier;
  private readonly tracking: Tracking;
  private readonly monitors: Monitors;
  private readonly configuration: NodeConfiguration;
  private readonly losses: RecurringTrouble;
  /** Those who read the log, as bits of `activity`. */
  private served: number;
  private isScheduled: boolean;

  constructor({ events, channels, tracking, monitors, configuration, log }: ObserversParts) {
    this.events = events;
    this.reader = new EventReader(events, bufferBytes);
    this.notifier = new Notifier(channels);
    this.tracking = tracking;
    this.monitors = monitors;
    this.configuration = configuration;
    this.losses = new RecurringTrouble(log, monotonicMs);
    this.served = 0;
    this.isScheduled = false;
    configuration.changed.on(() => this.update());
    tracking.changed = () => this.update();
    monitors.changed = () => this.update();
    tracking.catchUp = () => this.drain();
    this.update();
    // At the end of the present event, when its commands have been answered.
    events.announce = () => queueMicrotask(() => this.drain());
    channels.catchUp = () => this.drain();
  }

  /** Turns the log on or off, as the observers demand. */
  private update(): void {
    const { notifier, tracking, reader } = this;
    notifier.choose(this.configuration.current.notifyKeyspaceEvents);
    let wanted = 0;
    if (notifier.classes !== 0 || tracking.count > 0) wanted |= activity.EVENTS;
    if (this.monitors.count > 0) wanted |= activity.COMMANDS;
    if (tracking.hasRedirects) wanted |= activity.REDIRECTS;
    if (notifier.wantsMisses) wanted |= activity.MISSES;
    if (wanted === this.served) return;
    if (this.served === 0) reader.skipAll();
    this.served = wanted;
    this.events.serve(wanted);
  }

  /** Passes on what has been written since the last call. */
  drain(): void {
    const { events, reader } = this;
    events.isAnnounced = false;
    if (reader.position === events.end) return;
    const until = reader.position + eventBytesPerTurn;
    let isBehind = false;
    while (!isBehind) {
      const found = reader.next();
      if (found === null) break;
      if (found === "lost") this.lose();
      else this.pass(found);
      isBehind = reader.position >= until;
    }
    const { trackingTableMaxKeys } = this.configuration.current;
    this.tracking.finish(trackingTableMaxKeys, reader.position);
    if (isBehind) this.drainLater();
  }

  private drainLater(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.drain();
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
    this.reader.skipAll();
    this.tracking.dropEverything(this.reader.position);
    if (this.notifier.classes !== 0) this.report("keyspace notifications");
    if (this.monitors.count > 0) this.report("lines of MONITOR");
  }

  private report(what: string): void {
    this.losses.happened(what, `more happens than this node can tell: ${what} are missing`);
  }
}
