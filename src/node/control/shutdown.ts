// The orderly end of a node. Nothing is closed before it is certain that the node ends: writes are
// paused, followers catch up, the snapshot is saved, and only then listeners and connections close.
// Until then the node answers reads, and the shutdown can be aborted.
//
//   running --begin()--> catching-up --followers have all, or time is over, or NOW--> saving
//   saving --saved, or FORCE--> closing --> ended
//   catching-up, saving --abort(); a save that failed, without FORCE--> running
//
// Invariant: writes, expiry and eviction stand still in every state but running. As in redis 7.0
// `server.c` (prepareForShutdown, finishShutdown), everyone who asks meanwhile waits for the same
// end.

import { monotonicMs } from "../../base/clock.ts";
import { assert } from "../../base/errors.ts";
import { scriptFarewellMsMax } from "../../base/limits.ts";
import type { Log, LogFields } from "../../base/log.ts";
import { doneWithin } from "../../base/patience.ts";
import type { Ending, ShutdownOrder } from "../../command/core/node.ts";
import { restriction } from "../../command/run/gate.ts";
import type { Persistence } from "../../persistence/persistence.ts";
import type { Replication } from "../../replication/replication.ts";
import type { NodeConfiguration } from "../settings/configuration.ts";
import type { SharedStanding } from "../shared/standing.ts";
import type { NodePauses } from "./pauses.ts";

export type ShutdownState = "running" | "catching-up" | "saving" | "closing" | "ended";

const transitions: Readonly<Record<ShutdownState, readonly ShutdownState[]>> = {
  running: ["catching-up"],
  "catching-up": ["saving", "running"],
  saving: ["closing", "running"],
  closing: ["ended"],
  ended: [],
};

/** What SIGTERM and SHUTDOWN without options ask for. */
export const ordinaryShutdown: ShutdownOrder = { save: "if possible", now: false, force: false };

export interface ShutdownParts {
  readonly configuration: NodeConfiguration;
  readonly persistence: Persistence;
  readonly replication: Replication;
  readonly pauses: NodePauses;
  readonly standing: SharedStanding;
  readonly log: Log;
  /** Closes all parts of the node for good. */
  readonly close: () => Promise<void>;
}

export interface ShutdownOutcome {
  readonly hasEnded: boolean;
  /** Why a snapshot that was due is missing, or why the node keeps running; null if all is well. */
  readonly problem: Error | null;
}

export class Shutdown implements Ending {
  state: ShutdownState = "running";
  private readonly parts: ShutdownParts;
  private readonly ended = Promise.withResolvers<void>();
  private attempt: Promise<ShutdownOutcome> | null = null;
  private aborting = new AbortController();
  private deadlineMs = 0;
  /** The ids of clients whose SHUTDOWN waits. */
  readonly waiting = new Set<number>();
  /** The states are not logged. */
  private isQuiet = false;

  constructor(parts: ShutdownParts) {
    this.parts = parts;
  }

  /** Resolves when the node has ended. */
  get closed(): Promise<void> {
    return this.ended.promise;
  }

  get hasEnded(): boolean {
    return this.state === "ended";
  }

  get isUnderWay(): boolean {
    return this.state !== "running";
  }

  /** How much longer the node waits for followers; 0 after that, and -1 without a shutdown. */
  get remainingMs(): number {
    if (!this.isUnderWay) return -1;
    return Math.max(0, Math.round(this.deadlineMs - monotonicMs()));
  }

  /** Joins a shutdown that is under way, whatever its order was. */
  begin(order: ShutdownOrder): Promise<ShutdownOutcome> {
    this.attempt ??= this.run(order);
    return this.attempt;
  }

  /** For a client, who waits until the node ends or goes on. */
  async order(order: ShutdownOrder, client: number): Promise<boolean> {
    this.waiting.add(client);
    try {
      return (await this.begin(order)).hasEnded;
    } finally {
      this.waiting.delete(client);
    }
  }

  /** Ends the node in any case, and rejects if its data could not be saved. */
  async close(): Promise<void> {
    const order = { ...ordinaryShutdown, force: true };
    let outcome = await this.begin(order);
    while (!outcome.hasEnded) outcome = await this.begin(order);
    if (outcome.problem !== null) throw outcome.problem;
  }

  /** Ends a node that could not start. Its owner gets the reason, which is all there is to say. */
  async abandon(): Promise<void> {
    this.isQuiet = true;
    await this.close();
  }

  /**
   * Keeps the node running; false if no shutdown is under way, or if the node has begun to close.
   */
  abort(): boolean {
    if (this.state !== "catching-up" && this.state !== "saving") return false;
    this.aborting.abort(new Error("aborted"));
    if (this.state === "saving") this.parts.persistence.interrupt("the shutdown was aborted");
    return true;
  }

  private async run(order: ShutdownOrder): Promise<ShutdownOutcome> {
    const { replication, pauses, log, close } = this.parts;
    this.aborting = new AbortController();
    this.transition("catching-up");
    pauses.pauseFor("shutdown", true);
    if (this.parts.standing.isBusy) await this.endScript(order);
    const goOn = replication.standStill();
    const problem = await this.settle(order);
    if (problem !== null && (!order.force || this.aborting.signal.aborted)) {
      goOn();
      this.parts.standing.script.goOn();
      pauses.pauseFor("shutdown", false);
      const way = this.aborting.signal.aborted
        ? ""
        : "; SHUTDOWN NOSAVE ends it without a snapshot";
      log.error(`this node does not end: ${problem.message}${way}`, failed(problem));
      this.attempt = null;
      this.transition("running");
      return { hasEnded: false, problem };
    }
    if (problem !== null)
      log.error(`this node ends without a snapshot: ${problem.message}`, failed(problem));
    this.transition("closing");
    await close();
    this.transition("ended");
    this.ended.resolve();
    return { hasEnded: true, problem };
  }

  /** Ends a script that takes long: it would go on while the node closes. */
  private async endScript(order: ShutdownOrder): Promise<void> {
    const { standing, log } = this.parts;
    const { signal } = this.aborting;
    if (order.save !== "never") await this.completed(this.patienceMs(order), signal);
    if (signal.aborted) return;
    standing.script.stop();
    if (await doneWithin(scriptFarewellMsMax, standing.free(restriction.BUSY))) return;
    log.warn("a script does not end: the node ends without it");
  }

  /** What a script writes is saved as a whole, if it ends in time. */
  private async completed(patienceMs: number, signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => aborted.resolve(), { once: true });
    const { script } = this.parts.standing;
    await doneWithin(patienceMs, Promise.race([script.whole(), aborted.promise]));
  }

  private patienceMs({ now }: ShutdownOrder): number {
    return now ? 0 : this.parts.configuration.current.shutdownTimeout * 1000;
  }

  /** Why the node must not end; null if it may. */
  private async settle(order: ShutdownOrder): Promise<Error | null> {
    const { persistence } = this.parts;
    const { signal } = this.aborting;
    try {
      await this.waitForFollowers(this.patienceMs(order));
      signal.throwIfAborted();
      this.transition("saving");
      if (order.save !== "never") await persistence.saveLast(order.save === "always");
      signal.throwIfAborted();
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  private async waitForFollowers(timeoutMs: number): Promise<void> {
    this.deadlineMs = monotonicMs() + timeoutMs;
    const { replication, log } = this.parts;
    const lagging = await replication.catchUp(timeoutMs, this.aborting.signal);
    const event = "follower-lagging";
    for (const text of lagging) log.warn(`${text} when this node shuts down`, { event });
  }

  private transition(to: ShutdownState): void {
    const from = this.state;
    assert(transitions[from].includes(to), `shutdown ${from} -> ${to}`);
    this.state = to;
    if (this.isQuiet) return;
    this.parts.log.info(`shutdown: ${from} -> ${to}`, { event: "shutdown", from, to });
  }
}

function failed({ message: reason }: Error): LogFields {
  return { event: "shutdown", reason };
}
