// Simulated S3-FIFO (Yang and others, SOSP 2023): new objects enter a small queue of a tenth of the
// space. Objects used twice there move to the main queue; the others are evicted and remembered in
// a ghost queue, from which they return directly to the main queue. The main queue gives an object
// another round for each use, up to three.
// Invariant: the small and the main queue together never hold more than the capacity.

import { Links, type Policy, Queue } from "./policy.ts";

const ABSENT = 0;
const SMALL = 1;
const MAIN = 2;
const GHOST = 3;
const usesMax = 3;

export interface S3FifoOptions {
  /** The small queue's share of the capacity. */
  readonly smallShare: number;
  /** Uses in the small queue that promote an object to the main queue. */
  readonly promoteUses: number;
}

export const s3FifoPaper: S3FifoOptions = { smallShare: 0.1, promoteUses: 2 };

export class S3Fifo implements Policy {
  private readonly promoteUses: number;
  private readonly capacity: number;
  private readonly smallMax: number;
  private readonly ghostMax: number;
  private readonly small: Queue;
  private readonly main: Queue;
  private readonly ghost: Queue;
  private readonly place: Uint8Array;
  private readonly uses: Uint8Array;

  constructor(capacity: number, ids: number, options: S3FifoOptions = s3FifoPaper) {
    this.promoteUses = options.promoteUses;
    this.capacity = capacity;
    this.smallMax = Math.max(1, Math.floor(capacity * options.smallShare));
    this.ghostMax = capacity - this.smallMax;
    const links = new Links(ids);
    this.small = new Queue(links);
    this.main = new Queue(links);
    this.ghost = new Queue(links);
    this.place = new Uint8Array(ids);
    this.uses = new Uint8Array(ids);
  }

  access(id: number): boolean {
    const place = this.place[id];
    if (place === SMALL || place === MAIN) {
      if (this.uses[id] < usesMax) this.uses[id]++;
      return true;
    }
    if (place === GHOST) this.ghost.remove(id);
    // Absent while room is made, so that evictions into the ghost queue cannot find it there.
    this.place[id] = ABSENT;
    while (this.small.size + this.main.size >= this.capacity) this.evict();
    this.uses[id] = 0;
    if (place === GHOST) this.enter(id, MAIN, this.main);
    else this.enter(id, SMALL, this.small);
    return false;
  }

  private enter(id: number, place: number, queue: Queue): void {
    queue.pushHead(id);
    this.place[id] = place;
  }

  private evict(): void {
    if (this.small.size >= this.smallMax || this.main.size === 0) this.evictSmall();
    else this.evictMain();
  }

  /** Frees one place in the small queue; a promotion frees none in the cache as a whole. */
  private evictSmall(): void {
    const id = this.small.popTail();
    if (this.uses[id] >= this.promoteUses) {
      this.uses[id] = 0;
      this.enter(id, MAIN, this.main);
      return;
    }
    this.remember(id);
  }

  private remember(id: number): void {
    if (this.ghostMax === 0) {
      this.place[id] = ABSENT;
      return;
    }
    if (this.ghost.size >= this.ghostMax) this.place[this.ghost.popTail()] = ABSENT;
    this.enter(id, GHOST, this.ghost);
  }

  private evictMain(): void {
    for (;;) {
      const id = this.main.popTail();
      if (this.uses[id] === 0) {
        this.place[id] = ABSENT;
        return;
      }
      this.uses[id]--;
      this.main.pushHead(id);
    }
  }
}
