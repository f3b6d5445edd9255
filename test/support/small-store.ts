/**
 * A real store, small, in the words of tests: items by name and text, everything as a Map or as
 * lines. Hides no behaviour: it adds no state, and what it puts goes by the store's own set(),
 * without making room before. Nothing expires unless it is asked for at a moment: `now` is 0
 * everywhere here.
 * Invariant: put() stored the item, or threw.
 */

import { hashKeyOf } from "../../src/store/hash.ts";
import { REPLACING, reserveStore, type StoreMemory } from "../../src/store/memory.ts";
import { type ItemVisitor, STORED, Store } from "../../src/store/store.ts";

const MiB = 1024 * 1024;

export interface Item {
  readonly value: Buffer;
  readonly expiresAt: number;
}

export interface SmallStoreOptions {
  /** As little as most tests need: memory that another store had before is cleared first. */
  readonly memoryLimitBytes?: number;
  readonly valueBytesMax?: number;
}

export class SmallStore extends Store {
  private readonly memory: StoreMemory;

  constructor({ memoryLimitBytes = 4 * MiB, valueBytesMax = 64 * MiB }: SmallStoreOptions = {}) {
    const memory = reserveStore({
      memoryLimitBytes,
      reserveBytes: 2 * memoryLimitBytes,
      valueBytesMax,
      eviction: "s3fifo",
      hashKey: hashKeyOf(0x1234567, 0),
      concurrent: false,
    });
    super(memory, 0);
    this.memory = memory;
    this.expires = true;
  }

  /** Names and texts are latin1: one character for each byte. */
  put(name: string, value: Uint8Array | string, expiresAt = 0): void {
    const key = Buffer.from(name, "latin1");
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    const result = this.set(key, 0, key.length, bytes, 0, bytes.length, expiresAt, 0);
    if (result !== STORED)
      throw new Error(`${name} of ${bytes.length} bytes: set() gave ${result}`);
  }

  remove(name: string): void {
    const key = Buffer.from(name, "latin1");
    this.delete(key, 0, key.length, 0);
  }

  get(name: string): Item | null {
    const key = Buffer.from(name, "latin1");
    return this.find(key, 0, key.length, 0) ? itemOf(this) : null;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  /** Everything that is served. */
  get items(): Map<string, Item> {
    const items = new Map<string, Item>();
    const visitor: ItemVisitor = { visit: (store) => items.set(keyOf(store), itemOf(store)) };
    let cursor = 0;
    do cursor = this.scan(cursor, 0, visitor);
    while (cursor !== 0);
    return items;
  }

  /** The same as text, sorted, for comparisons. */
  dump(): string[] {
    return [...this.items]
      .map(([name, { value, expiresAt }]) => `${name}=${value.toString("latin1")}@${expiresAt}`)
      .sort();
  }

  /** Whether other data are gathered to take the place of these. */
  get isGathering(): boolean {
    return new Int32Array(this.memory.control)[REPLACING] === 1;
  }
}

function keyOf({ keyBytes, keyStart, keyEnd }: Store): string {
  return Buffer.from(keyBytes.slice(keyStart, keyEnd)).toString("latin1");
}

function itemOf(store: Store): Item {
  const value = Buffer.alloc(store.valueLength);
  store.copyTo(value, 0, 0, value.length);
  return { value, expiresAt: store.expiresAt };
}
