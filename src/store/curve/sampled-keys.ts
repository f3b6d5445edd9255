// The keys of the sample, a slot for each: its hash, size and expiry. A slot is kept while one of
// the miniatures holds it or remembers it as a ghost. No key itself is kept: a hash of 32 bits
// names it, so two keys may rarely share a slot.
// Invariant: a slot without holders is free and belongs to no hash.

export const NO_SLOT = -1;

export class SampledKeys {
  readonly slots: number;
  /** Of a slot, in the store's memory. */
  readonly bytes: Float64Array;
  /** Milliseconds since 1970, 0 = never. */
  readonly expiresAt: Float64Array;
  /** Whether the store itself has missed the key since its last write: a write fills it again. */
  readonly isMissed: Uint8Array;
  private readonly hashes: Int32Array;
  private readonly holders: Uint8Array;
  private readonly bySlot = new Map<number, number>();
  private readonly free: number[] = [];
  private unused = 0;

  constructor(slots: number) {
    this.slots = slots;
    this.bytes = new Float64Array(slots);
    this.expiresAt = new Float64Array(slots);
    this.isMissed = new Uint8Array(slots);
    this.hashes = new Int32Array(slots);
    this.holders = new Uint8Array(slots);
  }

  get count(): number {
    return this.bySlot.size;
  }

  get isFull(): boolean {
    return this.count === this.slots;
  }

  find(hash: number): number {
    return this.bySlot.get(hash) ?? NO_SLOT;
  }

  /** A slot for a hash that has none; hold() it, or it is lost. There must be a free one. */
  add(hash: number): number {
    const slot = this.free.pop() ?? this.unused++;
    this.hashes[slot] = hash;
    this.holders[slot] = 0;
    this.isMissed[slot] = 0;
    this.bySlot.set(hash, slot);
    return slot;
  }

  hold(slot: number): void {
    this.holders[slot]++;
  }

  release(slot: number): void {
    if (--this.holders[slot] > 0) return;
    this.bySlot.delete(this.hashes[slot]);
    this.free.push(slot);
  }

  hasExpired(slot: number, now: number): boolean {
    const expiresAt = this.expiresAt[slot];
    return expiresAt !== 0 && expiresAt <= now;
  }

  /** All slots in use, with their hashes, as they are now. */
  all(): [hash: number, slot: number][] {
    return [...this.bySlot];
  }
}
