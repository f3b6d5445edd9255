// A store in small: the policy of eviction.ts over a sample of its keys, whose capacity is smaller
// by the rate of the sample. It keeps which keys would be there, with their sizes, and no values.
// What it leaves out: segments (it evicts a key at a time), shards, and the stages of room.ts. What
// they cost in memory is in the size of a key (miss-curve.ts).
// Invariant: a slot is in one queue at most; the keys of the small and the main queue together
// exceed the capacity by no more than the key that entered last.

import { Links, MiniQueue } from "./mini-queue.ts";
import type { SampledKeys } from "./sampled-keys.ts";

const ABSENT = 0;
const SMALL = 1;
const MAIN = 2;
const GHOST = 3;

const usesMax = 3;
/** The small queue is emptied first while it has more than this share. */
const smallShare = 0.1;
/** Ghosts for each key that is there: ghost.ts. */
const ghostShare = 7 / 8;

export class Miniature {
  /** Bytes, as the sizes of the keys count them. */
  capacity = 0;
  /** Whether it had to evict yet. */
  hasEvicted = false;
  private readonly keys: SampledKeys;
  private readonly place: Uint8Array;
  private readonly uses: Uint8Array;
  private readonly small: MiniQueue;
  private readonly main: MiniQueue;
  private readonly ghosts: MiniQueue;

  constructor(keys: SampledKeys) {
    const { slots } = keys;
    const links = new Links(slots);
    this.keys = keys;
    this.place = new Uint8Array(slots);
    this.uses = new Uint8Array(slots);
    this.small = new MiniQueue(links);
    this.main = new MiniQueue(links);
    this.ghosts = new MiniQueue(links);
  }

  get bytes(): number {
    return this.small.bytes + this.main.bytes;
  }

  get count(): number {
    return this.small.count + this.main.count;
  }

  holds(slot: number): boolean {
    const place = this.place[slot];
    return place === SMALL || place === MAIN;
  }

  /** A read or a write of a key that is there. */
  use(slot: number): void {
    if (this.uses[slot] < usesMax) this.uses[slot]++;
  }

  /** The key comes in; its slot has the size. */
  enter(slot: number, now: number): void {
    const bytes = this.keys.bytes[slot];
    const isRecalled = this.place[slot] === GHOST;
    this.keys.hold(slot);
    if (isRecalled) this.forget(slot);
    while (this.bytes > 0 && this.bytes + bytes > this.capacity) this.evict(now);
    this.uses[slot] = 0;
    this.place[slot] = isRecalled ? MAIN : SMALL;
    this.queueOf(slot).push(slot, bytes);
  }

  /** The size of a key has changed from `before`: it is written anew, at the end of its queue. */
  resize(slot: number, before: number, now: number): void {
    if (!this.holds(slot)) return;
    const queue = this.queueOf(slot);
    queue.remove(slot, before);
    queue.push(slot, this.keys.bytes[slot]);
    while (this.bytes > this.capacity && this.count > 1) this.evict(now);
  }

  /** The key goes, by no choice of the policy; a ghost of it stays. */
  remove(slot: number): void {
    if (!this.holds(slot)) return;
    this.queueOf(slot).remove(slot, this.keys.bytes[slot]);
    this.place[slot] = ABSENT;
    this.keys.release(slot);
  }

  /** The key is to be forgotten altogether. */
  drop(slot: number): void {
    this.remove(slot);
    if (this.place[slot] === GHOST) this.forget(slot);
  }

  /** Evicts until all fits again: the capacity or what counts as a size has changed. */
  fit(now: number): void {
    while (this.bytes > this.capacity && this.count > 0) this.evict(now);
  }

  private queueOf(slot: number): MiniQueue {
    return this.place[slot] === MAIN ? this.main : this.small;
  }

  private evict(now: number): void {
    const { small, main } = this;
    const smallGives = small.bytes > (small.bytes + main.bytes) * smallShare;
    if (smallGives || main.count === 0) this.evictSmall(now);
    else this.evictMain(now);
  }

  private evictSmall(now: number): void {
    const slot = this.small.oldest;
    const bytes = this.keys.bytes[slot];
    if (this.keys.hasExpired(slot, now)) return this.remove(slot);
    this.small.remove(slot, bytes);
    if (this.uses[slot] > 0) {
      this.uses[slot] = 0;
      this.place[slot] = MAIN;
      this.main.push(slot, bytes);
      return;
    }
    this.hasEvicted = true;
    this.place[slot] = GHOST;
    this.ghosts.push(slot, 0);
    while (this.ghosts.count > this.count * ghostShare) this.forget(this.ghosts.oldest);
  }

  private evictMain(now: number): void {
    const slot = this.main.oldest;
    const bytes = this.keys.bytes[slot];
    if (this.uses[slot] === 0 || this.keys.hasExpired(slot, now)) {
      this.hasEvicted = true;
      return this.remove(slot);
    }
    this.uses[slot]--;
    this.main.remove(slot, bytes);
    this.main.push(slot, bytes);
  }

  private forget(ghost: number): void {
    this.ghosts.remove(ghost, 0);
    this.place[ghost] = ABSENT;
    this.keys.release(ghost);
  }
}
