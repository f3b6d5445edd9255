// The locks of the shards as one thread sees them, and which of them it holds. It picks no shards.
// Invariant: several are taken in ascending order, so two threads never wait for each other.

import type { Attachment } from "./attachment.ts";
import { Mutex } from "./lock.ts";
import { shardLockWord } from "./memory.ts";

/**
 * The mask of the shard that is locked before any other: who holds it alone keeps out whoever
 * needs all of them, as a script does, and may lock others, one at a time or in order.
 */
export const firstShard = 1;

export class ShardLocks {
  /** One per shard of a half. */
  readonly mutexes: readonly Mutex[];
  /** Shards that take() holds: one bit each. */
  held: number;

  constructor({ global, threads }: Attachment, shards: number, threadId: number) {
    const numbers = Array.from({ length: shards }, (_, number) => number);
    this.mutexes = numbers.map((it) => new Mutex(global, shardLockWord(it), threadId, threads));
    this.held = 0;
  }

  holds(number: number): boolean {
    return (this.held & (1 << number)) !== 0;
  }

  /** Locks the shards of the mask that this thread does not hold yet, and returns them. */
  take(mask: number): number {
    const wanted = mask & ~this.held;
    for (let left = wanted; left !== 0; left &= left - 1) {
      this.mutexes[31 - Math.clz32(left & -left)].acquire();
    }
    this.held |= wanted;
    return wanted;
  }

  release(taken: number): void {
    this.held &= ~taken;
    for (let left = taken; left !== 0; ) {
      const number = 31 - Math.clz32(left);
      this.mutexes[number].release();
      left &= ~(1 << number);
    }
  }
}
