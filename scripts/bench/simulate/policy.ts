// The interface of a simulated eviction policy, and the linked list over object ids that the
// policies use. Every object counts as one; only the real servers consider sizes. Ids are dense
// from 0, so a list is two typed arrays, and no object is allocated per id.
// Invariant: an id is in at most one list at a time; the policies ensure that.

export interface Policy {
  /** One request: true if the object is in the cache; otherwise it is afterwards. */
  access(id: number): boolean;
}

/** Makes a policy that holds `capacity` objects out of ids below `ids`. */
export type MakePolicy = (capacity: number, ids: number) => Policy;

const NONE = -1;

/** Links shared by several lists, as an id is in one of them at most. */
export class Links {
  readonly next: Int32Array;
  readonly previous: Int32Array;

  constructor(ids: number) {
    this.next = new Int32Array(ids).fill(NONE);
    this.previous = new Int32Array(ids).fill(NONE);
  }
}

/** A doubly linked list: newest at the head, oldest at the tail. */
export class Queue {
  private readonly links: Links;
  head = NONE;
  tail = NONE;
  size = 0;

  constructor(links: Links) {
    this.links = links;
  }

  pushHead(id: number): void {
    const { next, previous } = this.links;
    next[id] = this.head;
    previous[id] = NONE;
    if (this.head === NONE) this.tail = id;
    else previous[this.head] = id;
    this.head = id;
    this.size++;
  }

  remove(id: number): void {
    const { next, previous } = this.links;
    if (previous[id] === NONE) this.head = next[id];
    else next[previous[id]] = next[id];
    if (next[id] === NONE) this.tail = previous[id];
    else previous[next[id]] = previous[id];
    this.size--;
  }

  popTail(): number {
    const id = this.tail;
    this.remove(id);
    return id;
  }

  moveToHead(id: number): void {
    if (this.head === id) return;
    this.remove(id);
    this.pushHead(id);
  }

  /** The neighbor toward the head, or -1 at the head. */
  newer(id: number): number {
    return this.links.previous[id];
  }
}
