// The longest values in a sample of a database: a walk from a random place, in slices between which
// clients are served. It reads lengths, and copies only the keys that it reports.
// Invariant: a walk looks at a bounded number of items and of buckets, however large the store is.

import { wallClockMs } from "../../base/clock.ts";
import type { DatabaseReport, Store } from "../../store/store.ts";
import { cursorAt } from "../../store/walker.ts";

export interface BigValue {
  readonly key: Uint8Array;
  readonly valueBytes: number;
  /** -1: it does not expire. */
  readonly ttlMs: number;
}

export interface Sampled {
  readonly looked: number;
  /** Whether every item was looked at. */
  readonly isWhole: boolean;
  /** The longest first. */
  readonly values: readonly BigValue[];
}

const itemsPerSlice = 500;
const bucketsPerSlice = 500;
/** Buckets for each item that is wanted: a database may have few of the store's items. */
const bucketsPerItem = 4;
const bucketsMin = 10_000;

export class BigValues {
  private readonly values: BigValue[] = [];
  private readonly most: number;
  private looked = 0;
  private nowMs = 0;

  private constructor(most: number) {
    this.most = most;
  }

  /** The `most` longest of about `items` items, from the share `start` (0 to 1) of the store on. */
  static async sample(
    store: Store,
    { identity }: DatabaseReport,
    { most, items, start }: { most: number; items: number; start: number },
  ): Promise<Sampled> {
    const found = new BigValues(most);
    const first = cursorAt(start, store.statistics().memory.store_shards);
    let cursor = first;
    let hasTurned = false;
    const isWhole = () => hasTurned && cursor >= first;
    let buckets = Math.max(bucketsMin, items * bucketsPerItem);
    while (!isWhole() && found.looked < items && buckets > 0) {
      found.nowMs = wallClockMs();
      const stopAt = Math.min(items, found.looked + itemsPerSlice);
      for (let i = 0; i < bucketsPerSlice && found.looked < stopAt && !isWhole(); i++, buckets--) {
        cursor = store.scanIdentity(identity, cursor, found.nowMs, found);
        hasTurned ||= cursor === 0;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { looked: found.looked, isWhole: isWhole(), values: found.values };
  }

  visit(store: Store): void {
    this.looked++;
    const { values, most } = this;
    const { valueLength } = store;
    if (values.length === most && valueLength <= values[most - 1].valueBytes) return;
    const ttlMs = store.expiresAt === 0 ? -1 : store.expiresAt - this.nowMs;
    const key = store.keyBytes.slice(store.keyStart, store.keyEnd);
    let at = values.length;
    while (at > 0 && values[at - 1].valueBytes < valueLength) at--;
    values.splice(at, 0, { key, valueBytes: valueLength, ttlMs });
    if (values.length > most) values.pop();
  }
}
