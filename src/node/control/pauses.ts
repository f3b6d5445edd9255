// Which commands of clients wait: CLIENT PAUSE, FAILOVER and SHUTDOWN may each hold writes or all
// commands, and the strongest pause counts while it lasts. The result is in shared memory, where
// the gate reads it.
// Invariant: shared memory has the present kind of pause, and when it changes, no thread is in the
// middle of a command that the new kind holds.

import { monotonicMs } from "../../base/clock.ts";
import { attempt, type Fault } from "../../base/errors.ts";
import { timerMsMax } from "../../base/limits.ts";
import type { PauseKind, Pauses } from "../../command/core/node.ts";
import { restriction } from "../../command/run/gate.ts";
import type { Store } from "../../store/store.ts";
import { betweenCommands } from "../shared/shared-memory.ts";
import type { SharedStanding } from "../shared/standing.ts";

type PausePurpose = "command" | "failover" | "shutdown" | "debug";

interface Pause {
  readonly kind: PauseKind;
  readonly endsAtMs: number;
}

export class NodePauses implements Pauses {
  private readonly store: Store;
  private readonly standing: SharedStanding;
  private readonly fault: Fault;
  /** Called when CLIENT PAUSE begins, and when it ends: a follower holds its stream meanwhile. */
  clientsPaused: ((isPaused: boolean) => void) | null = null;
  private arePaused = false;
  private readonly pauses = new Map<PausePurpose, Pause>();
  private kind: PauseKind | null = null;
  private timer: Timer | null = null;

  constructor(store: Store, standing: SharedStanding, fault: Fault) {
    this.fault = fault;
    this.store = store;
    this.standing = standing;
  }

  pause(kind: PauseKind, ms: number): void {
    this.begin("command", kind, ms);
  }

  unpause(): void {
    this.end("command");
  }

  /** Holds writes for as long as it takes. */
  pauseFor(purpose: "failover" | "shutdown", isPaused: boolean): void {
    if (isPaused) this.begin(purpose, "writes", Number.POSITIVE_INFINITY);
    else this.end(purpose);
  }

  /** Holds all commands for as long as it takes. */
  holdAll(isPaused: boolean): void {
    if (isPaused) this.begin("debug", "all", Number.POSITIVE_INFINITY);
    else this.end("debug");
  }

  /** A leader expires and evicts items, which are writes: a pause holds these, too. */
  updateExpiry(): void {
    this.store.expires = !this.standing.isFollower && this.kind === null;
  }

  /** A second pause for the same purpose can only extend or strengthen the first, as in Redis. */
  private begin(purpose: PausePurpose, kind: PauseKind, ms: number): void {
    const present = this.pauses.get(purpose);
    const endsAtMs = Math.max(present?.endsAtMs ?? 0, monotonicMs() + ms);
    this.pauses.set(purpose, { kind: present?.kind === "all" ? "all" : kind, endsAtMs });
    this.update();
  }

  private end(purpose: PausePurpose): void {
    this.pauses.delete(purpose);
    this.update();
  }

  private update(): void {
    const now = monotonicMs();
    for (const [purpose, { endsAtMs }] of this.pauses) {
      if (endsAtMs <= now) this.pauses.delete(purpose);
    }
    const present = [...this.pauses.values()];
    this.wakeAt(Math.min(...present.map(({ endsAtMs }) => endsAtMs)), now);
    this.tell(this.pauses.has("command"));
    const kind = present.length === 0 ? null : strongest(present);
    if (kind === this.kind) return;
    this.kind = kind;
    betweenCommands(this.store, () => this.apply());
  }

  private tell(arePaused: boolean): void {
    if (arePaused === this.arePaused) return;
    this.arePaused = arePaused;
    this.clientsPaused?.(arePaused);
  }

  private apply(): void {
    const { WRITES_PAUSED, ALL_PAUSED } = restriction;
    this.standing.restrict(WRITES_PAUSED, this.kind === "writes");
    this.standing.restrict(ALL_PAUSED, this.kind === "all");
    this.updateExpiry();
  }

  private wakeAt(atMs: number, now: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.timer = setTimeout(
      () => attempt(this.fault, "pauses", () => this.update()),
      Math.min(atMs - now + 1, timerMsMax),
    );
    this.timer.unref();
  }
}

function strongest(pauses: readonly Pause[]): PauseKind {
  return pauses.some(({ kind }) => kind === "all") ? "all" : "writes";
}
