// What a node does by itself from time to time: reclaim expired items in small slices, close connections
// that were silent for too long, and sample the operations per second. Runs in the control thread.

import { buffers } from "../base/buffer-pool.ts";
import { monotonicMs, wallClockMs } from "../base/clock.ts";
import { attempt, type Fault } from "../base/errors.ts";
import { chainBucketsMax, crowdedWarningMs } from "../base/limits.ts";
import type { Store } from "../store/store.ts";
import type { Connections } from "./connection/connections.ts";
import type { DataThread } from "./connection/data-thread.ts";
import type { NodeInformation } from "./information.ts";
import type { SharedStanding } from "./standing.ts";
import type { NodeWaits } from "./waits.ts";

const sweepEveryMs = 100;
/** A sweep stops after this time, so that it costs a client no more than a large command does. */
const sweepSliceMs = 1;
const bucketsPerStep = 64;
const where = "housekeeping";
const sampleEveryMs = 1000;
/** A second that takes so long says that the process was stopped, or that its machine slept. */
const stoppedMsMin = 2.5 * sampleEveryMs;
/** Reading resident memory takes 20 to 90 us. */
export const memoryEveryMs = 250;

export interface HousekeepingParts {
  readonly store: Store;
  readonly standing: SharedStanding;
  readonly information: NodeInformation;
  readonly waits: NodeWaits;
  readonly connections: Connections;
  readonly fault: Fault;
  /** Ends it. */
  readonly signal: AbortSignal;
}

export class Housekeeping {
  private readonly store: Store;
  private readonly standing: SharedStanding;
  private readonly information: NodeInformation;
  private readonly waits: NodeWaits;
  private readonly connections: Connections;
  private readonly thread: DataThread;
  /** Crowded writes of which the log has told, and when it may tell again. */
  private crowdedWarned: number;
  private nextCrowdedWarning: number;

  constructor(parts: HousekeepingParts) {
    const { store, standing, information, waits, connections, fault, signal } = parts;
    const { thread } = connections;
    this.store = store;
    this.standing = standing;
    this.information = information;
    this.waits = waits;
    this.connections = connections;
    this.thread = thread;
    this.crowdedWarned = 0;
    this.nextCrowdedWarning = 0;
    const timers = [
      setInterval(() => this.sweep(), sweepEveryMs),
      setInterval(() => attempt(fault, where, () => this.everySecond()), sampleEveryMs),
      setInterval(() => attempt(fault, where, () => tidyMemory(thread)), memoryEveryMs),
    ];
    for (const timer of timers) timer.unref();
    signal.addEventListener("abort", () => {
      for (const timer of timers) clearInterval(timer);
    });
  }

  /**
   * Goes on for its whole slice only while it finds much that has expired. A follower's sweep finds
   * nothing, but gives back the pages of data that were replaced.
   */
  private sweep(): void {
    this.thread.turn(() => {
      const deadline = monotonicMs() + sweepSliceMs;
      const now = wallClockMs();
      while (this.store.sweep(bucketsPerStep, now) > bucketsPerStep && monotonicMs() < deadline) {
        // the next step
      }
    });
  }

  private async everySecond(): Promise<void> {
    this.warnOfCrowding();
    this.connections.expelStrangers();
    closeIdle(this.connections, this.standing.idleTimeoutSeconds);
    await Promise.all([this.information.sampleRates(), this.waits.releaseGone()]);
  }

  /** What nobody's ordinary keys do, once a minute with its number. */
  private warnOfCrowding(): void {
    const writes = this.store.crowdedWrites();
    const now = monotonicMs();
    if (writes < this.crowdedWarned) this.crowdedWarned = 0; // CONFIG RESETSTAT
    if (writes === this.crowdedWarned || now < this.nextCrowdedWarning) return;
    this.thread.log.warn(
      `${writes - this.crowdedWarned} writes met an index chain of ${chainBucketsMax} buckets: ` +
        "somebody seems to choose keys that collide (INFO index_crowded_writes)",
    );
    this.crowdedWarned = writes;
    this.nextCrowdedWarning = now + crowdedWarningMs;
  }
}

/** Collects garbage of one thread, frees buffers that it does not use, and cuts off who holds too much. */
export function tidyMemory({ collector, clientMemory }: DataThread): void {
  clientMemory.check();
  collector.look();
  buffers.trim();
}

/**
 * Closes the clients of one thread from which nothing was heard for longer than that; 0 closes none. Who
 * waits for this node is not idle, nor is a subscriber or a link.
 */
export function closeIdle(connections: Connections, timeoutSeconds: number): void {
  const { thread } = connections;
  const now = monotonicMs();
  const wasStopped = now - thread.idleCheckedMs > stoppedMsMin;
  thread.idleCheckedMs = now;
  // What came while the process stood still is read first, and looked at the next time.
  if (timeoutSeconds === 0 || wasStopped) return;
  const before = now - timeoutSeconds * 1000;
  for (const connection of connections.all()) {
    const { session } = connection;
    if (session.kind !== "normal" || session.subscriptions > 0) continue;
    if (connection.isWaiting || session.lastActiveMs >= before) continue;
    thread.log.debug(`client ${session.address} was idle: closed`);
    connection.close();
  }
}
