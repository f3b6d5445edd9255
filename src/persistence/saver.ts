// Saves snapshots, one at a time, and records the outcome. Commands run meanwhile: the walk takes
// the thread for a short slice at a time, and each slice is written before the next is gathered.
// persistence.ts decides when a save is due. A failure is one line in the log and the status in
// INFO.
// Invariants: a save counts only the changes before its walk began as saved; a file has no key in a
// database in which it never was.
//
// No effects follow in a file. So a save during which databases are swapped begins again, and so
// does one during which a script was suspended that has written; it first waits for such a script.

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { reasonOf } from "../base/reason.ts";
import { RecurringTrouble } from "../base/recurring.ts";
import { NotDurableError } from "../base/sync-directory.ts";
import type { LibraryData } from "../replication/library-data.ts";
import { Snapshot } from "../replication/snapshot.ts";
import type { Store } from "../store/store.ts";
import type { ResumePoint } from "./resume-point.ts";
import { replaceFile, type Slices, SnapshotError } from "./snapshot-file.ts";

/** How often a save begins, if what was saved is torn again and again while it runs. */
const attemptsMax = 5;

/** What was saved belongs to no state that anybody was to see. */
class TornError extends Error {
  constructor(what: string) {
    super(`${what} again and again while it was saved`);
  }
}

/** Of scripts that are suspended: what they have done so far must not be saved without the rest. */
export interface HalfDone {
  /** Changes whenever something was left half done. */
  readonly halfDoneSteps: number;
  readonly isHalfDone: boolean;
  /** Resolves when nothing is half done. */
  whole(): Promise<void>;
}

const noScripts: HalfDone = { halfDoneSteps: 0, isHalfDone: false, whole: () => Promise.resolve() };

export interface SaverParts {
  readonly path: string;
  readonly store: Store;
  /** The libraries of functions, if the node has any. */
  readonly libraries?: LibraryData | undefined;
  /** If scripts of the node can be suspended. */
  readonly scripts?: HalfDone | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly serverVersion: string;
  /** Makes a renaming durable; a test can let it fail. */
  readonly sync?: ((directory: string) => Promise<void>) | undefined;
}

interface Run {
  readonly startedMs: number;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

export class SnapshotSaver {
  /** By the wall clock. The start of the process counts as the first save, as in Redis. */
  lastSavedAtMs: number;
  /** How long the last save took; negative before the first. */
  lastDurationMs = -1;
  lastOk = true;
  saves = 0;
  private readonly parts: SaverParts;
  private readonly trouble: RecurringTrouble;
  private savedChanges = 0;
  private run: Run | null = null;

  constructor(parts: SaverParts) {
    this.parts = parts;
    this.trouble = new RecurringTrouble(parts.log, () => parts.clock.monotonicMs(), "error");
    this.lastSavedAtMs = parts.clock.wallMs();
    this.markSaved();
  }

  get isSaving(): boolean {
    return this.run !== null;
  }

  /** How long the present save has run; negative without one. */
  get currentDurationMs(): number {
    return this.run === null ? -1 : this.parts.clock.monotonicMs() - this.run.startedMs;
  }

  /** Writes, deletions, expirations, evictions and changes of libraries since the last save. */
  get changes(): number {
    return (this.changesNow() - this.savedChanges) >>> 0;
  }

  /** Records that the file has what the store has now: it was just loaded from it. */
  markSaved(): void {
    this.savedChanges = this.changesNow();
  }

  private changesNow(): number {
    const { store, libraries } = this.parts;
    return store.changes() + (libraries?.changes ?? 0);
  }

  /**
   * Resolves when the file is durable; rejects with a SnapshotError if this save left no file, or
   * one that may not last: its changes count as not saved, so the next save is due. Give a `point`
   * only for data that no longer change (resume-point.ts).
   */
  async save(point: ResumePoint | null = null): Promise<void> {
    if (this.run !== null) throw new SnapshotError("a save is in progress");
    const { path, clock, log } = this.parts;
    const { changes } = this;
    const begun = { event: "snapshot-saving", path, changes } as const;
    log.info(`saving a snapshot to ${path}: ${changes} changes since the last`, begun);
    const { promise, resolve } = Promise.withResolvers<void>();
    const run = { startedMs: clock.monotonicMs(), abort: new AbortController(), ended: promise };
    this.run = run;
    try {
      await this.write(run, point);
      this.lastOk = true;
      this.trouble.ended(`snapshots are saved to ${path}`);
    } catch (error) {
      this.lastOk = false;
      const reason = reasonOf(error);
      const what = error instanceof NotDurableError ? "may not last in" : "was not saved to";
      const sentence = `the snapshot ${what} ${path}: ${reason}`;
      this.trouble.happened(reason, sentence, { event: "snapshot-failed", path, reason });
      throw new SnapshotError(sentence);
    } finally {
      this.lastDurationMs = clock.monotonicMs() - run.startedMs;
      this.run = null;
      resolve();
    }
  }

  private async write(run: Run, point: ResumePoint | null): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.writeOnce(run, point);
      } catch (error) {
        if (!(error instanceof TornError) || attempt === attemptsMax) throw error;
      }
    }
  }

  private async writeOnce(run: Run, point: ResumePoint | null): Promise<void> {
    const { path, store, libraries, clock, log, serverVersion, sync } = this.parts;
    const { scripts = noScripts } = this.parts;
    await untilWhole(scripts, run.abort.signal, point !== null);
    const history = point ?? { replid: "", offset: 0, streamDatabase: 0 };
    const isCleanShutdown = point !== null;
    const changes = this.changesNow();
    const head = { ...history, isCleanShutdown };
    const snapshot = new Snapshot(store, clock, head, serverVersion, libraries?.texts());
    const slices = untorn(snapshot, scripts);
    const bytes = await replaceFile(path, slices, run.abort.signal, sync);
    this.saves++;
    this.lastSavedAtMs = clock.wallMs();
    this.savedChanges = changes;
    const ms = Math.round(clock.monotonicMs() - run.startedMs);
    const seconds = (ms / 1000).toFixed(2);
    const fields = { event: "snapshot-saved", path, bytes, ms } as const;
    log.info(`snapshot saved to ${path}: ${bytes} bytes in ${seconds} s`, fields);
  }

  /** Aborts a save in progress, which leaves no file; resolves when it has ended. */
  async abort(reason: string): Promise<void> {
    this.run?.abort.abort(new Error(reason));
    await this.run?.ended;
  }
}

/** The slices of a snapshot; throws as soon as it is torn. */
function untorn(snapshot: Snapshot, scripts: HalfDone): Slices {
  const { halfDoneSteps } = scripts;
  return {
    next: () => {
      const slice = snapshot.next();
      if (snapshot.isTorn) throw new TornError("databases were swapped");
      if (scripts.halfDoneSteps !== halfDoneSteps || scripts.isHalfDone)
        throw new TornError("scripts took long");
      return slice;
    },
  };
}

/** Waits for the end of a script; not at the last save, before which the node has ended it. */
async function untilWhole(scripts: HalfDone, signal: AbortSignal, isLast: boolean): Promise<void> {
  if (!scripts.isHalfDone) return;
  if (isLast) throw new Error("a script does not end that has written");
  signal.throwIfAborted(); // after a torn attempt it may be, and then the event never comes
  const aborted = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => aborted.reject(signal.reason), { once: true });
  await Promise.race([scripts.whole(), aborted.promise]);
}
