// Who has subscribed to what: names with the ids of their subscribers, and the names of each
// subscriber. Channels and patterns are kept by one of these each. It delivers nothing and knows no
// connection.
// Invariant: a name without a subscriber is not kept, nor is a subscriber without a name.

import type { Glob } from "../../base/glob.ts";
import { subscriptionBytesMax } from "../../base/limits.ts";

const none: ReadonlySet<string> = new Set();

export interface Topic {
  readonly bytes: Uint8Array;
  readonly subscribers: Set<number>;
  /** Of a pattern, when a message has been compared with it. */
  glob?: Glob | null;
}

/** What one subscriber has. */
interface Held {
  readonly names: Set<string>;
  /** Of all names together. */
  bytes: number;
}

export class Topics {
  private readonly byName = new Map<string, Topic>();
  private readonly bySubscriber = new Map<number, Held>();

  /** How many different names there are. */
  get size(): number {
    return this.byName.size;
  }

  all(): Iterable<Topic> {
    return this.byName.values();
  }

  get(bytes: Uint8Array): Topic | undefined {
    // Nobody may hold a name that long, and it would be made into text.
    if (bytes.length > subscriptionBytesMax) return undefined;
    return this.byName.get(nameOf(bytes));
  }

  /** The names of one subscriber. */
  of(id: number): Uint8Array[] {
    return [...this.namesOf(id)].map((name) => Buffer.from(name, "latin1"));
  }

  count(id: number): number {
    return this.namesOf(id).size;
  }

  /** The bytes of one subscriber's names. */
  bytesOf(id: number): number {
    return this.bySubscriber.get(id)?.bytes ?? 0;
  }

  private namesOf(id: number): ReadonlySet<string> {
    return this.bySubscriber.get(id)?.names ?? none;
  }

  add(id: number, bytes: Uint8Array): void {
    const name = nameOf(bytes);
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
    const name = nameOf(bytes);
    this.leave(id, name);
    const held = this.bySubscriber.get(id);
    if (held === undefined || !held.names.delete(name)) return;
    held.bytes -= name.length;
    if (held.names.size === 0) this.bySubscriber.delete(id);
  }

  /** Forgets a subscriber. */
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

/** One character for each byte: any bytes are a name. */
function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
