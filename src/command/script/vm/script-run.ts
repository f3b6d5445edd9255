// The script that is running: on whose behalf, what it may do, what it has done. A node runs one at
// a time, so one object is used again and again.

import type { Context } from "../../core/context.ts";
import type { Runnable } from "../../core/script-record.ts";

export class ScriptRun {
  /** Null: no script is running. */
  x: Context | null = null;
  script: Runnable | null = null;
  isReadOnly = false;
  allowsOom = false;
  /** It has called a command that writes: from now on nothing about the node stops it. */
  hasWritten = false;
  /** Its effects are a group of the journal. */
  hasGroup = false;
  startedMs = 0;
  /** When it began, or others were to be served last. */
  servedMs = 0;
  /** Since when it could not be suspended; 0: it could. */
  stuckMs = 0;
  /** Its time was looked at: otherwise it was short. */
  wasChecked = false;
  /** Others are served while it runs. A leader's stream cannot wait for it. */
  isSuspendable = false;
  /** It has run for so long that the node tells others. */
  isBusy = false;
  /** What the session was before. */
  wasExecuting = false;
  database = 0;
  /** Its time is over, or it was killed; the text is the reason. */
  endedBy = "";

  begin(x: Context, script: Runnable, isReadOnly: boolean, nowMs: number): void {
    const { isPlain, noWrites, allowOom } = script.flags;
    this.x = x;
    this.script = script;
    this.isReadOnly = isReadOnly || noWrites;
    this.allowsOom = !isPlain && (allowOom || noWrites);
    this.hasWritten = false;
    this.hasGroup = false;
    this.startedMs = nowMs;
    this.servedMs = nowMs;
    this.stuckMs = 0;
    this.wasChecked = false;
    this.isSuspendable = x.session.kind !== "leader";
    this.isBusy = false;
    this.wasExecuting = x.session.isExecuting;
    this.database = x.session.database;
    this.endedBy = "";
  }

  end(): void {
    this.x = null;
    this.script = null;
  }

  get running(): Runnable {
    if (this.script === null) throw new Error("no script is running");
    return this.script;
  }

  get context(): Context {
    if (this.x === null) throw new Error("no script is running");
    return this.x;
  }
}
