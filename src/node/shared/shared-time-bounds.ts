// The settings of the slow log and of latency monitoring in shared memory, so that a change reaches
// every data thread at its next batch. The control thread writes them (settings-in-force.ts).
// Invariant: ATTENTION is the smaller bound of the other two, so that a batch compares one number.

import type { TimeBounds } from "../../command/timing/time-bounds.ts";

const ATTENTION = 0;
const SLOW = 1;
const SLOW_MAX = 2;
const LATENCY = 3;
const TRACKING = 4;
const SLOW_IDS = 5;
const words = 6;

/** More than 35 minutes in microseconds: longer times are never reached. */
const wordMax = 2 ** 31 - 1;

export class SharedTimeBounds implements TimeBounds {
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;

  constructor(memory = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.words = new Int32Array(memory);
  }

  /** Read for each batch: a plain read, as Atomics.load() was a call of 200 ns there (measured). */
  get attentionUsec(): number {
    return this.words[ATTENTION];
  }

  get slowUsec(): number {
    return Atomics.load(this.words, SLOW);
  }

  set slowUsec(usec: number) {
    this.write(SLOW, usec);
  }

  get slowLogMax(): number {
    return Atomics.load(this.words, SLOW_MAX);
  }

  set slowLogMax(entries: number) {
    this.write(SLOW_MAX, entries);
  }

  get latencyMs(): number {
    return Atomics.load(this.words, LATENCY);
  }

  set latencyMs(ms: number) {
    this.write(LATENCY, ms);
  }

  /** As attentionUsec. */
  get isTracking(): boolean {
    return this.words[TRACKING] === 1;
  }

  set isTracking(isTracking: boolean) {
    this.write(TRACKING, isTracking ? 1 : 0);
  }

  nextSlowId(): number {
    return Atomics.add(this.words, SLOW_IDS, 1);
  }

  private write(word: number, value: number): void {
    Atomics.store(this.words, word, Math.min(value, wordMax));
    const { slowUsec, latencyMs } = this;
    const slow = slowUsec < 0 ? wordMax : slowUsec;
    const latency = latencyMs === 0 ? wordMax : latencyMs * 1000;
    Atomics.store(this.words, ATTENTION, Math.min(slow, latency, wordMax));
  }
}
