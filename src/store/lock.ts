// Hot path: mutual exclusion between threads on one word of shared memory, and the table of live
// threads. It does not know what it guards, is not fair, and does not end the process: if the owner
// of a lock has died, acquire() throws, which is a fault of the node.
// Invariant: a word is 0 (free), the owner's id plus one, or that with WAITERS set; only the owner
// sets it to 0. There are three states because Atomics.notify costs 27 to 45 ns and is mostly
// unnecessary.

import { assert } from "../base/errors.ts";

/** Thread ids are below this: far above what the option `threads` allows. */
const threadIds = 256;

const WAITERS = 1 << 30;
const OWNER_MASK = WAITERS - 1;
/** About 10 us: a shard is rarely locked for longer than one command, and a sleep costs 50 us. */
const spins = 400;
/** How long to sleep before checking whether the owner is still alive, ms. */
const livenessCheckMs = 50;

/** Which threads are alive: one word each in shared memory, maintained by the server. */
export class ThreadTable {
  private readonly words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  static reserve(): SharedArrayBuffer {
    return new SharedArrayBuffer(threadIds * 4);
  }

  markAlive(thread: number): void {
    assert(thread >= 0 && thread < threadIds, `a thread's id is below ${threadIds}`);
    Atomics.store(this.words, thread, 1);
  }

  markDead(thread: number): void {
    Atomics.store(this.words, thread, 0);
  }

  isAlive(thread: number): boolean {
    return Atomics.load(this.words, thread) === 1;
  }
}

export class Mutex {
  private readonly words: Int32Array;
  private readonly at: number;
  private readonly owner: number;
  private readonly threads: ThreadTable;

  constructor(words: Int32Array, at: number, thread: number, threads: ThreadTable) {
    this.words = words;
    this.at = at;
    this.owner = thread + 1;
    this.threads = threads;
  }

  /**
   * True if this call took the lock, false if the thread holds it already. On true, call release().
   */
  acquire(): boolean {
    const seen = Atomics.compareExchange(this.words, this.at, 0, this.owner);
    if (seen === 0) return true;
    if ((seen & OWNER_MASK) === this.owner) return false;
    this.acquireContended();
    return true;
  }

  release(): void {
    const seen = Atomics.exchange(this.words, this.at, 0);
    if ((seen & WAITERS) !== 0) Atomics.notify(this.words, this.at, 1);
  }

  private acquireContended(): void {
    const words = this.words;
    const at = this.at;
    for (let spin = 0; spin < spins; spin++) {
      if (Atomics.load(words, at) !== 0) continue;
      if (Atomics.compareExchange(words, at, 0, this.owner) === 0) return;
    }
    for (;;) {
      // Taken with WAITERS set: others may be asleep, and one notify too many does no harm.
      const seen = Atomics.compareExchange(words, at, 0, this.owner | WAITERS);
      if (seen === 0) return;
      const marked = seen | WAITERS;
      if (seen !== marked && Atomics.compareExchange(words, at, seen, marked) !== seen) continue;
      if (Atomics.wait(words, at, marked, livenessCheckMs) === "timed-out") this.checkOwner();
    }
  }

  private checkOwner(): void {
    const owner = Atomics.load(this.words, this.at) & OWNER_MASK;
    if (owner === 0 || this.threads.isAlive(owner - 1)) return;
    throw new Error(`thread ${owner - 1} died while it held a lock`);
  }
}
