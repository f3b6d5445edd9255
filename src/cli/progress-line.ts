// The progress of a long run: one line on standard error, rewritten in place, and only in a
// terminal. It knows nothing of the run itself.
// Invariant: nothing of the line is left at the end, and a pipe or a file never gets any of it.

import { monotonicMs } from "../base/clock.ts";
import { paletteOf } from "./colors.ts";
import { fitted } from "./shown-text.ts";
import { columnsOf } from "./terminal.ts";

const redrawMs = 100;
const barCells = 24;
/** Of a line of fewer columns, the bar leaves more to the text. */
const wideColumns = 60;
const narrowBarCells = 8;
/** Behind the cells: " 100 %  ". */
const percentColumns = 8;
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
    const columns = columnsOf(process.stderr) - 1; // in a line that breaks, a part would be left
    const cells = share < 0 ? 0 : columns < wideColumns ? narrowBarCells : barCells;
    const taken = cells === 0 ? 0 : cells + percentColumns;
    const rest = fitted(text(), columns - taken);
    process.stderr.write(`${clearLine}${this.bar(share, cells)}${rest}`);
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

  private bar(share: number, columns: number): string {
    if (columns === 0) return "";
    const full = Math.min(columns, Math.floor(share * columns));
    const { green, dim } = this.palette;
    const cells = green("█".repeat(full)) + dim("░".repeat(columns - full));
    return `${cells} ${String(Math.floor(share * 100)).padStart(3)} %  `;
  }
}
