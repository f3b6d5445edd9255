// The progress of a long run: a bar and a text, in one line of a terminal. It knows nothing of the
// run itself.
// Invariant: nothing of the line is left at the end, and a pipe or a file never gets any of it.

import { monotonicMs } from "../base/clock.ts";
import { paletteOf } from "./colors.ts";
import { RewrittenLine } from "./rewritten-line.ts";
import { fitted } from "./shown-text.ts";

const barCells = 24;
/** Of a line of fewer columns, the bar leaves more to the text. */
const wideColumns = 60;
const narrowBarCells = 8;
/** Behind the cells: " 100 %  ". */
const percentColumns = 8;

export class ProgressLine implements Disposable {
  private readonly line = new RewrittenLine(process.stderr.isTTY === true);
  private readonly palette = paletteOf(process.stderr);
  private readonly startedMs = monotonicMs();

  /** Seconds since it began. */
  get seconds(): number {
    return (monotonicMs() - this.startedMs) / 1000;
  }

  /** `share` is from 0 to 1, or negative if nobody knows; `text` is asked for only when drawn. */
  show(share: number, text: () => string): void {
    this.line.write((columns) => {
      const cells = share < 0 ? 0 : columns < wideColumns ? narrowBarCells : barCells;
      const taken = cells === 0 ? 0 : cells + percentColumns;
      return `${this.bar(share, cells)}${fitted(text(), columns - taken)}`;
    });
  }

  /** Writes a line that stays where the progress was. */
  above(write: () => void): void {
    this.line.clear();
    write();
  }

  [Symbol.dispose](): void {
    this.line.clear();
  }

  private bar(share: number, columns: number): string {
    if (columns === 0) return "";
    const full = Math.min(columns, Math.floor(share * columns));
    const { green, dim } = this.palette;
    const cells = green("█".repeat(full)) + dim("░".repeat(columns - full));
    return `${cells} ${String(Math.floor(share * 100)).padStart(3)} %  `;
  }
}
