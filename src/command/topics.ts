// Who has subscribed to what: names with the ids of their subscribers, and the names of each subscriber.
// Channels and patterns are kept by one of these each. It delivers nothing and knows no connection.
// Invariant: a name without a subscriber is not kept, nor is a subscriber without a name.

const none: ReadonlySet<string> = new Set();

export interface Topic {
  readonly bytes: Uint8Array;
  readonly subscribers: Set<number>;
}

export class Topics {
  private readonly byName = new Map<string, Topic>();
  private readonly bySubscriber = new Map<number, Set<string>>();

  /** How many different names there are. */
  get size(): number {
    return this.byName.size;
  }

  all(): Iterable<Topic> {
    return this.byName.values();
  }

  get(bytes: Uint8Array): Topic | undefined {
    return this.byName.get(nameOf(bytes));
  }

  /** The names of one subscriber. */
  of(id: number): Uint8Array[] {
    return [...(this.bySubscriber.get(id) ?? none)].map((name) => Buffer.from(name, "latin1"));
  }

  count(id: number): number {
    return this.bySubscriber.get(id)?.size ?? 0;
  }

  add(id: number, bytes: Uint8Array): void {
    const name = nameOf(bytes);
    const topic = this.byName.get(name) ?? { bytes: bytes.slice(), subscribers: new Set() };
    this.byName.set(name, topic);
    topic.subscribers.add(id);
    const names = this.bySubscriber.get(id) ?? new Set();
    this.bySubscriber.set(id, names);
    names.add(name);
  }

  remove(id: number, bytes: Uint8Array): void {
    const name = nameOf(bytes);
    this.leave(id, name);
    const names = this.bySubscriber.get(id);
    names?.delete(name);
    if (names?.size === 0) this.bySubscriber.delete(id);
  }

  /** Forgets a subscriber. */
  removeAll(id: number): void {
    for (const name of this.bySubscriber.get(id) ?? none) this.leave(id, name);
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
