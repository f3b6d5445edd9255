// Hot path: whether a moment still lies ahead, for reads that must not pay for the clock each time.
// The kernel's coarse clock says in 5 to 10 ns whether time has passed at all; monotonicMs() takes
// 47 to say how much (measured). It knows no moment but now.
// Invariant: no moment that has come counts as ahead, unless the coarse clock has stood still for
// longer than `doubtMs`; it moves every 1 to 10 ms.

import { ptr } from "bun:ffi";
import { fromCLibrary } from "./c-library.ts";
import { monotonicMs } from "./clock.ts";

/** Moments that are nearer than this are judged by the exact clock. */
const doubtMs = 500;
const CLOCK_MONOTONIC_COARSE = 6;

/** Writes the time of a clock to an address, as a `struct timespec` of 64 bits. */
export type ClockReader = (clock: number, address: number) => number;

export class RecentTime {
  private readonly coarse: Int32Array;
  private readonly address: number;
  private readonly read: ClockReader | null;
  /** The low words of the coarse clock when the exact one was read. */
  private seconds: number;
  private nanoseconds: number;
  /** By monotonicMs(). What comes later is ahead until the coarse clock moves. */
  private clearFrom: number;

  /** Without a coarse clock, which only Linux has, the exact one is read each time. */
  constructor(read: ClockReader | null = coarseClock()) {
    this.coarse = new Int32Array(4);
    this.address = ptr(this.coarse);
    this.read = read;
    this.seconds = 0;
    this.nanoseconds = 0;
    this.clearFrom = Number.POSITIVE_INFINITY;
  }

  /** Whether monotonicMs() is less than `end`. */
  isBefore(end: number): boolean {
    const { coarse, read } = this;
    if (read === null) return monotonicMs() < end;
    read(CLOCK_MONOTONIC_COARSE, this.address);
    if (coarse[2] !== this.nanoseconds || coarse[0] !== this.seconds) {
      this.seconds = coarse[0];
      this.nanoseconds = coarse[2];
      this.clearFrom = monotonicMs() + doubtMs;
    }
    return this.clearFrom < end || monotonicMs() < end;
  }
}

function coarseClock(): ClockReader | null {
  if (process.platform !== "linux") return null;
  const found = fromCLibrary({ clock_gettime: { args: ["i32", "ptr"], returns: "i32" } });
  return found === null ? null : (found.clock_gettime as unknown as ClockReader);
}
