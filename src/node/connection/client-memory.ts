// What the clients of all data threads hold beside the store: input that is not executed and output that
// is not sent. Each thread publishes its own share in shared memory and reads the others'.
// Above half of the bound a client that does not read its replies is not read from any more; above the
// bound the largest clients of the threads with more than their share are cut off.
// Invariant: `own` is the sum over the connections of this thread. Followers' queues do not count here.

import { Signal } from "../../base/signal.ts";

/** Numbers are published in KiB, so that 32 bits are enough. */
const unitBytes = 1024;
const LIMIT = 0;
/** The share of thread 0, the control thread. */
const SHARES = 1;

/** The words that all threads share; `limitBytes` is the bound for all clients together. */
export function reserveClientMemory(threads: number, limitBytes: number): SharedArrayBuffer {
  const shared = new SharedArrayBuffer((SHARES + threads + 1) * Int32Array.BYTES_PER_ELEMENT);
  new ClientMemory(shared, 0).limitBytes = limitBytes;
  return shared;
}

export class ClientMemory {
  /** This thread has to cut a client off: more than its share is too much for all together. */
  readonly exceeded = new Signal();
  /** Bytes that the clients of this thread hold. */
  own = 0;
  private readonly words: Int32Array;
  private readonly thread: number;

  constructor(shared: SharedArrayBuffer, thread: number) {
    this.words = new Int32Array(shared);
    this.thread = thread;
  }

  get limitBytes(): number {
    return Atomics.load(this.words, LIMIT) * unitBytes;
  }

  /** Takes effect at once in all threads. */
  set limitBytes(bytes: number) {
    Atomics.store(this.words, LIMIT, Math.floor(bytes / unitBytes));
  }

  /** Counts bytes that a client of this thread holds more, or, below 0, less. */
  add(bytes: number): void {
    this.own += bytes;
    Atomics.store(this.words, SHARES + this.thread, Math.ceil(this.own / unitBytes));
    if (bytes > 0) this.check();
  }

  /** To be called from time to time as well: others may have grown, or the bound have shrunk. */
  check(): void {
    if (this.isOver) this.exceeded.emit();
  }

  /** Bytes that the clients of all threads hold, in steps of 1 KiB. */
  get totalBytes(): number {
    let sum = 0;
    for (let at = SHARES; at < this.words.length; at++) sum += Atomics.load(this.words, at);
    return sum * unitBytes;
  }

  /** Whether a client that does not read may go on sending commands. */
  get hasRoom(): boolean {
    return this.totalBytes < this.limitBytes / 2;
  }

  /** Whether this thread has to cut a client off. */
  get isOver(): boolean {
    const { limitBytes } = this;
    const threads = this.words.length - SHARES;
    return this.totalBytes > limitBytes && this.own > limitBytes / threads;
  }
}
