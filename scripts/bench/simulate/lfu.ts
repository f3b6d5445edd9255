// Simulated LFU: evicts the object with the fewest uses since it entered, and among equals the
// least recently used. Exact counts without decay, so yesterday's favorites stay: this is the
// textbook policy, while Redis samples, counts in steps, and forgets with time.
// Invariant: an object with n uses is in queue n, and every queue below `least` is empty.

import { Links, type Policy, Queue } from "./policy.ts";

export class Lfu implements Policy {
  private readonly capacity: number;
  private readonly links: Links;
  /** Uses of each object in the cache; 0 if it is absent. */
  private readonly uses: Uint32Array;
  private readonly queues = new Map<number, Queue>();
  private least = 1;
  private size = 0;

  constructor(capacity: number, ids: number) {
    this.capacity = capacity;
    this.links = new Links(ids);
    this.uses = new Uint32Array(ids);
  }

  access(id: number): boolean {
    const uses = this.uses[id];
    if (uses > 0) {
      this.leave(id, uses);
      this.enter(id, uses + 1);
      return true;
    }
    if (this.size >= this.capacity) this.evict();
    this.enter(id, 1);
    this.size++;
    this.least = 1;
    return false;
  }

  private enter(id: number, uses: number): void {
    let queue = this.queues.get(uses);
    if (queue === undefined) {
      queue = new Queue(this.links);
      this.queues.set(uses, queue);
    }
    queue.pushHead(id);
    this.uses[id] = uses;
  }

  private leave(id: number, uses: number): void {
    const queue = this.queueOf(uses);
    queue.remove(id);
    if (queue.size > 0) return;
    this.queues.delete(uses);
    // On a hit the object enters the next queue at once, so that one is the least now.
    if (this.least === uses) this.least = uses + 1;
  }

  private evict(): void {
    const queue = this.queueOf(this.least);
    this.uses[queue.popTail()] = 0;
    if (queue.size === 0) this.queues.delete(this.least);
    this.size--;
  }

  private queueOf(uses: number): Queue {
    const queue = this.queues.get(uses);
    if (queue === undefined) throw new Error(`no object has ${uses} uses`);
    return queue;
  }
}
