// A first-in first-out queue in a ring of slots, in which requests wait. It knows nothing about
// requests. Array.shift would move all remaining elements, so the head is an index. shift() clears
// the slot, or the queue would keep settled requests alive.
// Invariant: capacity is a power of two, 0 <= length <= capacity, and every slot outside
// [head, head + length) is undefined.
// Hot path: each request passes through two of these.

const initialCapacity = 64;

export class Queue<T> {
  private slots: (T | undefined)[] = new Array(initialCapacity).fill(undefined);
  private head = 0;
  length = 0;

  push(item: T): void {
    if (this.length === this.slots.length) this.grow();
    this.slots[(this.head + this.length) & (this.slots.length - 1)] = item;
    this.length++;
  }

  /** Returns the oldest item and keeps it; undefined if the queue is empty. */
  peek(): T | undefined {
    return this.slots[this.head];
  }

  /** Removes and returns the oldest item; undefined if the queue is empty. */
  shift(): T | undefined {
    const item = this.slots[this.head];
    if (this.length === 0) return undefined;
    this.slots[this.head] = undefined;
    this.head = (this.head + 1) & (this.slots.length - 1);
    this.length--;
    return item;
  }

  /** Calls `visit` for every item, oldest first; it must not change the queue. */
  forEach(visit: (item: T) => void): void {
    const mask = this.slots.length - 1;
    for (let i = 0; i < this.length; i++) visit(this.slots[(this.head + i) & mask] as T);
  }

  /**
   * Removes the items for which `remove` is true; the others keep their order. May be slow: rare.
   */
  removeIf(remove: (item: T) => boolean): void {
    for (let left = this.length; left > 0; left--) {
      const item = this.shift() as T;
      if (!remove(item)) this.push(item);
    }
  }

  private grow(): void {
    const old = this.slots;
    const mask = old.length - 1;
    const slots: (T | undefined)[] = new Array(old.length * 2).fill(undefined);
    for (let i = 0; i < this.length; i++) slots[i] = old[(this.head + i) & mask];
    this.slots = slots;
    this.head = 0;
  }

  /** Throws if the invariant of this file does not hold. For tests. */
  invariants(): void {
    const capacity = this.slots.length;
    if ((capacity & (capacity - 1)) !== 0 || this.length < 0 || this.length > capacity) {
      throw new Error(`queue of ${this.length} in ${capacity} slots`);
    }
    for (let i = this.length; i < capacity; i++) {
      if (this.slots[(this.head + i) & (capacity - 1)] !== undefined) {
        throw new Error(`slot ${i} after a queue of ${this.length} was not cleared`);
      }
    }
  }
}
