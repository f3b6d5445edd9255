// Keyspace notifications: publishes changes of keys to the channels `__keyspace@<db>__:<key>` and
// `__keyevent@<db>__:<event>`, as redis 7.0 does (`notify.c`). They go to the subscribers of this
// node only. It gets the changes from the event log, in store order.
// Invariant: of one change, `new` comes first and `expire` or `persist` last, on both channels.

import {
  CREATED,
  EXPIRES,
  eventClass,
  eventNames,
  kindMask,
  PERSISTS,
} from "../../journal/event-kinds.ts";
import type { Channels } from "../messages/channels.ts";

const { GENERIC, STRING, EXPIRED, EVICTED, NEW, MISS } = eventClass;

/** The letters of `notify-keyspace-events`; those of other data types have no events here. */
const letters: Readonly<Record<string, number>> = {
  A: GENERIC | STRING | EXPIRED | EVICTED,
  g: GENERIC,
  $: STRING,
  x: EXPIRED,
  e: EVICTED,
  n: NEW,
  m: MISS,
};

export class Notifier {
  /** The wanted classes; 0 if nothing is to be published. */
  classes: number;
  private readonly channels: Channels;
  private toKeyspace: boolean;
  private toKeyevent: boolean;

  constructor(channels: Channels) {
    this.classes = 0;
    this.channels = channels;
    this.toKeyspace = false;
    this.toKeyevent = false;
  }

  /** As CONFIG has them. */
  choose(flags: string): void {
    this.toKeyspace = flags.includes("K");
    this.toKeyevent = flags.includes("E");
    const isAnywhere = this.toKeyspace || this.toKeyevent;
    const bits = [...flags].reduce((sum, letter) => sum | (letters[letter] ?? 0), 0);
    this.classes = isAnywhere ? bits : 0;
  }

  /** Whether it matters if a written key is new, or was there and has expired. */
  get wantsOrigins(): boolean {
    return (this.classes & (NEW | EXPIRED)) !== 0;
  }

  get wantsMisses(): boolean {
    return (this.classes & MISS) !== 0;
  }

  /** `key` belongs to the caller. */
  changed(kind: number, database: number, key: Uint8Array): void {
    if (this.classes === 0 || this.isUnheard()) return;
    if ((kind & CREATED) !== 0) this.notify(NEW, "new", database, key);
    const named = eventNames[kind & kindMask];
    if (named !== undefined) this.notify(named.class, named.name, database, key);
    if ((kind & EXPIRES) !== 0) this.notify(GENERIC, "expire", database, key);
    if ((kind & PERSISTS) !== 0) this.notify(GENERIC, "persist", database, key);
  }

  missed(database: number, key: Uint8Array): void {
    if (!this.isUnheard()) this.notify(MISS, "keymiss", database, key);
  }

  private isUnheard(): boolean {
    return this.channels.channels.size === 0 && this.channels.patterns.size === 0;
  }

  private notify(eventClass: number, name: string, database: number, key: Uint8Array): void {
    if ((this.classes & eventClass) === 0) return;
    if (this.toKeyspace) {
      const channel = Buffer.concat([Buffer.from(`__keyspace@${database}__:`), key]);
      this.channels.publish(channel, Buffer.from(name));
    }
    if (this.toKeyevent) {
      this.channels.publish(Buffer.from(`__keyevent@${database}__:${name}`), key);
    }
  }
}
