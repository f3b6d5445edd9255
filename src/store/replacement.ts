// Replaces all items at once: the new items are gathered in the spare half of the shards while the
// other half keeps serving; then the replacement takes over or is abandoned. For one thread at a
// time, on a node that neither expires nor evicts on its own. If the items do not fit, the caller
// decides: an early takeOver() empties the old half, and set() continues in the half that then
// serves.
// Invariants: before takeOver() no reader sees a new item; both halves count as used memory.
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

/** A generous bound of an item's header, padding and index entry. */
const itemOverheadBytes = 64;

/** The locks of the store whose items are replaced; see store.ts. */
interface Locks {
  readonly allShards: number;
  hash(key: Uint8Array, start: number, end: number): number;
  lock(key: Uint8Array, start: number, end: number): void;
  unlock(key: Uint8Array, start: number, end: number): void;
  lockShards(mask: number): number;
  unlockShards(taken: number): void;
}

export class Replacement {
  private readonly locks: Locks;
  private readonly attachment: Attachment;
  private readonly halves: Halves;
  private readonly room: RoomMaker;
  private readonly shards: readonly Shard[];

  constructor(locks: Locks, attachment: Attachment, halves: Halves, room: RoomMaker) {
    const { global } = attachment;
    assert(global[REPLACING] === 0, "one replacement at a time");
    assert(!attachment.expires, "what is gathered must not be evicted");
    global[REPLACING] = 1;
    this.locks = locks;
    this.attachment = attachment;
    this.halves = halves;
    this.room = room;
    this.shards = halves.spare;
  }

  /** Whether an item with `bytes` bytes of key and value is certain to fit below the limit. */
  fits(bytes: number): boolean {
    return this.room.hasPlenty(bytes + itemOverheadBytes);
  }

  /** As Store.set(), but takes the key's lock; only the reserve bounds it. */
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
    const { locks } = this;
    locks.lock(key, keyStart, keyEnd);
    const hash = locks.hash(key, keyStart, keyEnd);
    const shard = this.shards[this.halves.numberOf(hash)];
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
    locks.unlock(key, keyStart, keyEnd);
    return result;
  }

  /** The new items now serve and the old ones are removed: for readers, a FLUSHALL and more. */
  takeOver(): void {
    this.end(() => {
      this.halves.swap();
      this.attachment.global[CLEARS]++;
    });
  }

  /** Drops the gathered items. */
  abandon(): void {
    this.end(() => undefined);
  }

  /** Both ends empty the half that is spare after `decide`. */
  private end(decide: () => void): void {
    const { global } = this.attachment;
    assert(global[REPLACING] === 1, "a replacement ends once");
    const taken = this.locks.lockShards(this.locks.allShards);
    decide();
    clearHalf(this.attachment, this.halves.spare, this.halves.serving);
    global[REPLACING] = 0;
    this.locks.unlockShards(taken);
  }
}
