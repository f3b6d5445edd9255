// What is to take the place of all items at once: it is gathered in the spare half of the shards
// while the other half serves on, and then either takes over or is abandoned. For one thread at a
// time, on a node that neither expires nor evicts by itself. What to do when it does not fit is its
// caller's business: taking over early empties the old half, and set() goes on in what serves by
// then.
// Invariants: until takeOver() no reader meets an item of it; memory of both halves counts as used.
//
//   beginReplacement() --> gathering --takeOver()--> serving (complete or not)
//                          gathering --abandon()--> gone

import { assert } from "../base/errors.ts";
import type { Attachment } from "./attachment.ts";
import { clearHalf } from "./clearing.ts";
import type { Halves } from "./halves.ts";
import { CLEARS, REPLACING } from "./memory.ts";
import type { RoomMaker } from "./room.ts";
import type { Shard } from "./shard.ts";
import type { Store } from "./store.ts";

/** Header, padding and index entry of an item, generously. */
const itemOverheadBytes = 64;

export class Replacement {
  readonly #store: Store;
  readonly #attachment: Attachment;
  readonly #halves: Halves;
  readonly #room: RoomMaker;
  readonly #shards: readonly Shard[];

  constructor(store: Store, attachment: Attachment, halves: Halves, room: RoomMaker) {
    const { global } = attachment;
    assert(global[REPLACING] === 0, "one replacement at a time");
    assert(!attachment.expires, "what is gathered must not be evicted");
    global[REPLACING] = 1;
    this.#store = store;
    this.#attachment = attachment;
    this.#halves = halves;
    this.#room = room;
    this.#shards = halves.spare;
  }

  /**
   * Whether an item of so many bytes of key and value surely fits below the limit, beside all there
   * is.
   */
  fits(bytes: number): boolean {
    return this.#room.hasPlenty(bytes + itemOverheadBytes);
  }

  /** As Store.set(), with the key's lock; the reserve alone bounds it. */
  set(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
    clientFlags: number,
  ): number {
    const store = this.#store;
    store.lock(key, keyStart, keyEnd);
    const hash = store.hash(key, keyStart, keyEnd);
    const shard = this.#shards[this.#halves.numberOf(hash)];
    const result = shard.set(
      hash,
      key,
      keyStart,
      keyEnd,
      value,
      valueStart,
      valueEnd,
      expiresAt,
      clientFlags,
    );
    store.unlock(key, keyStart, keyEnd);
    return result;
  }

  /** From now on this serves, and what served before is gone: for readers, a FLUSHALL and more. */
  takeOver(): void {
    this.#end(() => {
      this.#halves.swap();
      this.#attachment.global[CLEARS]++;
    });
  }

  /** Whatever was gathered is gone. */
  abandon(): void {
    this.#end(() => undefined);
  }

  /** Either way it is the spare half that is emptied in the end. */
  #end(decide: () => void): void {
    const { global } = this.#attachment;
    assert(global[REPLACING] === 1, "a replacement ends once");
    const taken = this.#store.lockShards(this.#store.allShards);
    decide();
    clearHalf(this.#attachment, this.#halves.spare, this.#halves.serving);
    global[REPLACING] = 0;
    this.#store.unlockShards(taken);
  }
}
