// A table of subscriptions: the subscribers of each name, by id, and the names of each subscriber.
// There is one table for channels and one for patterns. It delivers nothing and does not know
// connections.
// Invariant: every name has a subscriber, and every subscriber has a name.

import { latin1, latin1Bytes } from "../../base/bytes.ts";
import type { Glob } from "../../base/glob.ts";
import { subscriptionBytesMax } from "../../base/limits.ts";

const none: ReadonlySet<string> = new Set();

export interface Topic {
  readonly bytes: Uint8Array;
  readonly subscribers: Set<number>;
  /** The compiled pattern, after the first message was matched against it. */
  glob?: Glob | null;
}

/** The subscriptions of one subscriber. */
interface Held {
  readonly names: Set<string>;
  /** Total size of the names. */
  bytes: number;
}

export class Topics {
  private readonly byName = new Map<string, Topic>();
  private readonly bySubscriber = new Map<number, Held>();

  /** The number of distinct names. */
  get size(): number {
    return this.byName.size;
  }

  all(): Iterable<Topic> {
    return this.byName.values();
  }

  get(bytes: Uint8Array): Topic | undefined {
    // No subscriber can have such a long name, so do not convert it to a string.
    if (bytes.length > subscriptionBytesMax) return undefined;
    return this.byName.get(latin1(bytes));
  }

  /** The names of one subscriber. */
  of(id: number): Uint8Array[] {
    return [...this.namesOf(id)].map(latin1Bytes);
  }

  count(id: number): number {
    return this.namesOf(id).size;
  }

  /** Total size in bytes of one subscriber's names. */
  bytesOf(id: number): number {
    return this.bySubscriber.get(id)?.bytes ?? 0;
  }

  private namesOf(id: number): ReadonlySet<string> {
    return this.bySubscriber.get(id)?.names ?? none;
  }

  add(id: number, bytes: Uint8Array): void {
    const name = latin1(bytes);
    const topic = this.byName.get(name) ?? { bytes: bytes.slice(), subscribers: new Set() };
    this.byName.set(name, topic);
    topic.subscribers.add(id);
    const held = this.bySubscriber.get(id) ?? { names: new Set(), bytes: 0 };
    this.bySubscriber.set(id, held);
    if (!held.names.has(name)) held.bytes += name.length;
    held.names.add(name);
  }

  remove(id: number, bytes: Uint8Array): void {
    if (bytes.length > subscriptionBytesMax) return;
    const name = latin1(bytes);
    this.leave(id, name);
    const held = this.bySubscriber.get(id);
    if (held === undefined || !held.names.delete(name)) return;
    held.bytes -= name.length;
    if (held.names.size === 0) this.bySubscriber.delete(id);
  }

  /** Removes a subscriber with all its names. */
  removeAll(id: number): void {
    for (const name of this.namesOf(id)) this.leave(id, name);
    this.bySubscriber.delete(id);
  }

  private leave(id: number, name: string): void {
    const topic = this.byName.get(name);
    topic?.subscribers.delete(id);
    if (topic?.subscribers.size === 0) this.byName.delete(name);
  }
}
