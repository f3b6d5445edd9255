// When a thread asks the collector. Shared memory counts as heap, so that it hardly runs by itself
// (src/README.md): it is asked for every so many bytes received, which is what most garbage is made of, and
// when resident memory has grown, which shows the rest: strings of INFO and CLIENT LIST, promises of
// waiting commands, clones of messages. A thread that rests after that collects everything once.
// Invariant: a look costs one reading of the process's memory, and nothing is read between two looks.

import { receivedBytesPerCollection, residentBytesPerCollection } from "../base/limits.ts";

export interface Runtime {
  residentBytes(): number;
  /** Waits for the end of it when it is `whole`, and gives free memory back to the system. */
  collect(whole: boolean): void;
}

const bun: Runtime = {
  residentBytes: () => process.memoryUsage.rss(),
  collect: (whole) => Bun.gc(whole),
};

export class Collector {
  private readonly runtime: Runtime;
  private receivedBytes = 0;
  /** Resident memory after the last collection for its sake. */
  private residentBytes: number;
  private isResting = true;
  private hasGrown = false;

  constructor(runtime: Runtime = bun) {
    this.runtime = runtime;
    this.residentBytes = runtime.residentBytes();
  }

  /** For each turn, with the bytes that it brought. */
  received(bytes: number): void {
    this.isResting = false;
    this.receivedBytes += bytes;
    if (this.receivedBytes < receivedBytesPerCollection) return;
    this.receivedBytes = 0;
    this.runtime.collect(false);
  }

  /** To be called a few times a second. */
  look(): void {
    const { runtime, isResting } = this;
    this.isResting = true;
    const resident = runtime.residentBytes();
    if (isResting && this.hasGrown) {
      this.hasGrown = false;
      runtime.collect(true);
      this.residentBytes = runtime.residentBytes();
    } else if (resident > this.residentBytes + residentBytesPerCollection) {
      this.hasGrown = true;
      runtime.collect(false);
      this.residentBytes = resident;
    } else if (resident < this.residentBytes) {
      this.residentBytes = resident;
    }
  }
}
