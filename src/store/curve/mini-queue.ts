// A queue of slots, oldest first, by links in typed arrays that several queues share: no object for
// each slot. It also knows how many bytes its slots have.
// Invariant: a slot is in at most one of the queues that share links; their owner ensures that.

const NONE = -1;

export class Links {
  readonly newer: Int32Array;
  readonly older: Int32Array;

  constructor(slots: number) {
    this.newer = new Int32Array(slots).fill(NONE);
    this.older = new Int32Array(slots).fill(NONE);
  }
}

export class MiniQueue {
  count = 0;
  bytes = 0;
  /** -1 if there is none. */
  oldest = NONE;
  private newest = NONE;
  private readonly links: Links;

  constructor(links: Links) {
    this.links = links;
  }

  push(slot: number, bytes: number): void {
    const { newer, older } = this.links;
    older[slot] = this.newest;
    newer[slot] = NONE;
    if (this.newest === NONE) this.oldest = slot;
    else newer[this.newest] = slot;
    this.newest = slot;
    this.count++;
    this.bytes += bytes;
  }

  remove(slot: number, bytes: number): void {
    const { newer, older } = this.links;
    const [after, before] = [newer[slot], older[slot]];
    if (before === NONE) this.oldest = after;
    else newer[before] = after;
    if (after === NONE) this.newest = before;
    else older[after] = before;
    this.count--;
    this.bytes -= bytes;
  }

  clear(): void {
    this.count = 0;
    this.bytes = 0;
    this.oldest = NONE;
    this.newest = NONE;
  }
}
