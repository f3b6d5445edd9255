// When a thread asks for a garbage collection. Shared memory counts as heap, so the collector
// hardly runs by itself (src/README.md). A thread asks after every so many bytes received that were
// not freed by hand, and when resident memory outside the store has grown by more than these bytes,
// which shows the rest: strings of INFO and CLIENT LIST, promises of waiting commands, clones of
// messages. A thread that is idle after such growth collects everything once.
// Invariant: a look reads the memory of the process once, and nothing else does.

// In somebody else's process the heap may be large and full of what is needed, and a collection
// costs accordingly: there it waits for growth by a share, and never collects synchronously.

import { receivedBytesPerCollection, residentBytesPerCollection } from "../../base/limits.ts";
import { residentBytes } from "../../base/resident-memory.ts";

export interface Runtime {
  residentBytes(): number;
  /** `whole`: collects synchronously and returns free memory to the system. */
  collect(whole: boolean): void;
  /** Whether the process is not the node's own. */
  readonly isGuest: boolean;
}

/** In another's process, memory grows by so much of itself before a collection. */
const guestShare = 1 / 4;

/** `storeBytes`: what the store holds, which grows for good reasons. */
export function runtimeBeside(storeBytes: () => number, isGuest: boolean): Runtime {
  return {
    isGuest,
    residentBytes: () => residentBytes() - storeBytes(),
    collect: (whole) => Bun.gc(whole),
  };
}

export class Collector {
  private readonly runtime: Runtime;
  private receivedBytes = 0;
  /** Resident memory as a look first saw it after a collection, or less if it has shrunk since. */
  private residentBytes: number;
  private isResting = true;
  private hasGrown = false;
  /** Whether it collected for received bytes since the last look. */
  private hasCollected = false;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
    this.residentBytes = runtime.residentBytes();
  }

  /** Called for each turn with the bytes that it received and did not free. True: it collected. */
  received(bytes: number): boolean {
    this.isResting = false;
    this.receivedBytes += bytes;
    if (this.receivedBytes < receivedBytesPerCollection) return false;
    if (this.receivedBytes < this.enough(receivedBytesPerCollection)) return false;
    this.receivedBytes = 0;
    this.hasCollected = true;
    this.runtime.collect(false);
    return true;
  }

  /** Called a few times a second. */
  look(): void {
    const { runtime, isResting } = this;
    this.isResting = true;
    const resident = runtime.residentBytes();
    const growth = resident - this.residentBytes;
    if (isResting && this.hasGrown && !runtime.isGuest) {
      this.hasGrown = false;
      runtime.collect(true);
      this.residentBytes = runtime.residentBytes();
    } else if (growth < 0 || this.hasCollected) {
      this.residentBytes = resident;
    } else if (growth > this.expectedBytes() + this.enough(residentBytesPerCollection)) {
      this.hasGrown = true;
      runtime.collect(false);
      this.residentBytes = resident;
    }
    this.hasCollected = false;
  }

  /** Growth by what was received since the last collection for it, and by its objects. */
  private expectedBytes(): number {
    return 2 * this.receivedBytes;
  }

  private enough(bytes: number): number {
    if (!this.runtime.isGuest) return bytes;
    return Math.max(bytes, guestShare * this.residentBytes);
  }
}
