// The keys of the leader that a copy in this process does not hold, although it should: evicted,
// without room, or made from keys that it never saw. A bounded note; what does not fit into it
// makes every absent key one that may be there. It knows keys as bytes and nothing of why.
// Invariant: a key that is neither in the copy nor has() is one that the leader does not have.

import { latin1 } from "../base/bytes.ts";
import { followGapBytesMax } from "../base/limits.ts";

/** A generous estimate of what an entry costs beside its text. */
const entryBytes = 64;

export class Gaps {
  /** Too many to name: any key may be one. */
  areUnknown = false;
  private readonly keys = new Set<string>();
  private bytes = 0;

  get isEmpty(): boolean {
    return !this.areUnknown && this.keys.size === 0;
  }

  has(key: Uint8Array, start: number, end: number): boolean {
    return this.areUnknown || (this.keys.size > 0 && this.keys.has(latin1(key, start, end)));
  }

  add(key: Uint8Array, start: number, end: number): void {
    if (this.areUnknown) return;
    const text = latin1(key, start, end);
    if (this.keys.has(text)) return;
    this.keys.add(text);
    this.bytes += text.length + entryBytes;
    if (this.bytes > followGapBytesMax) this.loseCount();
  }

  /** The copy has the key again, or the leader no longer does. */
  fill(key: Uint8Array, start: number, end: number): void {
    if (this.keys.size === 0) return;
    if (this.keys.delete(latin1(key, start, end))) this.bytes -= end - start + entryBytes;
  }

  /** From now on, nothing that is not there can be told from what is not held. */
  loseCount(): void {
    this.clear();
    this.areUnknown = true;
  }

  /** The leader has no keys. */
  clear(): void {
    this.areUnknown = false;
    this.keys.clear();
    this.bytes = 0;
  }
}
