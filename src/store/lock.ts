// Hot path: mutual exclusion between threads on one word of shared memory, and the table that says
// which threads live. Knows nothing of what it guards, is not fair, and does not end the process: a
// lock whose owner died is thrown to the caller, as a fault of the node.
// Invariant: a word is 0 (free), the owner's id plus one, or that with WAITERS set; only the owner
// makes it 0. Three states, because Atomics.notify costs 27 to 45 ns and is mostly not needed.

import { assert } from "../base/errors.ts";

/** Threads are numbered from 0 to one less. */
const threadsMax = 256;

const WAITERS = 1 << 30;
const OWNER_MASK = WAITERS - 1;
/** About 10 us: a shard is rarely held for longer than one command, and a sleep costs 50. */
const SPINS = 400;
/** How long to sleep before looking whether the owner still lives, ms. */
const LIVENESS_CHECK_MS = 50;

/** Which threads live: one word each in shared memory, kept by the server. */
export class ThreadTable {
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  static reserve(): SharedArrayBuffer {
    return new SharedArrayBuffer(threadsMax * 4);
  }

  markAlive(thread: number): void {
    assert(thread >= 0 && thread < threadsMax, `a thread's id is below ${threadsMax}`);
    Atomics.store(this.#words, thread, 1);
  }

  markDead(thread: number): void {
    Atomics.store(this.#words, thread, 0);
  }

  isAlive(thread: number): boolean {
    return Atomics.load(this.#words, thread) === 1;
  }
}

export class Mutex {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #owner: number;
  readonly #threads: ThreadTable;

  constructor(words: Int32Array, at: number, thread: number, threads: ThreadTable) {
    this.#words = words;
    this.#at = at;
    this.#owner = thread + 1;
    this.#threads = threads;
  }

  /**
   * True if this thread took it now, false if it holds it already: whoever gets true releases it.
   */
  acquire(): boolean {
    const seen = Atomics.compareExchange(this.#words, this.#at, 0, this.#owner);
    if (seen === 0) return true;
    if ((seen & OWNER_MASK) === this.#owner) return false;
    this.#acquireContended();
    return true;
  }

  release(): void {
    const seen = Atomics.exchange(this.#words, this.#at, 0);
    if ((seen & WAITERS) !== 0) Atomics.notify(this.#words, this.#at, 1);
  }

  #acquireContended(): void {
    const words = this.#words;
    const at = this.#at;
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.load(words, at) !== 0) continue;
      if (Atomics.compareExchange(words, at, 0, this.#owner) === 0) return;
    }
    for (;;) {
      // Taken with WAITERS set: others may sleep behind us, and one notify too many does no harm.
      const seen = Atomics.compareExchange(words, at, 0, this.#owner | WAITERS);
      if (seen === 0) return;
      const marked = seen | WAITERS;
      if (seen !== marked && Atomics.compareExchange(words, at, seen, marked) !== seen) continue;
      if (Atomics.wait(words, at, marked, LIVENESS_CHECK_MS) === "timed-out") this.#checkOwner();
    }
  }

  #checkOwner(): void {
    const owner = Atomics.load(this.#words, this.#at) & OWNER_MASK;
    if (owner === 0 || this.#threads.isAlive(owner - 1)) return;
    throw new Error(`thread ${owner - 1} died while it held a lock`);
  }
}
