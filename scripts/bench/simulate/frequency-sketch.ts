// A count-min sketch with four rows of counters up to 15, which are halved after ten additions per
// place of the cache: how often an id was used recently, in a few bytes. It may overestimate, but
// never underestimates since the last halving.
// Invariant: no counter exceeds 15, and additions since a halving stay below the sample size.

import { mix } from "../../../src/bench/workload.ts";

const rowCount = 4;
const countMax = 15;
const sampleFactor = 10;
const seeds = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const;

export class FrequencySketch {
  private readonly counters: Uint8Array;
  private readonly width: number;
  private readonly sampleMax: number;
  private additions = 0;

  constructor(capacity: number) {
    // Four counters in each row for each place, as in Caffeine; with one, collisions cost a point.
    this.width = 4 * 2 ** Math.ceil(Math.log2(Math.max(8, capacity)));
    this.counters = new Uint8Array(this.width * rowCount);
    this.sampleMax = sampleFactor * Math.max(1, capacity);
  }

  increment(id: number): void {
    let added = false;
    for (let row = 0; row < rowCount; row++) {
      const at = this.index(id, row);
      if (this.counters[at] === countMax) continue;
      this.counters[at]++;
      added = true;
    }
    if (added && ++this.additions >= this.sampleMax) this.halve();
  }

  estimate(id: number): number {
    let least = countMax;
    for (let row = 0; row < rowCount; row++) {
      least = Math.min(least, this.counters[this.index(id, row)]);
    }
    return least;
  }

  private index(id: number, row: number): number {
    return row * this.width + (mix(Math.imul(id + 1, seeds[row])) & (this.width - 1));
  }

  private halve(): void {
    for (let i = 0; i < this.counters.length; i++) this.counters[i] >>>= 1;
    this.additions >>>= 1;
  }
}
