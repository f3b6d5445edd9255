// Simulated LRU: evicts the least recently used object. The reference for the other policies; it is
// exact, while real servers approximate it.
// Invariant: the queue is in order of last use and never longer than the capacity.

import { Links, type Policy, Queue } from "./policy.ts";

export class Lru implements Policy {
  private readonly capacity: number;
  private readonly queue: Queue;
  private readonly held: Uint8Array;

  constructor(capacity: number, ids: number) {
    this.capacity = capacity;
    this.queue = new Queue(new Links(ids));
    this.held = new Uint8Array(ids);
  }

  access(id: number): boolean {
    if (this.held[id] === 1) {
      this.queue.moveToHead(id);
      return true;
    }
    if (this.queue.size >= this.capacity) this.held[this.queue.popTail()] = 0;
    this.queue.pushHead(id);
    this.held[id] = 1;
    return false;
  }
}
