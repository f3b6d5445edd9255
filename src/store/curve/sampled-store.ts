// A store that tells the miss curve what happens to the keys of its sample. It is a class of its
// own, so that a node without --miss-curve, which has the other one, spends nothing on it.
// Hot path: read(), set() and delete(), with one comparison for keys that are not in the sample.
// Invariant: it changes nothing about what the store does.

import type { StoreMemory } from "../memory.ts";
import { STORED as IS_STORED, Store } from "../store.ts";
import {
  type CurveMemory,
  GONE,
  HIT,
  MISS,
  RETIMED,
  SampleRing,
  STORED,
  sampledMask,
} from "./sample-ring.ts";

export class SampledStore extends Store {
  private readonly bound: Int32Array;
  private readonly ring: SampleRing;

  constructor(memory: StoreMemory, threadId: number, curve: CurveMemory) {
    super(memory, threadId);
    this.bound = new Int32Array(curve.bound);
    this.ring = new SampleRing(curve.rings[threadId]);
  }

  override read(key: Uint8Array, start: number, end: number, now: number): boolean {
    const hash = this.hash(key, start, end);
    const isFound = this.halves.shardOf(hash).read(hash, key, start, end, now);
    if ((hash & sampledMask) >= this.bound[0]) return isFound;
    if (isFound) this.ring.write(HIT, hash, this.currentBytes(end - start), this.expiresAt);
    else this.ring.write(MISS, hash, 0, 0);
    return isFound;
  }

  override set(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
    clientFlags: number,
  ): number {
    const hash = this.hash(key, keyStart, keyEnd);
    const result = this.halves
      .shardOf(hash)
      .set(hash, key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt, clientFlags);
    if ((hash & sampledMask) < this.bound[0] && result === IS_STORED) {
      this.ring.write(STORED, hash, this.layoutBytes(), expiresAt);
    }
    return result;
  }

  override delete(key: Uint8Array, start: number, end: number, now: number): boolean {
    const hash = this.hash(key, start, end);
    const isGone = this.halves.shardOf(hash).delete(hash, key, start, end, now);
    if ((hash & sampledMask) < this.bound[0]) this.ring.write(GONE, hash, 0, 0);
    return isGone;
  }

  override setExpiry(key: Uint8Array, start: number, end: number, expiresAt: number): boolean {
    const isSet = super.setExpiry(key, start, end, expiresAt);
    const hash = this.hash(key, start, end);
    if ((hash & sampledMask) < this.bound[0] && isSet) {
      this.ring.write(RETIMED, hash, 0, expiresAt);
    }
    return isSet;
  }

  override setRange(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    offset: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    now: number,
  ): number {
    const result = super.setRange(key, keyStart, keyEnd, offset, bytes, start, end, now);
    const hash = this.hash(key, keyStart, keyEnd);
    if ((hash & sampledMask) < this.bound[0] && result === IS_STORED) {
      this.ring.write(STORED, hash, this.currentBytes(keyEnd - keyStart), this.expiresAt);
    }
    return result;
  }

  /** Of the current item. */
  private currentBytes(keyLength: number): number {
    const { current, layout } = this.attachment;
    layout.measure(keyLength, current.valueLength, current.expiresAt, current.clientFlags);
    return this.layoutBytes();
  }

  /** Of the item that was measured last. */
  private layoutBytes(): number {
    const { layout, segments } = this.attachment;
    return layout.bytes + layout.chainSegments * segments.segmentBytes;
  }
}
