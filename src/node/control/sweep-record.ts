// What INFO tells of the sweeps for expired items, in the terms of Redis's expire cycle: how much
// of the data is expired and still there, how often a sweep ended for lack of time, and how long
// all of them took. It sweeps nothing: housekeeping.ts does, ten times a second.
// Invariant: `stalePercent` is between 0 and 100; as in Redis, a sweep changes it by a twentieth of
// the difference.

import type { Swept } from "../../store/walker.ts";

const weight = 0.05;

export class SweepRecord {
  /** Sweeps that ended while they still found much. */
  cuts = 0;
  spentMs = 0;
  private staleShare = 0;
  private looked = 0;
  private expired = 0;

  get stalePercent(): number {
    return 100 * this.staleShare;
  }

  /** After each sweep; `swept` counts from the start. */
  note(swept: Swept, spentMs: number, isCut: boolean): void {
    const looked = swept.looked - this.looked;
    const share = looked === 0 ? 0 : (swept.expired - this.expired) / looked;
    this.looked = swept.looked;
    this.expired = swept.expired;
    this.staleShare += weight * (share - this.staleShare);
    this.spentMs += spentMs;
    if (isCut) this.cuts++;
  }

  /** CONFIG RESETSTAT. */
  reset(): void {
    this.cuts = 0;
    this.spentMs = 0;
    this.staleShare = 0;
  }
}
