// The shards, twice over: one half serves, and the other is spare until somebody gathers in it what
// is to take the place of everything (replacement.ts). Which is which is one shared word. Shards of
// the same number in both halves have one lock and one set of versions.
// Invariant: the word changes only while the locks of all shards are held, so that the shard which
// serves goes on serving for as long as its lock is held.

import type { Attachment } from "./attachment.ts";
import { SERVING } from "./memory.ts";
import { Shard } from "./shard.ts";

export class Halves {
  /** Both halves, one behind the other. */
  readonly shards: readonly Shard[];
  /** Shards of one half. */
  readonly count: number;
  /** The halves by themselves. Which of them serves changes; these do not. */
  readonly first: readonly Shard[];
  readonly second: readonly Shard[];
  readonly #global: Int32Array;
  readonly #shift: number;
  readonly #mask: number;

  constructor(attachment: Attachment) {
    const { geometry } = attachment.memory;
    this.count = geometry.shards;
    const numbers = Array.from({ length: 2 * this.count }, (_, number) => number);
    this.shards = numbers.map((number) => new Shard(attachment, number));
    this.first = this.shards.slice(0, this.count);
    this.second = this.shards.slice(this.count);
    this.#global = attachment.global;
    this.#shift = 32 - Math.log2(this.count);
    this.#mask = this.count - 1;
  }

  /** The number of a hash's lock, and of its shard within either half. */
  numberOf(hash: number): number {
    return (hash >>> this.#shift) & this.#mask;
  }

  /** The shard that serves this hash. */
  shardOf(hash: number): Shard {
    return this.shards[((hash >>> this.#shift) & this.#mask) + this.#global[SERVING]];
  }

  /** The shard of this number that serves. */
  at(number: number): Shard {
    return this.shards[number + this.#global[SERVING]];
  }

  /** The half that serves: 0 or 1. */
  get half(): number {
    return this.#global[SERVING] === 0 ? 0 : 1;
  }

  get serving(): readonly Shard[] {
    return this.half === 0 ? this.first : this.second;
  }

  get spare(): readonly Shard[] {
    return this.half === 0 ? this.second : this.first;
  }

  /** All shards are locked. */
  swap(): void {
    this.#global[SERVING] = this.count - this.#global[SERVING];
  }
}
