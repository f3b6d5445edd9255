// What one follower has told of its own followers: the text as it came, which is read when somebody
// looks and not when it comes. It keeps the last text.
// Bounds: treeReportBytesMax for one, treeReportsBytesMax for all of a leader, which share `held`.

import { treeReportBytesMax, treeReportsBytesMax } from "../../base/limits.ts";
import { readReport, type TreeReport } from "./tree-report.ts";

/** Bytes of the reports that a leader keeps. */
export interface HeldReports {
  bytes: number;
}

export class ToldTree {
  private readonly held: HeldReports;
  private text = "";
  private read: TreeReport | null = null;
  private isRead = true;

  constructor(held: HeldReports) {
    this.held = held;
  }

  /** Null if it has told nothing that can be understood. */
  get report(): TreeReport | null {
    if (!this.isRead) this.read = readReport(this.text);
    this.isRead = true;
    return this.read;
  }

  /** A report without room is not kept, and what was told before is not true any more. */
  take(text: string): void {
    this.clear();
    const { held } = this;
    if (text.length > treeReportBytesMax || held.bytes + text.length > treeReportsBytesMax) return;
    held.bytes += text.length;
    this.text = text;
    this.isRead = false;
  }

  clear(): void {
    this.held.bytes -= this.text.length;
    this.text = "";
    this.read = null;
    this.isRead = true;
  }
}
