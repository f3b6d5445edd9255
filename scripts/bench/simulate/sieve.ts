// Simulated SIEVE (Zhang and others, NSDI 2024): one queue in order of arrival, and a hand that
// moves from the oldest to the newest, clears the mark of used objects and evicts the first object
// without a mark. Survivors stay in place.
// Invariant: the hand, if set, points at an object in the queue.

import { Links, type Policy, Queue } from "./policy.ts";

const NONE = -1;
const HELD = 1;
const USED = 2;

export class Sieve implements Policy {
  private readonly capacity: number;
  private readonly queue: Queue;
  private readonly state: Uint8Array;
  private hand = NONE;

  constructor(capacity: number, ids: number) {
    this.capacity = capacity;
    this.queue = new Queue(new Links(ids));
    this.state = new Uint8Array(ids);
  }

  access(id: number): boolean {
    if (this.state[id] !== 0) {
      this.state[id] = USED;
      return true;
    }
    if (this.queue.size >= this.capacity) this.evict();
    this.queue.pushHead(id);
    this.state[id] = HELD;
    return false;
  }

  private evict(): void {
    let id = this.hand === NONE ? this.queue.tail : this.hand;
    while (this.state[id] === USED) {
      this.state[id] = HELD;
      const newer = this.queue.newer(id);
      id = newer === NONE ? this.queue.tail : newer;
    }
    this.hand = this.queue.newer(id);
    this.queue.remove(id);
    this.state[id] = 0;
  }
}
