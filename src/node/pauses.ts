// Which commands of clients wait: CLIENT PAUSE and FAILOVER may each hold writes or all of them, and the
// strongest counts as long as it lasts. It only decides; the connections look at shared memory.
// Invariant: `apply` has been called with the present kind whenever that changed.

import { monotonicMs } from "../base/clock.ts";
import { timerMsMax } from "../base/limits.ts";
import type { PauseKind } from "../command/core/node.ts";

export type PausePurpose = "command" | "failover";

interface Pause {
  readonly kind: PauseKind;
  readonly endsAtMs: number;
}

export class ClientPause {
  private readonly apply: (kind: PauseKind | null) => void;
  private readonly pauses = new Map<PausePurpose, Pause>();
  private kind: PauseKind | null = null;
  private timer: Timer | null = null;

  constructor(apply: (kind: PauseKind | null) => void) {
    this.apply = apply;
  }

  get isActive(): boolean {
    return this.kind !== null;
  }

  /** A pause for the same purpose is only ever made longer and stronger, as in Redis. */
  pause(purpose: PausePurpose, kind: PauseKind, ms: number): void {
    const present = this.pauses.get(purpose);
    const endsAtMs = Math.max(present?.endsAtMs ?? 0, monotonicMs() + ms);
    this.pauses.set(purpose, { kind: present?.kind === "all" ? "all" : kind, endsAtMs });
    this.update();
  }

  resume(purpose: PausePurpose): void {
    this.pauses.delete(purpose);
    this.update();
  }

  close(): void {
    this.pauses.clear();
    this.update();
  }

  private update(): void {
    const now = monotonicMs();
    for (const [purpose, { endsAtMs }] of this.pauses) {
      if (endsAtMs <= now) this.pauses.delete(purpose);
    }
    const present = [...this.pauses.values()];
    this.wakeAt(Math.min(...present.map(({ endsAtMs }) => endsAtMs)), now);
    const kind = present.length === 0 ? null : strongest(present);
    if (kind === this.kind) return;
    this.kind = kind;
    this.apply(kind);
  }

  private wakeAt(atMs: number, now: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.timer = setTimeout(() => this.update(), Math.min(atMs - now + 1, timerMsMax));
    this.timer.unref();
  }
}

function strongest(pauses: readonly Pause[]): PauseKind {
  return pauses.some(({ kind }) => kind === "all") ? "all" : "writes";
}
