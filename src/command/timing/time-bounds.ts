// From which time on a command is remembered, and how much of it: the settings of the slow log and
// of latency monitoring, as every data thread reads them. node/shared/shared-time-bounds.ts keeps
// them in shared memory. Also a command, as far as it concerns its time. Types and one constant
// only.

import type { Hides } from "../terms/shown-argument.ts";

export interface TimeBounds {
  /** The smaller of the two bounds below, in microseconds: less than this concerns nobody. */
  readonly attentionUsec: number;
  /** The slow log takes commands from this on; negative: none. */
  readonly slowUsec: number;
  /** Entries that the slow log keeps. */
  readonly slowLogMax: number;
  /** Latency events from this on are remembered; 0: none. */
  readonly latencyMs: number;
  /** Whether the times of all commands are counted in histograms. */
  readonly isTracking: boolean;
  /** The number of the next entry of the slow log, unique in the node. */
  nextSlowId(): number;
}

/** Nothing is remembered: for a context outside of a node. */
export const noTimeBounds: TimeBounds = {
  attentionUsec: Number.POSITIVE_INFINITY,
  slowUsec: -1,
  slowLogMax: 0,
  latencyMs: 0,
  isTracking: false,
  nextSlowId: () => 0,
};

/** A command (core/command.ts), as far as it concerns its time. */
export interface TimedCommand {
  readonly id: number;
  readonly name: string;
  readonly flags: number;
  readonly lastKey: number;
  readonly row: { readonly hides?: Hides };
  accepts(argc: number): boolean;
}
