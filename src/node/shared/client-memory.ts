// The memory of the clients of all data threads outside the store: input that is not executed and
// output that is not sent. Each thread publishes its own share in shared memory and reads the
// others'. Above half of the limit, a client that does not read its replies runs no further
// commands; above the limit, each thread with more than its share disconnects its largest clients.
// Invariant: `own` is the sum over the connections of this thread. Followers' queues do not count
// here.

import { Signal } from "../../base/signal.ts";

/** Numbers are published in KiB, so that 32 bits are enough. */
const unitBytes = 1024;
const unitsMax = 0x7fff_ffff;
const LIMIT = 0;
/** Index of the share of thread 0, the control thread; those of the other threads follow. */
const SHARES = 1;

/** The words that all threads share; `limitBytes` is the limit for all clients together. */
export function reserveClientMemory(threads: number, limitBytes: number): SharedArrayBuffer {
  const shared = new SharedArrayBuffer((SHARES + threads + 1) * Int32Array.BYTES_PER_ELEMENT);
  new ClientMemory(shared, 0).limitBytes = limitBytes;
  return shared;
}

export class ClientMemory {
  /** Emitted when this thread must disconnect a client: see isOver. */
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

  /** Takes effect at once in all threads. 0 is no limit: two tebibytes, which no node has. */
  set limitBytes(bytes: number) {
    Atomics.store(this.words, LIMIT, bytes === 0 ? unitsMax : Math.floor(bytes / unitBytes));
  }

  /** Adds to the bytes of this thread's clients; negative if they hold less. */
  add(bytes: number): void {
    this.own += bytes;
    Atomics.store(this.words, SHARES + this.thread, Math.ceil(this.own / unitBytes));
    if (bytes > 0) this.check();
  }

  /** Also called periodically: other threads may have grown, or the limit may have shrunk. */
  check(): void {
    if (this.isOver) this.exceeded.emit();
  }

  /** Bytes that the clients of all threads hold, in steps of 1 KiB. */
  get totalBytes(): number {
    let sum = 0;
    for (let at = SHARES; at < this.words.length; at++) sum += Atomics.load(this.words, at);
    return sum * unitBytes;
  }

  /** Whether a client that does not read its replies may still run commands. */
  get hasRoom(): boolean {
    return this.totalBytes < this.limitBytes / 2;
  }

  /** Whether that many bytes more are within the limit. */
  hasRoomFor(bytes: number): boolean {
    return this.totalBytes + bytes <= this.limitBytes;
  }

  /** Whether all clients together are over the limit, and those of this thread over its share. */
  get isOver(): boolean {
    const { limitBytes } = this;
    const threads = this.words.length - SHARES;
    return this.totalBytes > limitBytes && this.own > limitBytes / threads;
  }
}
