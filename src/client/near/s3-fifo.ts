// A map bounded in bytes that evicts by S3-FIFO (Yang and others, SOSP 2023): new entries enter a
// small queue of a tenth of the bytes. Those used twice there move to the main queue; the others
// are evicted and remembered as ghosts, and come back into the main queue. That gives an entry
// another round for each use, up to three. It reads no clock; the caller counts the bytes.
// Invariants: the entries of both queues are those of the index, and their bytes do not exceed the
// bound.
// Hot path: a hit is one look into a Map and a counter; no list is touched. An entry is one object,
// and one more once its value was awaited.

import { EvictedKeys } from "./evicted-keys.ts";

/** The small queue's share of the bytes. */
const smallShare = 0.1;
/** Uses in the small queue that move an entry to the main queue. */
const promoteUses = 2;
/** Uses are counted up to here. */
const usesMax = 3;
/** Of an entry of the main queue in `uses`: a field of its own would make each entry larger. */
const inMain = 4;
/** An entry of more than this share would push out too many others. */
const entryShare = 1 / 8;

/** A link of a ring; the ring's own link has no entry. */
interface Linked<V> {
  next: Linked<V>;
  previous: Linked<V>;
  readonly entry: Entry<V> | null;
}

/** What a hit reads comes first: it mostly lies in one line of the processor's cache. */
export class Entry<V> implements Linked<V> {
  value: V;
  private promise: Promise<V> | null;
  /** The caller's time at which it ends; Infinity for never. The cache does not look at it. */
  expiresAt: number;
  /** Up to usesMax, and inMain on top of it. */
  uses: number;
  readonly key: string;
  /** What it counts against the bound. */
  bytes: number;
  next: Linked<V>;
  previous: Linked<V>;

  constructor(key: string, value: V, bytes: number, expiresAt: number) {
    this.value = value;
    this.promise = null;
    this.expiresAt = expiresAt;
    this.uses = 0;
    this.key = key;
    this.bytes = bytes;
    this.next = this;
    this.previous = this;
  }

  get entry(): Entry<V> {
    return this;
  }

  /** The value for who awaits it: one promise for all, as a new one for each is garbage. */
  get promised(): Promise<V> {
    this.promise ??= Promise.resolve(this.value);
    return this.promise;
  }

  replace(value: V, bytes: number, expiresAt: number): void {
    this.value = value;
    this.bytes = bytes;
    this.expiresAt = expiresAt;
    this.promise = null;
  }
}

/** Entries in the order of their arrival, each of which can leave in O(1). */
class Fifo<V> implements Linked<V> {
  readonly entry = null;
  /** The newest. */
  next: Linked<V> = this;
  /** The oldest. */
  previous: Linked<V> = this;
  bytes = 0;
  count = 0;

  push(entry: Entry<V>): void {
    entry.next = this.next;
    entry.previous = this;
    this.next.previous = entry;
    this.next = entry;
    this.bytes += entry.bytes;
    this.count++;
  }

  remove(entry: Entry<V>): void {
    entry.previous.next = entry.next;
    entry.next.previous = entry.previous;
    this.bytes -= entry.bytes;
    this.count--;
  }

  clear(): void {
    this.next = this;
    this.previous = this;
    this.bytes = 0;
    this.count = 0;
  }
}

export class S3Fifo<V> {
  /** The bound. */
  readonly maxBytes: number;
  /** An entry of more bytes is not kept. */
  readonly entryBytesMax: number;
  private readonly smallBytesMax: number;
  private readonly index = new Map<string, Entry<V>>();
  private readonly small = new Fifo<V>();
  private readonly main = new Fifo<V>();
  private readonly ghosts = new EvictedKeys();
  /** Entries that left for want of room. */
  evictions = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
    this.entryBytesMax = Math.floor(maxBytes * entryShare);
    this.smallBytesMax = Math.ceil(maxBytes * smallShare);
  }

  get size(): number {
    return this.index.size;
  }

  get bytes(): number {
    return this.small.bytes + this.main.bytes;
  }

  /** The entry, and counts a use of it. */
  use(key: string): Entry<V> | undefined {
    const entry = this.index.get(key);
    if (entry !== undefined && (entry.uses & usesMax) !== usesMax) entry.uses++;
    return entry;
  }

  /** The entry without a use. */
  find(key: string): Entry<V> | undefined {
    return this.index.get(key);
  }

  /**
   * Keeps a value in place of the key's former one. False, and the key has none, if it is too
   * large.
   */
  set(key: string, value: V, bytes: number, expiresAt = Number.POSITIVE_INFINITY): boolean {
    if (bytes > this.entryBytesMax) {
      this.delete(key);
      return false;
    }
    const known = this.index.get(key);
    if (known === undefined) this.insert(new Entry(key, value, bytes, expiresAt));
    else this.replace(known, value, bytes, expiresAt);
    return true;
  }

  delete(key: string): boolean {
    const entry = this.index.get(key);
    if (entry === undefined) return false;
    this.queueOf(entry).remove(entry);
    this.index.delete(key);
    return true;
  }

  clear(): void {
    this.index.clear();
    this.small.clear();
    this.main.clear();
    this.ghosts.clear();
  }

  keys(): MapIterator<string> {
    return this.index.keys();
  }

  /** Throws if the parts do not agree; for tests. */
  checkInvariants(): void {
    let count = 0;
    for (const queue of [this.small, this.main]) {
      let bytes = 0;
      for (let at = queue.next; at.entry !== null; at = at.next) {
        const { entry } = at;
        if (this.index.get(entry.key) !== entry) throw new Error(`${entry.key} is not indexed`);
        if (this.queueOf(entry) !== queue) throw new Error(`${entry.key} is in another queue`);
        if (at.next.previous !== at) throw new Error(`${entry.key} is linked one way`);
        bytes += entry.bytes;
        count++;
      }
      if (bytes !== queue.bytes) throw new Error(`${bytes} bytes, counted ${queue.bytes}`);
    }
    if (count !== this.index.size) throw new Error(`${count} entries, index ${this.index.size}`);
    if (this.bytes > this.maxBytes) throw new Error(`${this.bytes} bytes of ${this.maxBytes}`);
  }

  private queueOf(entry: Entry<V>): Fifo<V> {
    return entry.uses < inMain ? this.small : this.main;
  }

  private insert(entry: Entry<V>): void {
    if (this.ghosts.recall(entry.key)) entry.uses = inMain;
    this.makeRoom(entry.bytes);
    this.index.set(entry.key, entry);
    this.queueOf(entry).push(entry);
    this.ghosts.reserve(this.index.size);
  }

  /** It keeps its place and its uses. */
  private replace(entry: Entry<V>, value: V, bytes: number, expiresAt: number): void {
    this.queueOf(entry).bytes += bytes - entry.bytes;
    entry.replace(value, bytes, expiresAt);
    this.makeRoom(0);
  }

  private makeRoom(bytes: number): void {
    while (this.bytes + bytes > this.maxBytes) {
      if (this.small.bytes >= this.smallBytesMax || this.main.count === 0) this.shrinkSmall();
      else this.shrinkMain();
    }
  }

  /** The oldest of the small queue leaves it; a promotion frees nothing in the cache as a whole. */
  private shrinkSmall(): void {
    const { entry } = this.small.previous;
    if (entry === null) return;
    this.small.remove(entry);
    if (entry.uses >= promoteUses) {
      entry.uses = inMain;
      this.main.push(entry);
      return;
    }
    this.ghosts.remember(entry.key);
    this.index.delete(entry.key);
    this.evictions++;
  }

  /** Evicts the oldest of the main queue that was not used in its last round. */
  private shrinkMain(): void {
    for (let { entry } = this.main.previous; entry !== null; { entry } = this.main.previous) {
      this.main.remove(entry);
      if (entry.uses === inMain) {
        this.index.delete(entry.key);
        this.evictions++;
        return;
      }
      entry.uses--;
      this.main.push(entry);
    }
  }
}
