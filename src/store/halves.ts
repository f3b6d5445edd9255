// The two halves of the shards: one serves; the other is spare, and gathers the items of a
// replacement (replacement.ts). One shared word says which half serves. Shards with the same number
// in both halves share a lock and a set of versions.
// Invariant: the word changes only while the locks of all shards are held, so the serving shard
// keeps serving while its lock is held.

import type { Attachment } from "./attachment.ts";
import { SERVING } from "./memory.ts";
import { Shard } from "./shard.ts";

export class Halves {
  /** The shards of both halves, first the one, then the other. */
  readonly shards: readonly Shard[];
  /** The number of shards in one half. */
  readonly count: number;
  /** The two halves. Which of them serves changes; these do not. */
  readonly first: readonly Shard[];
  readonly second: readonly Shard[];
  private readonly global: Int32Array;
  private readonly shift: number;
  private readonly mask: number;

  constructor(attachment: Attachment) {
    const { geometry } = attachment.memory;
    this.count = geometry.shards;
    const numbers = Array.from({ length: 2 * this.count }, (_, number) => number);
    this.shards = numbers.map((number) => new Shard(attachment, number));
    this.first = this.shards.slice(0, this.count);
    this.second = this.shards.slice(this.count);
    this.global = attachment.global;
    this.shift = 32 - Math.log2(this.count);
    this.mask = this.count - 1;
  }

  /** The number of the hash's lock, and of its shard within either half. */
  numberOf(hash: number): number {
    return (hash >>> this.shift) & this.mask;
  }

  /** The shard that serves this hash. */
  shardOf(hash: number): Shard {
    return this.shards[((hash >>> this.shift) & this.mask) + this.global[SERVING]];
  }

  /** The serving shard with this number. */
  at(number: number): Shard {
    return this.shards[number + this.global[SERVING]];
  }

  /** The half that serves: 0 or 1. */
  get half(): number {
    return this.global[SERVING] === 0 ? 0 : 1;
  }

  get serving(): readonly Shard[] {
    return this.half === 0 ? this.first : this.second;
  }

  get spare(): readonly Shard[] {
    return this.half === 0 ? this.second : this.first;
  }

  /** Swaps the roles of the halves. The caller holds the locks of all shards. */
  swap(): void {
    this.global[SERVING] = this.count - this.global[SERVING];
  }
}
