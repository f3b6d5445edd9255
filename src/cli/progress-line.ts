// The progress of a long run: one line on standard error, rewritten in place, and only in a
// terminal. It knows nothing of the run itself.
// Invariant: nothing of the line is left at the end, and a pipe or a file never gets any of it.

import { monotonicMs } from "../base/clock.ts";
import { paletteOf } from "./colors.ts";

const redrawMs = 100;
const barCells = 24;
const clearLine = "\r\x1b[K";

export class ProgressLine implements Disposable {
  private readonly isShown = process.stderr.isTTY === true;
  private readonly palette = paletteOf(process.stderr);
  private readonly startedMs = monotonicMs();
  private drawnMs = Number.NEGATIVE_INFINITY;

  /** Seconds since it began. */
  get seconds(): number {
    return (monotonicMs() - this.startedMs) / 1000;
  }

  /** `share` is from 0 to 1, or negative if nobody knows; `text` is asked for only when drawn. */
  show(share: number, text: () => string): void {
    const now = monotonicMs();
    if (!this.isShown || now - this.drawnMs < redrawMs) return;
    this.drawnMs = now;
    process.stderr.write(`${clearLine}${this.bar(share)}${text()}`);
  }

  /** Writes a line that stays where the progress was. */
  above(write: () => void): void {
    this[Symbol.dispose]();
    this.drawnMs = Number.NEGATIVE_INFINITY;
    write();
  }

  [Symbol.dispose](): void {
    if (this.isShown) process.stderr.write(clearLine);
  }

  private bar(share: number): string {
    if (share < 0) return "";
    const full = Math.min(barCells, Math.floor(share * barCells));
    const { green, dim } = this.palette;
    const cells = green("█".repeat(full)) + dim("░".repeat(barCells - full));
    return `${cells} ${String(Math.floor(share * 100)).padStart(3)} %  `;
  }
}
