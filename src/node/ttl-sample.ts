// The average time to live that INFO shows as avg_ttl. Redis measures it while its sweeper looks through
// the keys; ours does not run on a follower, so this looks at some buckets each time that INFO is asked and
// goes on where it stopped.
// Invariant: a call looks at so many buckets at most, whatever the store holds (0.2 ms for a full table).

import type { ItemVisitor, Store } from "../store/store.ts";

const bucketsPerLook = 512;
/** So many deadlines tell enough. */
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

  /** Milliseconds; of those met last where this look met none. */
  averageMs(now: number): number {
    this.now = now;
    this.deadlines = 0;
    this.sumMs = 0;
    for (let i = 0; i < bucketsPerLook && this.deadlines < deadlinesPerLook; i++) {
      this.cursor = this.store.scan(this.cursor, now, this);
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
