// Saves snapshots, one at a time, and remembers how it went. Commands go on meanwhile: the walk takes a
// little of the thread at a time, and each piece is on its way to the disk before the next is gathered.
// When a save is due is decided elsewhere. A failure is one line in the log and the status in INFO.
// Invariant: what is counted as saved are the changes up to the beginning of a walk, never to its end.

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { RecurringTrouble } from "../base/recurring.ts";
import { Snapshot } from "../replication/snapshot.ts";
import type { Store } from "../store/store.ts";
import type { ResumePoint } from "./resume-point.ts";
import { reasonOf, replaceFile, SnapshotError } from "./snapshot-file.ts";

export interface SaverParts {
  readonly path: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly serverVersion: string;
}

interface Run {
  readonly startedMs: number;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

export class SnapshotSaver {
  /** By the wall clock; the start of the process counts as the first, as in Redis. */
  lastSavedAtMs: number;
  /** How long the last save took; negative before the first. */
  lastDurationMs = -1;
  lastOk = true;
  saves = 0;
  readonly #parts: SaverParts;
  readonly #trouble: RecurringTrouble;
  #savedChanges = 0;
  #run: Run | null = null;

  constructor(parts: SaverParts) {
    this.#parts = parts;
    this.#trouble = new RecurringTrouble(parts.log, () => parts.clock.monotonicMs(), "error");
    this.lastSavedAtMs = parts.clock.wallMs();
    this.markSaved();
  }

  get isSaving(): boolean {
    return this.#run !== null;
  }

  /** How long the present save has taken; negative without one. */
  get currentDurationMs(): number {
    return this.#run === null ? -1 : this.#parts.clock.monotonicMs() - this.#run.startedMs;
  }

  /** Writes, expirations and evictions that are in no file. */
  get changes(): number {
    return (this.#parts.store.changes() - this.#savedChanges) >>> 0;
  }

  /** What the store holds now is in the file: it was just loaded from there. */
  markSaved(): void {
    this.#savedChanges = this.#parts.store.changes();
  }

  /**
   * Resolves when the file is durable; rejects with a SnapshotError when there is none of this save.
   * A `point` is for data of which nothing is written any more (resume-point.ts).
   */
  async save(point: ResumePoint | null = null): Promise<void> {
    if (this.#run !== null) throw new SnapshotError("a save is in progress");
    const { path, clock } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    const run = { startedMs: clock.monotonicMs(), abort: new AbortController(), ended: promise };
    this.#run = run;
    try {
      await this.#write(run, point);
      this.lastOk = true;
      this.#trouble.ended(`snapshots are saved to ${path}`);
    } catch (error) {
      this.lastOk = false;
      const sentence = `the snapshot was not saved to ${path}: ${reasonOf(error)}`;
      this.#trouble.happened(reasonOf(error), sentence);
      throw new SnapshotError(sentence);
    } finally {
      this.lastDurationMs = clock.monotonicMs() - run.startedMs;
      this.#run = null;
      resolve();
    }
  }

  async #write(run: Run, point: ResumePoint | null): Promise<void> {
    const { path, store, clock, log, serverVersion } = this.#parts;
    const history = point ?? { replid: "", offset: 0, streamDatabase: 0 };
    const isCleanShutdown = point !== null;
    const changes = store.changes();
    const snapshot = new Snapshot(store, clock, { ...history, isCleanShutdown }, serverVersion);
    const bytes = await replaceFile(path, snapshot, run.abort.signal);
    this.saves++;
    this.lastSavedAtMs = clock.wallMs();
    this.#savedChanges = changes;
    const seconds = ((clock.monotonicMs() - run.startedMs) / 1000).toFixed(2);
    log.info(`snapshot saved to ${path}: ${bytes} bytes in ${seconds} s`);
  }

  /** Ends a save that is in progress without its file; resolves when it has ended. */
  async abort(reason: string): Promise<void> {
    this.#run?.abort.abort(new Error(reason));
    await this.#run?.ended;
  }
}
