// What one thread needs to work on the shared memory: views of it, the helpers that interpret them,
// and scratch objects. All of it is on this thread's heap and can be discarded; it makes no
// decisions.
// Invariant: two attachments of the same memory, in two threads, see the same store.

import { Arenas } from "./arenas.ts";
import { FOREIGN_ENTRY } from "./bucket-index.ts";
import { Chains } from "./chain.ts";
import { DatabaseTable } from "./database-table.ts";
import { Hasher, hashKeyFor } from "./hash.ts";
import { FOREIGN, ItemLayout } from "./item.ts";
import { ItemView } from "./item-view.ts";
import { Mutex, ThreadTable } from "./lock.ts";
import { EVICTION, EXPIRES, POOL_LOCK, type StoreMemory } from "./memory.ts";
import { Segments } from "./segments.ts";

export type RemovalReason = "expired" | "evicted";

/** Called for every item that is removed without a command; the shard's lock is held. */
export interface RemovalListener {
  removed(
    reason: RemovalReason,
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    database: number,
  ): void;
}

export class Attachment {
  readonly memory: StoreMemory;
  readonly global: Int32Array;
  readonly threads: ThreadTable;
  readonly arenas: Arenas;
  readonly segments: Segments;
  readonly chains: Chains;
  readonly databases: DatabaseTable;
  /** The identity of the selected database, and what follows from it. */
  identity: number;
  hasher: Hasher;
  /** The flag of its entries: FOREIGN_ENTRY, or 0 for identity 0. */
  mark: number;
  readonly layout: ItemLayout;
  /** The store's registers: the item found last. */
  readonly current: ItemView;
  /** The item being written, or being removed. */
  readonly other: ItemView;
  listener: RemovalListener | null;
  /** Whether reads by this thread count as uses of the items. */
  countsUses: boolean;
  /** By identity; absent if this thread has not met it. */
  private readonly hashers: (Hasher | undefined)[];

  constructor(memory: StoreMemory, thread: number) {
    const { geometry } = memory;
    this.memory = memory;
    this.global = new Int32Array(memory.control);
    this.threads = new ThreadTable(memory.threads);
    const lock = memory.concurrent ? new Mutex(this.global, POOL_LOCK, thread, this.threads) : null;
    this.arenas = new Arenas(geometry, memory.arenas);
    this.segments = new Segments(geometry, this.global, new Int32Array(memory.table), lock);
    this.chains = new Chains(this.arenas, this.segments);
    this.databases = new DatabaseTable(memory.databases, geometry.databases);
    const plain = new Hasher(memory.hashKey);
    this.hashers = [plain];
    this.identity = 0;
    this.hasher = plain;
    this.mark = 0;
    this.layout = new ItemLayout(this.arenas.segmentShift);
    this.current = new ItemView(this.arenas, this.chains);
    this.other = new ItemView(this.arenas, this.chains);
    this.listener = null;
    this.countsUses = true;
  }

  /** From now on this thread finds and writes items of this identity. */
  select(identity: number): void {
    this.identity = identity;
    this.hasher = this.hasherOf(identity);
    this.mark = identity === 0 ? 0 : FOREIGN_ENTRY;
    this.layout.flagsAlways = identity === 0 ? 0 : FOREIGN;
  }

  hasherOf(identity: number): Hasher {
    const known = this.hashers[identity];
    if (known !== undefined) return known;
    const hasher = new Hasher(hashKeyFor(this.memory.hashKey, identity));
    this.hashers[identity] = hasher;
    return hasher;
  }

  /** Whether this node expires and evicts on its own, as a leader does. */
  get expires(): boolean {
    return this.global[EXPIRES] === 1;
  }

  get evicts(): boolean {
    return this.global[EXPIRES] === 1 && this.global[EVICTION] === 1;
  }
}
