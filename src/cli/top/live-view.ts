// The running view: looks at the nodes at an interval, draws what they say, and acts on keys. It
// ends with q, Ctrl-C, SIGTERM, or the terminal.

import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs, wallClockMs } from "../../base/clock.ts";
import { paletteOf } from "../colors.ts";
import { frameLines } from "./frame.ts";
import { nodeColumns, sortedRows } from "./node-columns.ts";
import { type NodeRow, rowOf } from "./node-row.ts";
import type { NodeWatch } from "./node-watch.ts";
import { Screen, type ScreenOwner } from "./screen.ts";
import { firstState, pressed, type ViewState } from "./view-state.ts";
import type { WatchGroup } from "./watch-group.ts";

export class LiveView implements ScreenOwner {
  private readonly group: WatchGroup;
  private readonly intervalMs: number;
  private readonly screen = new Screen(this);
  private readonly palette = paletteOf(process.stdout);
  private readonly ending = new AbortController();
  /** Wakes the wait between two looks. */
  private wake = Promise.withResolvers<void>();
  private state: ViewState = firstState;
  private rows: readonly NodeRow[] = [];
  /** What run() rejects with; null: nothing went wrong. */
  private fault: unknown = null;

  constructor(group: WatchGroup, intervalMs: number) {
    this.group = group;
    this.intervalMs = intervalMs;
  }

  /** Resolves when the person has seen enough, or `end` is aborted. */
  async run(end: AbortSignal): Promise<void> {
    end.addEventListener("abort", () => this.gone());
    if (end.aborted) this.gone();
    using screen = this.screen;
    screen.enter();
    this.draw();
    while (!this.ending.signal.aborted) {
      const began = monotonicMs();
      // A node that hangs does not keep the others from being seen.
      await Promise.race([this.look(), this.pause(this.intervalMs)]);
      this.draw();
      await this.pause(this.intervalMs - (monotonicMs() - began));
    }
    if (this.fault !== null) throw this.fault;
  }

  pressed(key: string): void {
    const before = this.state;
    this.state = pressed(before, key, this.rows);
    if (this.state.isDone) this.gone();
    // Another node has slow commands and clients of its own; a pause that ends has waited enough.
    const isNew = before.chosen !== this.state.chosen || before.isPaused !== this.state.isPaused;
    if (isNew && !this.state.isPaused) this.wake.resolve();
    this.redraw();
  }

  resized(): void {
    this.redraw();
  }

  gone(): void {
    this.ending.abort();
    this.wake.resolve();
  }

  failed(error: unknown): void {
    this.fault ??= error;
    this.gone();
  }

  private async look(): Promise<void> {
    if (!this.state.isPaused) await this.group.look(this.chosen());
  }

  /** Between two looks, called by the terminal: a fault ends the view and not the process. */
  private redraw(): void {
    try {
      this.draw();
    } catch (error) {
      this.failed(error);
    }
  }

  private async pause(ms: number): Promise<void> {
    if (this.ending.signal.aborted) return;
    const timer = new AbortController();
    const waited = sleep(Math.max(0, ms), undefined, { signal: timer.signal }).catch(() => {
      // Something woke it before its time.
    });
    await Promise.race([waited, this.wake.promise]);
    timer.abort();
    this.wake = Promise.withResolvers();
  }

  private chosen(): NodeWatch | null {
    const { nodes } = this.group;
    return nodes.find(({ name }) => name === this.state.chosen) ?? nodes[0] ?? null;
  }

  private draw(): void {
    const { group, state, screen } = this;
    const column = nodeColumns.find(({ title }) => title === state.sort) ?? null;
    const rows = group.nodes.map((node) => rowOf(node, group));
    this.rows = sortedRows(rows, column, state.isReversed);
    const chosen = this.chosen();
    this.state = { ...state, chosen: chosen?.name ?? null };
    const isUp = chosen?.state === "up" && chosen.now !== null;
    screen.show(
      frameLines({
        rows: this.rows,
        detail: isUp && chosen.now !== null ? { before: chosen.before, now: chosen.now } : null,
        state: this.state,
        size: screen.size,
        palette: this.palette,
        nowMs: wallClockMs(),
        intervalMs: this.intervalMs,
      }),
    );
  }
}
