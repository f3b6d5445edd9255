// The keys that clients have read and may keep: which clients, for each key. Only for clients that
// track key by key; broadcast.ts has the others. It sends nothing.
// Invariants: every key has a client; keys and items are counted as INFO reports them; a client
// whose keys are listed (`listKeysOf`) has exactly those that name it.

import { trackedBytesMax } from "../../base/limits.ts";

/** Memory of a key in addition to its bytes (measured). */
const keyOverheadBytes = 120;

export class TrackedKeys {
  /** As latin1 text; one client, as mostly, or several. */
  private readonly table = new Map<string, number | Set<number>>();
  private readonly lists = new Map<number, Set<string>>();
  private bytes = 0;
  /** The sum over all keys of the clients that may keep it. */
  items = 0;

  get size(): number {
    return this.table.size;
  }

  /** From now on the keys of this client can be listed. */
  listKeysOf(client: number): void {
    if (!this.lists.has(client)) this.lists.set(client, new Set());
  }

  add(key: string, client: number): void {
    const known = this.table.get(key);
    if (known === undefined) {
      this.table.set(key, client);
      this.bytes += key.length + keyOverheadBytes;
    } else if (typeof known !== "number") {
      if (known.has(client)) return;
      known.add(client);
    } else if (known === client) return;
    else this.table.set(key, new Set([known, client]));
    this.items++;
    this.lists.get(client)?.add(key);
  }

  /** Forgets a key and returns the clients that may keep it. */
  take(key: string): readonly number[] {
    const known = this.table.get(key);
    if (known === undefined) return [];
    this.table.delete(key);
    this.bytes -= key.length + keyOverheadBytes;
    const clients = typeof known === "number" ? [known] : [...known];
    this.items -= clients.length;
    for (const client of clients) this.lists.get(client)?.delete(key);
    return clients;
  }

  /** The key that has been there longest, if there are more than `max`, or too many bytes. */
  surplus(max: number): string | null {
    const isOver = (max > 0 && this.table.size > max) || this.bytes > trackedBytesMax;
    if (!isOver) return null;
    for (const key of this.table.keys()) return key;
    return null;
  }

  /** The keys of a client that has gone, if they are listed; the list ends. */
  takeListOf(client: number): ReadonlySet<string> | null {
    const list = this.lists.get(client) ?? null;
    this.lists.delete(client);
    return list;
  }

  clear(): void {
    this.table.clear();
    for (const list of this.lists.values()) list.clear();
    this.bytes = 0;
    this.items = 0;
  }
}
