// What is remembered of items that were sent and not answered yet: the line of each, and as much
// of its key as an error shows. It knows no replies.
// Invariants: first in, first out; an item takes 72 bytes, whatever its key, and none of the heap;
// the capacity is a power of two and doubles when it is used up, so memory follows the most items
// that were unanswered at once, which the link bounds.

import { shownKeyBytesMax } from "./moved-item.ts";

/** The length of the kept part of a key, and that part. */
const slotBytes = 64;
const initialCapacity = 1024;

export class SentItems {
  length = 0;
  private head = 0;
  private lines = new Float64Array(initialCapacity);
  private keys = new Uint8Array(initialCapacity * slotBytes);

  /** `line` is where the item is in a file of lines; 0: it is in none. */
  push(line: number, key: Uint8Array, start: number, end: number): void {
    if (this.length === this.lines.length) this.grow();
    const slot = (this.head + this.length++) & (this.lines.length - 1);
    const { keys } = this;
    // One byte more than is shown tells that the key goes on.
    const kept = Math.min(end - start, shownKeyBytesMax + 1);
    const at = slot * slotBytes;
    this.lines[slot] = line;
    keys[at] = kept;
    for (let i = 0; i < kept; i++) keys[at + 1 + i] = key[start + i];
  }

  /** Takes the oldest, of which there must be one. The slot is valid until the next push(). */
  shift(): number {
    const slot = this.head;
    this.head = (slot + 1) & (this.lines.length - 1);
    this.length--;
    return slot;
  }

  lineOf(slot: number): number {
    return this.lines[slot] as number;
  }

  /** As much of the key as was kept. */
  keyOf(slot: number): Uint8Array {
    const at = slot * slotBytes;
    return this.keys.subarray(at + 1, at + 1 + (this.keys[at] as number));
  }

  private grow(): void {
    const capacity = this.lines.length;
    const [lines, keys] = [
      new Float64Array(capacity * 2),
      new Uint8Array(capacity * 2 * slotBytes),
    ];
    // The queue is full: what is behind the head comes first, then what is before it.
    lines.set(this.lines.subarray(this.head));
    lines.set(this.lines.subarray(0, this.head), capacity - this.head);
    keys.set(this.keys.subarray(this.head * slotBytes));
    keys.set(this.keys.subarray(0, this.head * slotBytes), (capacity - this.head) * slotBytes);
    this.lines = lines;
    this.keys = keys;
    this.head = 0;
  }
}
