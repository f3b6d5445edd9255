// Prefixes of keys, with the clients that want to know of every change of a key that begins so. It
// keeps no keys beyond those that have changed since the last flush().
// Invariant: no prefix is without clients.

/** A changed key, and by whom: a client, or 0 if not by one alone. */
type Changes = Map<string, number>;

interface Audience {
  readonly clients: Set<number>;
  readonly changed: Changes;
}

export class Broadcast {
  private readonly audiences = new Map<string, Audience>();
  /** How many prefixes have each length, so that a change looks up only those that exist. */
  private readonly lengths = new Map<number, number>();
  private readonly touched = new Set<string>();

  /** The number of prefixes. */
  get size(): number {
    return this.audiences.size;
  }

  add(client: number, prefix: string): void {
    let audience = this.audiences.get(prefix);
    if (audience === undefined) {
      audience = { clients: new Set(), changed: new Map() };
      this.audiences.set(prefix, audience);
      this.lengths.set(prefix.length, (this.lengths.get(prefix.length) ?? 0) + 1);
    }
    audience.clients.add(client);
  }

  remove(client: number, prefix: string): void {
    const audience = this.audiences.get(prefix);
    if (audience === undefined) return;
    audience.clients.delete(client);
    if (audience.clients.size > 0) return;
    this.audiences.delete(prefix);
    this.touched.delete(prefix);
    const left = (this.lengths.get(prefix.length) ?? 1) - 1;
    if (left === 0) this.lengths.delete(prefix.length);
    else this.lengths.set(prefix.length, left);
  }

  changed(key: string, author: number): void {
    for (const length of this.lengths.keys()) {
      if (length > key.length) continue;
      const prefix = key.slice(0, length);
      const audience = this.audiences.get(prefix);
      if (audience === undefined) continue;
      const before = audience.changed.get(key) ?? author;
      audience.changed.set(key, before === author ? author : 0);
      this.touched.add(prefix);
    }
  }

  /** Calls `send` for each prefix under which keys have changed. In Redis's order. */
  flush(send: (clients: ReadonlySet<number>, changed: ReadonlyMap<string, number>) => void): void {
    if (this.touched.size === 0) return;
    for (const prefix of [...this.touched].sort()) {
      const audience = this.audiences.get(prefix);
      if (audience === undefined) continue;
      const sorted = new Map([...audience.changed].sort(([a], [b]) => (a < b ? -1 : 1)));
      send(audience.clients, sorted);
      audience.changed.clear();
    }
    this.touched.clear();
  }
}
