// The published messages that the control thread has posted to data threads and that these have not
// delivered yet, by the work that they are. A thread may be slower than publishers are: without a
// bound its queue would grow, and its sockets wait behind it. So a PUBLISH waits until no thread
// owes more than the bound, and what observers of keys are told waits in the event log. A leader's
// stream is held then (node/parts.ts): it cannot wait in the middle of a command.
// Invariant: each thread's word is the sum of what was posted to it less what it has delivered.

import { deliveredPerRoundBytesMax, deliveryDebtBytesMax } from "../../base/limits.ts";

/** Words are in KiB, so that 32 bits are enough. */
export const debtUnitBytes = 1024;

/** The work that a thread does before it serves its sockets again. */
export const workPerRound = deliveredPerRoundBytesMax / debtUnitBytes;

/** One word for each thread, by its number. */
export function reserveDeliveryDebt(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer((threads + 1) * Int32Array.BYTES_PER_ELEMENT);
}

export class DeliveryDebt {
  /** Called when a thread owes more than the bound after more was added. */
  exceeded: (() => void) | null = null;
  private readonly words: Int32Array;
  private last: Promise<void> = Promise.resolve();

  constructor(shared: SharedArrayBuffer) {
    this.words = new Int32Array(shared);
  }

  /** For the control thread: that thread has more to deliver. */
  add(thread: number, work: number): void {
    Atomics.add(this.words, thread, work);
    if (this.exceeded !== null && this.owed(thread) > deliveryDebtBytesMax) this.exceeded();
  }

  /** For a data thread: it has delivered. */
  pay(thread: number, work: number): void {
    Atomics.sub(this.words, thread, work);
    Atomics.notify(this.words, thread);
  }

  /** Whether a thread owes more than the bound. */
  get isHigh(): boolean {
    for (let i = 0; i < this.words.length; i++)
      if (this.owed(i) > deliveryDebtBytesMax) return true;
    return false;
  }

  private owed(thread: number): number {
    return Atomics.load(this.words, thread) * debtUnitBytes;
  }

  /**
   * Runs `publish` when no thread owes more than the bound: at once, or one after another in the
   * order of the calls, as each may bring the debt up again.
   */
  whenLow<Result>(publish: () => Promise<Result>): Promise<Result> {
    if (!this.isHigh) return publish();
    const turn = this.last.then(() => this.low());
    const result = turn.then(publish);
    this.last = turn;
    return result;
  }

  /** Resolves when no thread owes more than the bound. */
  async low(): Promise<void> {
    for (let thread = 0; thread < this.words.length; thread++) {
      while (this.owed(thread) > deliveryDebtBytesMax) {
        const wait = Atomics.waitAsync(this.words, thread, Atomics.load(this.words, thread));
        if (wait.async) await wait.value;
      }
    }
  }
}
