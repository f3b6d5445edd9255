// What a node does periodically: reclaims expired items in small slices, samples the rates for
// INFO, and has its own connections looked after, as each Worker has its own
// (connection/thread-upkeep.ts). Runs in the control thread.

import { monotonicMs, wallClockMs } from "../../base/clock.ts";
import { attempt, type Fault } from "../../base/errors.ts";
import { chainBucketsMax, crowdedWarningMs } from "../../base/limits.ts";
import { firstShard } from "../../store/shard-locks.ts";
import type { Store } from "../../store/store.ts";
import type { Connections } from "../connection/connections.ts";
import type { DataThread } from "../connection/data-thread.ts";
import {
  closeIdle,
  memoryEveryMs,
  tidyMemory,
  upkeepEveryMs,
} from "../connection/thread-upkeep.ts";
import type { SharedStanding } from "../shared/standing.ts";
import type { SweepRecord } from "./sweep-record.ts";
import type { NodeWaits } from "./waits.ts";

const sweepEveryMs = 100;
/** A sweep stops after this time, so that it delays a client no more than a large command. */
const sweepSliceMs = 1;
const bucketsPerStep = 64;
/**
 * Until the next slice while memory is to be freed, of a flushed database or beyond the limit: a
 * seventh of the thread's time.
 */
const freeEveryMs = 6;
const where = "housekeeping";

export interface HousekeepingParts {
  readonly store: Store;
  readonly standing: SharedStanding;
  /** What INFO tells of the sweeps. */
  readonly sweeps: SweepRecord;
  readonly waits: NodeWaits;
  readonly connections: Connections;
  /** Measures, for INFO, what happened in the last second. */
  readonly sampleRates: () => Promise<void>;
  readonly fault: Fault;
  /** Ends it. */
  readonly signal: AbortSignal;
}

export class Housekeeping {
  /** Whether expired items are reclaimed; DEBUG may say no. */
  reclaimsExpired = true;
  private readonly store: Store;
  private readonly standing: SharedStanding;
  private readonly sweeps: SweepRecord;
  private readonly sampleRates: () => Promise<void>;
  private readonly waits: NodeWaits;
  private readonly connections: Connections;
  private readonly thread: DataThread;
  /** Crowded writes that the log has reported, and when it may report again. */
  private crowdedWarned: number;
  private nextCrowdedWarning: number;
  /** The next slice while memory is to be freed. */
  private nextSlice: Timer | undefined;

  constructor(parts: HousekeepingParts) {
    const { store, standing, waits, connections, fault, signal } = parts;
    const { thread } = connections;
    this.store = store;
    this.standing = standing;
    this.sweeps = parts.sweeps;
    this.sampleRates = parts.sampleRates;
    this.waits = waits;
    this.connections = connections;
    this.thread = thread;
    this.crowdedWarned = 0;
    this.nextCrowdedWarning = 0;
    this.nextSlice = undefined;
    const timers = [
      setInterval(() => this.sweep(), sweepEveryMs),
      setInterval(() => attempt(fault, where, () => this.everySecond()), upkeepEveryMs),
      setInterval(() => attempt(fault, where, () => tidyMemory(thread)), memoryEveryMs),
    ];
    for (const timer of timers) timer.unref();
    signal.addEventListener("abort", () => {
      for (const timer of timers) clearInterval(timer);
      clearTimeout(this.nextSlice);
    });
  }

  /**
   * Uses its whole slice only while it finds many expired items, or frees memory: of a flushed
   * database, or beyond the limit after a large command or a lower limit. That has slices in
   * between. On a follower it finds nothing expired, but returns the pages of replaced data to the
   * system.
   */
  private sweep(): void {
    let frees = false;
    this.thread.turn(() => {
      const beganMs = monotonicMs();
      const deadline = beganMs + sweepSliceMs;
      const now = wallClockMs();
      const { store } = this;
      let isWorthwhile = true;
      while (isWorthwhile && monotonicMs() < deadline) {
        const removed = this.sweepStep(now);
        if (removed === null) break;
        frees = store.databases.hasDead || store.repays;
        isWorthwhile = removed > bucketsPerStep || frees;
      }
      const spentMs = monotonicMs() - beganMs;
      const isCut = isWorthwhile && !frees;
      this.sweeps.note(store.databases.swept, spentMs, isCut);
      this.thread.context.statistics.times.noteEvent("expire-cycle", spentMs, now);
    });
    clearTimeout(this.nextSlice);
    if (frees) this.nextSlice = setTimeout(() => this.sweep(), freeEveryMs);
    this.nextSlice?.unref();
  }

  /**
   * A script may have been suspended while this waited for its locks: it must see no change, so
   * whether there is one is asked under a lock that keeps scripts out. Null while there is.
   */
  private sweepStep(now: number): number | null {
    const { store, standing } = this;
    const taken = store.lockShards(firstShard);
    const removed = standing.isBusy ? null : store.sweep(bucketsPerStep, now, this.reclaimsExpired);
    store.unlockShards(taken);
    return removed;
  }

  private async everySecond(): Promise<void> {
    this.warnOfCrowding();
    this.connections.expelStrangers();
    this.connections.applyLimits();
    closeIdle(this.connections, this.standing.idleTimeoutSeconds);
    await Promise.all([this.sampleRates(), this.waits.releaseGone()]);
  }

  /**
   * Ordinary keys do not collide so often; the log says so at most once a minute, with the number.
   */
  private warnOfCrowding(): void {
    const writes = this.store.crowdedWrites();
    const now = monotonicMs();
    if (writes < this.crowdedWarned) this.crowdedWarned = 0; // CONFIG RESETSTAT
    if (writes === this.crowdedWarned || now < this.nextCrowdedWarning) return;
    const met = writes - this.crowdedWarned;
    this.thread.log.warn(
      `${met} writes met an index chain of ${chainBucketsMax} buckets: ` +
        "somebody seems to choose keys that collide (INFO index_crowded_writes)",
      { event: "index-crowded", writes: met },
    );
    this.crowdedWarned = writes;
    this.nextCrowdedWarning = now + crowdedWarningMs;
  }
}
