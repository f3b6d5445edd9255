// The miss curve of a node with --miss-curve: reads what the threads tell of the keys of the
// sample, ten times a second, and tells what the curve says and over which time. Runs in the
// control thread. The curve itself is in store/curve/.
// Invariant: it waits for no thread, and no thread waits for it.

import { monotonicMs, wallClockMs } from "../../base/clock.ts";
import { attempt, type Fault } from "../../base/errors.ts";
import { windowParts } from "../../store/curve/curve-window.ts";
import { MissCurve, type StoreFacts } from "../../store/curve/miss-curve.ts";
import { type CurveMemory, SampleRing } from "../../store/curve/sample-ring.ts";
import type { Store } from "../../store/store.ts";
import type { MissCurveReport } from "./curve-report.ts";

const drainEveryMs = 100;
const turnEveryMs = 1_000;
/** The window has 20 of these: ten minutes. */
const partMs = 30_000;
/** Of a store without items: what index and ghosts take for each, as in most. */
const usualOverheadBytes = 16;
/** Below this share of the limit, segments that are not full yet tell nothing of waste. */
const fullShare = 0.9;
const usualUsableShare = 0.98;

export interface MissCurveParts {
  readonly store: Store;
  readonly memory: CurveMemory;
  readonly fault: Fault;
  /** Ends it. */
  readonly signal: AbortSignal;
}

export class NodeMissCurve {
  private readonly store: Store;
  private readonly bound: Int32Array;
  private readonly rings: readonly SampleRing[];
  private curve = new MissCurve();
  /** When the parts of the window began, oldest first. */
  private partsBegan: number[] = [monotonicMs()];
  private turnedMs = 0;
  private clears: number;

  constructor({ store, memory, fault, signal }: MissCurveParts) {
    this.store = store;
    this.bound = new Int32Array(memory.bound);
    this.rings = memory.rings.map((ring) => new SampleRing(ring));
    this.clears = store.databases.clears;
    this.begin();
    const timer = setInterval(() => attempt(fault, "miss curve", () => this.drain()), drainEveryMs);
    timer.unref();
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  /** CONFIG RESETSTAT: the counts begin anew, and the miniatures stay as full as they are. */
  reset(): void {
    this.drain();
    this.curve.reset();
    this.partsBegan = [monotonicMs()];
  }

  /** All items have gone at once, or were replaced. */
  private begin(): void {
    this.curve = new MissCurve();
    this.partsBegan = [monotonicMs()];
    this.turn();
  }

  private drain(): void {
    const now = wallClockMs();
    for (const ring of this.rings) ring.drain((sample) => this.curve.take(sample, now));
    const { clears } = this.store.databases;
    if (clears !== this.clears) {
      this.clears = clears;
      this.begin();
    } else if (monotonicMs() - this.turnedMs >= turnEveryMs) this.turn();
  }

  private turn(): void {
    this.turnedMs = monotonicMs();
    this.curve.turn(this.facts(), wallClockMs());
    Atomics.store(this.bound, 0, this.curve.below);
    const began = this.partsBegan[this.partsBegan.length - 1];
    if (this.turnedMs - began < partMs) return;
    this.curve.window.next();
    this.partsBegan.push(this.turnedMs);
    if (this.partsBegan.length > windowParts) this.partsBegan.shift();
  }

  private facts(): StoreFacts {
    const { items, memory, memoryUsedBytes, hits, misses } = this.store.statistics();
    const { limitBytes } = this.store;
    const segments = memory.segments_used * memory.segment_bytes;
    const waste = (memory.dead_bytes + memory.unused_bytes) / Math.max(1, segments);
    const overhead = (memory.index_bytes + memory.ghost_bytes) / Math.max(1, items);
    return {
      limitBytes,
      usableShare: memoryUsedBytes < limitBytes * fullShare ? usualUsableShare : 1 - waste,
      overheadBytes: items === 0 ? usualOverheadBytes : overhead,
      lookups: hits + misses,
      hits,
    };
  }

  report(): MissCurveReport {
    this.drain();
    this.turn();
    const { curve } = this;
    const { window } = curve;
    return {
      windowSeconds: (monotonicMs() - this.partsBegan[0]) / 1000,
      lookups: window.lookups,
      hitRatio: window.measuredHitRatio,
      limitBytes: this.store.limitBytes,
      rate: curve.rate,
      keys: curve.sampledKeys,
      samples: window.samples,
      dropped: this.rings.reduce((sum, { dropped }) => sum + dropped, 0),
      points: curve.points(),
    };
  }
}
