// The average TTL of a database, which INFO shows as avg_ttl. Redis measures it while its sweeper
// walks the keys. Our sweeper does not run on a follower, so each INFO looks at some buckets here,
// from where the last one stopped.
// Invariant: a call looks at a bounded number of buckets, whatever the store holds (0.2 ms in a
// full table).

import type { ItemVisitor, Store } from "../../store/store.ts";

const bucketsPerLook = 512;
/** This many deadlines are enough for an average. */
const deadlinesPerLook = 256;

export class TtlSample implements ItemVisitor {
  private readonly store: Store;
  private cursor = 0;
  private lastMs = 0;
  private now = 0;
  private deadlines = 0;
  private sumMs = 0;

  constructor(store: Store) {
    this.store = store;
  }

  /**
   * Milliseconds, of the items of an identity; if this call meets no TTL, the result of the last
   * call that did.
   */
  averageMs(identity: number, now: number): number {
    this.now = now;
    this.deadlines = 0;
    this.sumMs = 0;
    for (let i = 0; i < bucketsPerLook && this.deadlines < deadlinesPerLook; i++) {
      this.cursor = this.store.scanIdentity(identity, this.cursor, now, this);
      if (this.cursor === 0) break;
    }
    if (this.deadlines > 0) this.lastMs = Math.round(this.sumMs / this.deadlines);
    return this.lastMs;
  }

  visit({ expiresAt }: Store): void {
    if (expiresAt === 0) return;
    this.deadlines++;
    this.sumMs += expiresAt - this.now;
  }
}
