// The progress of a walk over keys: one line on standard error, rewritten in place. It shows
// nothing if that is not a terminal.

import { monotonicMs } from "../../base/clock.ts";
import { RewrittenLine } from "../rewritten-line.ts";
import { fitted } from "../shown-text.ts";

const barColumns = 24;

export class ScanProgress {
  private readonly line: RewrittenLine;
  private readonly totalKeys: number;
  private readonly startedMs = monotonicMs();

  /** `totalKeys` is what the server said when the walk began. */
  constructor(totalKeys: number, isShown: boolean) {
    this.totalKeys = totalKeys;
    this.line = new RewrittenLine(isShown);
  }

  update(keys: number): void {
    this.line.write((columns) => {
      const seconds = (monotonicMs() - this.startedMs) / 1_000;
      return fitted(progressText(keys, this.totalKeys, seconds), columns);
    });
  }

  end(): void {
    this.line.clear();
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
