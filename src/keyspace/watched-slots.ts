// Watched keys of the clients of all data threads, in shared memory: a thread that swaps or flushes
// a database tells there what that is to each of them, as it alone sees what was there before and
// after. Each thread fills its own slots. It does not know what a change is.
// Invariant: a slot is filled, read and changed under the lock of its key's shard or of all shards;
// its serial number tells whether it still has the key for which it was filled.
//
// Nobody empties a slot. When a thread has filled its last one, it looks which of them its sessions
// still name, and the others are free again.

import { copyBytes } from "../base/bytes.ts";
import { watchedSlotKeyBytesMax, watchedSlotsMax } from "../base/limits.ts";

/** A watched key as it was when it was looked at last. */
export interface Watch {
  readonly version: number;
  /** Of the store, which a FLUSHALL changes, and of its database, which a swap or a flush does. */
  readonly clears: number;
  readonly generation: number;
  /** Whether it had a value: only then is expiry, without a new version, a change. */
  readonly lived: boolean;
}

// Words of a slot: the version, a double, first.
const SERIAL = 2;
const DATABASE = 3;
const LENGTH = 4;
const CLEARS = 5;
const GENERATION = 6;
const LIVED = 7;
const keyOffset = 32;
const slotBytes = keyOffset + watchedSlotKeyBytesMax;
const slotWords = slotBytes / 4;

/** In place of a handle: the key is in no slot. */
export const noSlot = -1;
/** A handle is the serial number of a watch times this, and its slot. */
const handleStep = 2 ** 17;
const serialMax = 2 ** 31 - 1;

export function reserveWatchedSlots(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads > 1 ? (threads + 1) * watchedSlotsMax * slotBytes : 0);
}

export class WatchedSlots {
  /** The handles that the sessions of this thread have. */
  named: () => Iterable<number> = () => [];
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly count: number;
  private readonly first: number;
  /** Slots of this thread that may be filled. */
  private free: number[] = [];
  private lastSerial = 0;
  /** After a look that found few: so many keys do without before the next look. */
  private patience = 0;

  constructor(memory: SharedArrayBuffer, thread: number) {
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
    this.bytes = new Uint8Array(memory);
    this.count = memory.byteLength / slotBytes;
    this.first = thread * watchedSlotsMax;
  }

  /** Returns the handle of the watch, or noSlot if the key is too long or no slot is free. */
  fill(database: number, key: Uint8Array, start: number, end: number, watch: Watch): number {
    const length = end - start;
    if (this.count === 0 || length > watchedSlotKeyBytesMax) return noSlot;
    if (this.free.length === 0) this.look();
    const slot = this.free.pop();
    if (slot === undefined) return noSlot;
    this.lastSerial = (this.lastSerial % serialMax) + 1;
    const at = slot * slotWords;
    this.write(slot, watch);
    this.words[at + DATABASE] = database;
    this.words[at + LENGTH] = length;
    copyBytes(key, start, end, this.bytes, slot * slotBytes + keyOffset);
    this.words[at + SERIAL] = this.lastSerial;
    return this.lastSerial * handleStep + slot;
  }

  /** What has become of a watch; null if its slot has another. */
  at(handle: number): Watch | null {
    const slot = handle % handleStep;
    const serial = (handle - slot) / handleStep;
    return this.words[slot * slotWords + SERIAL] === serial ? this.read(slot) : null;
  }

  // ---- of all threads, under the locks of all shards --------------------------------------------

  /** Slots that have been filled. Some have a key that nobody watches any more. */
  *filled(): Iterable<number> {
    for (let slot = 0; slot < this.count; slot++) {
      if (this.words[slot * slotWords + SERIAL] !== 0) yield slot;
    }
  }

  databaseOf(slot: number): number {
    return this.words[slot * slotWords + DATABASE];
  }

  keyOf(slot: number): Uint8Array {
    const start = slot * slotBytes + keyOffset;
    return this.bytes.subarray(start, start + this.words[slot * slotWords + LENGTH]);
  }

  read(slot: number): Watch {
    const at = slot * slotWords;
    return {
      version: this.doubles[at / 2],
      clears: this.words[at + CLEARS],
      generation: this.words[at + GENERATION],
      lived: this.words[at + LIVED] !== 0,
    };
  }

  write(slot: number, { version, clears, generation, lived }: Watch): void {
    const at = slot * slotWords;
    this.doubles[at / 2] = version;
    this.words[at + CLEARS] = clears;
    this.words[at + GENERATION] = generation;
    this.words[at + LIVED] = lived ? 1 : 0;
  }

  // ---- slots that are free again ----------------------------------------------------------------

  private look(): void {
    if (this.patience-- > 0) return;
    const named = new Set<number>();
    for (const handle of this.named()) named.add(handle % handleStep);
    for (let slot = this.first; slot < this.first + watchedSlotsMax; slot++) {
      if (named.has(slot)) continue;
      this.words[slot * slotWords + SERIAL] = 0;
      this.free.push(slot);
    }
    this.patience = this.free.length < watchedSlotsMax / 8 ? watchedSlotsMax : 0;
  }
}
