// Who observes the keys of this node, and the reader of the event log for all of them. It runs in
// the control thread: there the log is read in store order, and from there messages go to the
// connections of every thread. It decides when the log is written at all.
// Invariant: the log is written if and only if somebody observes.

import { monotonicMs } from "../base/clock.ts";
import { eventBytesPerTurn } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import { RecurringTrouble } from "../base/recurring.ts";
import type { Channels } from "../command/pubsub/channels.ts";
import { Notifier } from "../command/pubsub/notifier.ts";
import { isChange, record } from "../journal/event-kinds.ts";
import { activity, type EventLog, EventReader, type EventRecord } from "../journal/event-log.ts";
import type { NodeConfiguration } from "./configuration.ts";

const bufferBytes = 64 * 1024;

export interface ObserversParts {
  readonly events: EventLog;
  readonly channels: Channels;
  readonly configuration: NodeConfiguration;
  readonly log: Log;
}

export class Observers {
  private readonly events: EventLog;
  private readonly reader: EventReader;
  private readonly notifier: Notifier;
  private readonly configuration: NodeConfiguration;
  private readonly losses: RecurringTrouble;
  /** Those who read the log, as bits of `activity`. */
  private served: number;
  private isScheduled: boolean;

  constructor({ events, channels, configuration, log }: ObserversParts) {
    this.events = events;
    this.reader = new EventReader(events, bufferBytes);
    this.notifier = new Notifier(channels);
    this.configuration = configuration;
    this.losses = new RecurringTrouble(log, monotonicMs);
    this.served = 0;
    this.isScheduled = false;
    configuration.changed.on(() => this.update());
    this.update();
    // At the end of the present event, when its commands have been answered.
    events.announce = () => queueMicrotask(() => this.drain());
    channels.catchUp = () => this.drain();
  }

  /** Turns the log on or off, as the observers demand. */
  private update(): void {
    const { notifier, reader } = this;
    notifier.choose(this.configuration.current.notifyKeyspaceEvents);
    let wanted = 0;
    if (notifier.classes !== 0) wanted |= activity.EVENTS;
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
    const until = reader.position + eventBytesPerTurn;
    for (;;) {
      const found = reader.next();
      if (found === null) return;
      if (found === "lost") this.lose();
      else this.pass(found);
      if (reader.position >= until) return this.drainLater();
    }
  }

  private drainLater(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.drain();
    });
  }

  private pass({ kind, database, bytes, start, end }: EventRecord): void {
    const key = bytes.subarray(start, end);
    if (isChange(kind)) this.notifier.changed(kind, database, key);
    else if (kind === record.MISS) this.notifier.missed(database, key);
    else if (kind === record.LOST) this.lose();
  }

  /** Records were overwritten before they were read. */
  private lose(): void {
    this.reader.skipAll();
    this.losses.happened(
      "lost",
      "keys change faster than this node can tell: keyspace notifications are missing",
    );
  }
}
