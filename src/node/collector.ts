// When a thread asks for a garbage collection. Shared memory counts as heap, so the collector
// hardly runs by itself (src/README.md). A thread asks after every so many bytes received that were
// not freed by hand, and when resident memory outside the store has grown, which shows the rest:
// strings of INFO and CLIENT LIST, promises of waiting commands, clones of messages. A thread that
// is idle after such growth collects everything once. Asking after all received bytes was a tenth
// of the server's time for pipelined SETs of 100 bytes.
// Invariant: a look reads the memory of the process once, and nothing else does.

import { receivedBytesPerCollection, residentBytesPerCollection } from "../base/limits.ts";

export interface Runtime {
  residentBytes(): number;
  /** `whole`: collects synchronously and returns free memory to the system. */
  collect(whole: boolean): void;
}

/** `storeBytes`: what the store holds, which grows for good reasons. */
export function runtimeBeside(storeBytes: () => number): Runtime {
  return {
    residentBytes: () => process.memoryUsage.rss() - storeBytes(),
    collect: (whole) => Bun.gc(whole),
  };
}

export class Collector {
  private readonly runtime: Runtime;
  private receivedBytes = 0;
  /**
   * Resident memory at the last collection because of its growth, or less if it has shrunk since.
   */
  private residentBytes: number;
  private isResting = true;
  private hasGrown = false;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
    this.residentBytes = runtime.residentBytes();
  }

  /** Called for each turn with the bytes that it received and did not free. True: it collected. */
  received(bytes: number): boolean {
    this.isResting = false;
    this.receivedBytes += bytes;
    if (this.receivedBytes < receivedBytesPerCollection) return false;
    this.receivedBytes = 0;
    this.runtime.collect(false);
    return true;
  }

  /** Called a few times a second. */
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
