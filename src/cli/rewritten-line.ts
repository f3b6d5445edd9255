// A line of standard error that is rewritten in place while something runs, and only in a terminal.
// It knows nothing of what is written.
// Invariant: nothing of the line is left behind clear(), and a pipe or a file never gets any of it.

import { monotonicMs } from "../base/clock.ts";
import { columnsOf } from "./terminal.ts";

/** Often enough to be seen moving. */
const betweenMs = 100;
const clearLine = "\r\x1b[K";

export class RewrittenLine {
  private readonly isShown: boolean;
  private writtenMs = Number.NEGATIVE_INFINITY;

  constructor(isShown: boolean) {
    this.isShown = isShown;
  }

  /** `text` is asked for only when it is written, and told how many columns it may have. */
  write(text: (columns: number) => string): void {
    const nowMs = monotonicMs();
    if (!this.isShown || nowMs - this.writtenMs < betweenMs) return;
    this.writtenMs = nowMs;
    // In a line that breaks, only the last part would be erased.
    process.stderr.write(`${clearLine}${text(columnsOf(process.stderr) - 1)}`);
  }

  /** The next write() is not too soon. */
  clear(): void {
    this.writtenMs = Number.NEGATIVE_INFINITY;
    if (this.isShown) process.stderr.write(clearLine);
  }
}
