// Simulated W-TinyLFU (Einziger, Friedman and Manes, 2017), as in the first Caffeine: a window of
// one percent in LRU order, a main part divided into probation and protection (one to four), and a
// sketch of recent frequency that decides whether the object evicted from the window replaces the
// next victim of the main part. The window does not adapt.
// Invariant: window, probation and protection together never hold more than the capacity.

import { FrequencySketch } from "./frequency-sketch.ts";
import { Links, type Policy, Queue } from "./policy.ts";

const ABSENT = 0;
const WINDOW = 1;
const PROBATION = 2;
const PROTECTED = 3;

const windowShare = 0.01;
const protectedShare = 0.8;

export class WTinyLfu implements Policy {
  private readonly windowMax: number;
  private readonly mainMax: number;
  private readonly protectedMax: number;
  private readonly window: Queue;
  private readonly probation: Queue;
  private readonly protected: Queue;
  private readonly place: Uint8Array;
  private readonly sketch: FrequencySketch;

  constructor(capacity: number, ids: number) {
    this.windowMax = Math.max(1, Math.round(capacity * windowShare));
    this.mainMax = capacity - this.windowMax;
    this.protectedMax = Math.floor(this.mainMax * protectedShare);
    const links = new Links(ids);
    this.window = new Queue(links);
    this.probation = new Queue(links);
    this.protected = new Queue(links);
    this.place = new Uint8Array(ids);
    this.sketch = new FrequencySketch(capacity);
  }

  access(id: number): boolean {
    this.sketch.increment(id);
    switch (this.place[id]) {
      case WINDOW:
        this.window.moveToHead(id);
        return true;
      case PROBATION:
        this.protect(id);
        return true;
      case PROTECTED:
        this.protected.moveToHead(id);
        return true;
    }
    this.enter(id, WINDOW, this.window);
    if (this.window.size > this.windowMax) this.leaveWindow();
    return false;
  }

  private enter(id: number, place: number, queue: Queue): void {
    queue.pushHead(id);
    this.place[id] = place;
  }

  private protect(id: number): void {
    this.probation.remove(id);
    this.enter(id, PROTECTED, this.protected);
    if (this.protected.size <= this.protectedMax) return;
    this.enter(this.protected.popTail(), PROBATION, this.probation);
  }

  /** The window's oldest competes with the main part's for the last place. */
  private leaveWindow(): void {
    const candidate = this.window.popTail();
    if (this.probation.size + this.protected.size < this.mainMax) {
      this.enter(candidate, PROBATION, this.probation);
      return;
    }
    const queue = this.probation.size > 0 ? this.probation : this.protected;
    const victim = queue.tail;
    if (victim < 0 || this.sketch.estimate(candidate) <= this.sketch.estimate(victim)) {
      this.place[candidate] = ABSENT;
      return;
    }
    queue.remove(victim);
    this.place[victim] = ABSENT;
    this.enter(candidate, PROBATION, this.probation);
  }
}
