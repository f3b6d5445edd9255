// The progress of a walk over keys: one line on standard error, rewritten in place. It shows
// nothing if that is not a terminal.

import { monotonicMs } from "../../base/clock.ts";
import { fitted } from "../shown-text.ts";
import { columnsOf } from "../terminal.ts";

const barColumns = 24;
/** Often enough to be seen moving. */
const betweenMs = 100;

export class ScanProgress {
  private readonly isShown: boolean;
  private readonly totalKeys: number;
  private readonly startedMs = monotonicMs();
  private shownMs = Number.NEGATIVE_INFINITY;

  /** `totalKeys` is what the server said when the walk began. */
  constructor(totalKeys: number, isShown: boolean) {
    this.totalKeys = totalKeys;
    this.isShown = isShown;
  }

  update(keys: number): void {
    const nowMs = monotonicMs();
    if (!this.isShown || nowMs - this.shownMs < betweenMs) return;
    this.shownMs = nowMs;
    const seconds = (nowMs - this.startedMs) / 1_000;
    // In a line that breaks, only the last part would be erased.
    const text = fitted(progressText(keys, this.totalKeys, seconds), columnsOf(process.stderr) - 1);
    process.stderr.write(`\r\x1b[K${text}`);
  }

  end(): void {
    if (this.isShown) process.stderr.write("\r\x1b[K");
  }
}

/** "[=====     ]  20% 2000 of about 10000 keys, 1000 a second". */
export function progressText(keys: number, totalKeys: number, seconds: number): string {
  // Keys are added and removed meanwhile, so only the end of the walk is the whole of it.
  const share = totalKeys === 0 ? 0 : Math.min(0.99, keys / totalKeys);
  const full = Math.floor(share * barColumns);
  const bar = `[${"=".repeat(full).padEnd(barColumns)}]`;
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const rate = seconds > 0 ? Math.round(keys / seconds) : 0;
  return `${bar} ${percent} ${keys} of about ${totalKeys} keys, ${rate} a second`;
}
