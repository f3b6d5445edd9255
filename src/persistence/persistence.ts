// Snapshot files as the node sees them: loaded once at start; saved on command, at intervals, and
// at a clean shutdown. Without a path none of this happens, and commands say so. It opens no socket
// and changes no role.
// Invariant: a part of a file is never served, and a part of the data is never saved, neither while
// a file is loaded nor while a full sync replaces the data.

import { rename } from "node:fs/promises";
import { type Clock, monotonicMs, wallClockMs } from "../base/clock.ts";
import { attempt, type ErrorReply, errorReply, type Fault } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { codeOf, reasonOf } from "../base/reason.ts";
import type { Keyspace } from "../keyspace/keyspace.ts";
import { RdbError } from "../rdb/format.ts";
import type { LibraryData } from "../replication/library-data.ts";
import type { Replication } from "../replication/replication.ts";
import type { Store } from "../store/store.ts";
import { SnapshotLoader } from "./loader.ts";
import { dropHistory, resumeHistory, resumePointOf } from "./resume-point.ts";
import { type InfoField, loadedFields, loadingFields, savingFields } from "./save-info.ts";
import { type HalfDone, SnapshotSaver } from "./saver.ts";
import {
  obstacleToSaving,
  removeUnfinished,
  requireRegular,
  SnapshotError,
} from "./snapshot-file.ts";

const tickMs = 1_000;
const progressEveryMs = 2_000;
const noFile = errorReply("there is no snapshot file: start the node with --snapshot-file");
const notBegun = { startedAtMs: 0, elapsedMs: 0, totalBytes: 0, loadedBytes: 0 };
const systemClock: Clock = { wallMs: wallClockMs, monotonicMs };

export interface PersistenceOptions {
  /** Seconds between two saves, if data have changed; 0 disables them. */
  readonly intervalSeconds: number;
  /** Whether a broken file is moved aside at start, instead of stopping the start. */
  readonly ignoresCorrupt: boolean;
  readonly refusesOtherTypes?: boolean | undefined;
}

export interface PersistenceParts {
  /** An absolute path; empty: no snapshots. */
  readonly path: string;
  readonly store: Store;
  readonly keyspace: Keyspace;
  /** The libraries of functions, if the node has any. */
  readonly libraries?: LibraryData;
  /** If scripts of the node can be suspended. */
  readonly scripts?: HalfDone | undefined;
  readonly replication: Replication;
  readonly log: Logger;
  readonly fault: Fault;
  readonly serverVersion: string;
  /** Called at each use, because the interval may change while the node runs. */
  readonly options: () => PersistenceOptions;
  readonly clock?: Clock;
  readonly sync?: ((directory: string) => Promise<void>) | undefined;
}

export interface Reloading {
  /** Removes all data first. */
  readonly flushes: boolean;
  /** What is there already is replaced; otherwise it makes the file one that cannot be loaded. */
  readonly merges: boolean;
  /** Take those of the file. */
  readonly libraries: LibraryData;
}

export class Persistence {
  private readonly parts: PersistenceParts;
  private readonly clock: Clock;
  private readonly saver: SnapshotSaver;
  private loader: SnapshotLoader | null = null;
  private loadsNow = false;
  private timer: Timer | null = null;
  private isClosed = false;
  private lastAttemptMs: number;
  private lastProgressMs = 0;

  constructor(parts: PersistenceParts) {
    this.parts = parts;
    this.clock = parts.clock ?? systemClock;
    this.saver = new SnapshotSaver({ ...parts, clock: this.clock });
    this.lastAttemptMs = this.clock.monotonicMs();
    parts.replication.dataReplaced.on(() => this.interrupt("a full sync replaces the data"));
  }

  /** Whether the node has a snapshot file. */
  get isOn(): boolean {
    return this.parts.path !== "";
  }

  get isLoading(): boolean {
    return this.loadsNow;
  }

  get lastSavedAtMs(): number {
    return this.saver.lastSavedAtMs;
  }

  // ---- the start --------------------------------------------------------------------------------

  /**
   * Fills the store from the file, if there is one. The caller must keep everyone from reading the
   * store meanwhile. Rejects with a SnapshotError if the file cannot be loaded.
   */
  async load(asFollower: boolean): Promise<void> {
    if (!this.isOn) return;
    const { store, keyspace } = this.parts;
    this.loadsNow = true;
    // The store must already behave as a follower's, or making room would evict.
    store.expires = !asFollower;
    try {
      await requireRegular(this.parts.path);
      await this.removeUnfinished();
      await this.loadFile(asFollower);
      await this.warnOfObstacle();
    } catch (error) {
      keyspace.clear();
      dropHistory(this.parts.replication);
      await this.judge(error);
    } finally {
      this.loadsNow = false;
    }
    this.saver.markSaved();
    if (this.isClosed) return;
    const { fault } = this.parts;
    this.timer = setInterval(() => attempt(fault, "persistence", () => this.tick()), tickMs);
    this.timer.unref();
  }

  /** Only a file that was read can be broken; any other trouble would also affect the next save. */
  private async judge(error: unknown): Promise<void> {
    const { path, log, options } = this.parts;
    if (!(error instanceof RdbError)) {
      // A file that is missing is an empty snapshot.
      const isAbsent = codeOf(error) === "ENOENT";
      const reason = isAbsent ? "its directory does not exist (ENOENT)" : reasonOf(error);
      throw new SnapshotError(`the snapshot ${path} cannot be loaded: ${reason}`);
    }
    const sentence = `the file ${path} is broken: ${error.message}`;
    if (!options().ignoresCorrupt) {
      const advice = "--snapshot-corrupt ignore sets it aside and starts empty";
      throw new SnapshotError(`${sentence}; ${advice}`);
    }
    // The next save must not replace it: the operator may want to examine it.
    await rename(path, `${path}.broken`);
    const fields = { event: "snapshot-failed", path, reason: error.message } as const;
    log.error(`${sentence}; it is now ${path}.broken, and this node starts empty`, fields);
  }

  private async removeUnfinished(): Promise<void> {
    const { path, log } = this.parts;
    for (const { name, problem } of await removeUnfinished(path)) {
      const what = `${name}, left by a save that was cut short`;
      log.warn(problem === "" ? `removed ${what}` : `cannot remove ${what}: ${problem}`);
    }
  }

  /** A node that cannot save refuses to end, which is late to learn of it. */
  private async warnOfObstacle(): Promise<void> {
    const { path, log } = this.parts;
    const reason = await obstacleToSaving(path);
    if (reason === null) return;
    const sentence = `this node cannot save to ${path}: ${reason}; a clean shutdown would fail`;
    log.warn(sentence, { event: "snapshot-failed", path, reason });
  }

  private async loadFile(asFollower: boolean): Promise<void> {
    const { path, log, replication, keyspace, options } = this.parts;
    let hasPoint = false;
    const loader = new SnapshotLoader({
      ...this.parts,
      clock: this.clock,
      asFollower,
      refusesOtherTypes: options().refusesOtherTypes,
      begin: (point) => {
        hasPoint = point !== null;
        if (point !== null) resumeHistory(replication, point, asFollower);
      },
      leftOut: (key, start, end) => {
        // The journal of a follower has only its leader's effects.
        if (!asFollower) keyspace.leaveOut(key, start, end);
      },
      progress: () => this.reportProgress(loader),
    });
    this.loader = loader;
    this.lastProgressMs = this.clock.monotonicMs();
    const started = this.lastProgressMs;
    if (!(await loader.load(path))) {
      const fields = { event: "snapshot-loaded", path, items: 0 } as const;
      log.info(`there is no snapshot ${path} yet: this node starts empty`, fields);
      return;
    }
    // A leader relies on its followers to have all items.
    if (hasPoint && asFollower && loader.refusedItems > 0) dropHistory(replication);
    this.reportLoaded(loader, this.clock.monotonicMs() - started);
  }

  private reportProgress({ loadedBytes, totalBytes, loadedItems }: SnapshotLoader): void {
    const now = this.clock.monotonicMs();
    if (now - this.lastProgressMs < progressEveryMs) return;
    this.lastProgressMs = now;
    const percent = Math.floor((100 * loadedBytes) / Math.max(1, totalBytes));
    this.parts.log.info(`loading the snapshot: ${percent} %, ${loadedItems} items`, {
      event: "snapshot-loading",
      items: loadedItems,
      bytes: loadedBytes,
      totalBytes,
    });
  }

  private reportLoaded(loader: SnapshotLoader, tookMs: number): void {
    const { path, log } = this.parts;
    const { loadedItems, expiredItems, refusedItems, loadedBytes, skipped } = loader;
    const seconds = (tookMs / 1000).toFixed(2);
    log.info(
      `snapshot ${path} loaded: ${loadedItems} items, ${expiredItems} had expired, ` +
        `${loadedBytes} bytes in ${seconds} s`,
      {
        ...{ event: "snapshot-loaded", path, bytes: loadedBytes, ms: Math.round(tookMs) },
        ...{ items: loadedItems, expired: expiredItems, refused: refusedItems },
      },
    );
    if (refusedItems > 0)
      log.error(`${refusedItems} items of the snapshot do not fit into this node`);
    for (const problem of loader.libraryProblems) {
      log.error(`a library of the snapshot cannot be loaded: ${problem}`);
    }
    const kinds = [...skipped].map(([kind, count]) => `${count} ${kind}`);
    if (kinds.length > 0) {
      log.warn(`the snapshot has data that this cache cannot hold: ${kinds.join(", ")}`);
    }
  }

  // ---- once more --------------------------------------------------------------------------------

  /**
   * Loads the file again, into the store as it is or, if it `flushes`, into an empty one. The
   * caller must keep everyone from it, and no follower may have a link. Rejects if the file is
   * missing or cannot be loaded; what it has brought until then stays only beside what was there.
   */
  async reload({ flushes, merges, libraries }: Reloading): Promise<void> {
    const { path, store, keyspace, replication, options } = this.parts;
    this.loadsNow = true;
    const expires = store.expires;
    dropHistory(replication);
    if (flushes) {
      keyspace.clear();
      this.parts.libraries?.replaceAll([]);
    }
    const loader = new SnapshotLoader({
      ...this.parts,
      libraries,
      clock: this.clock,
      asFollower: false,
      refusesKnown: !merges,
      refusesOtherTypes: options().refusesOtherTypes,
      begin: () => undefined, // the data are no point in a history
      leftOut: () => undefined, // no follower has them
      progress: () => undefined,
    });
    try {
      if (!(await loader.load(path))) throw new SnapshotError(`there is no snapshot ${path}`);
      const [problem] = loader.libraryProblems;
      if (problem !== undefined) throw new SnapshotError(`a library cannot be loaded: ${problem}`);
    } catch (error) {
      if (flushes) keyspace.clear();
      throw error;
    } finally {
      store.expires = expires;
      this.loadsNow = false;
    }
    this.loader = loader;
    if (flushes) this.saver.markSaved();
  }

  // ---- saving -----------------------------------------------------------------------------------

  get isSaving(): boolean {
    return this.saver.isSaving;
  }

  /** Resolves to null when the file is durable, or to the reason why it is not. */
  async save(): Promise<ErrorReply | null> {
    if (!this.isOn) return noFile;
    this.lastAttemptMs = this.clock.monotonicMs();
    try {
      await this.saver.save();
      return null;
    } catch (error) {
      return errorReply(reasonOf(error));
    }
  }

  /** Starts a save; INFO and the log report the outcome. */
  saveInBackground(): ErrorReply | null {
    if (!this.isOn) return noFile;
    void this.save();
    return null;
  }

  /** Aborts a save, because the data are about to be replaced: it would save a part of them. */
  interrupt(reason: string): void {
    void this.saver.abort(reason);
  }

  private tick(): void {
    const { intervalSeconds } = this.parts.options();
    const dueMs = this.lastAttemptMs + intervalSeconds * 1000;
    if (intervalSeconds === 0 || this.clock.monotonicMs() < dueMs || this.isSaving) return;
    if (this.loadsNow || this.parts.replication.isLoading || this.saver.changes === 0) return;
    this.saveInBackground();
  }

  // ---- the end ----------------------------------------------------------------------------------

  /**
   * The last save, of data that no longer change; rejects with a SnapshotError. Without a snapshot
   * file it does nothing, or rejects if it `must` save. It never saves a part of the data.
   */
  async saveLast(must: boolean): Promise<void> {
    const { replication, log } = this.parts;
    if (!this.isOn && must) throw new SnapshotError(noFile.text);
    if (this.timer === null) return;
    await this.saver.abort("the node shuts down, and saves once more");
    if (replication.isLoading) return log.warn("no snapshot is saved: a full sync was in progress");
    await this.saver.save(resumePointOf(replication));
  }

  /** Saves nothing by itself any more. */
  close(): void {
    this.isClosed = true;
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** After a fault: the data must not be saved, and a save in progress must not complete. */
  abandon(): void {
    this.close();
    void this.saver.abort("the node has a fault");
  }

  // ---- INFO -------------------------------------------------------------------------------------

  /**
   * INFO's section `persistence`. `isLoading` is also true while a full sync is loaded, unless it
   * is loaded beside the old data: that is `async_loading`.
   */
  info(isLoading: boolean): InfoField[] {
    const { follower } = this.parts.replication;
    const progress = (this.loadsNow ? this.loader : follower.loadProgress) ?? notBegun;
    const showsProgress = isLoading || follower.isLoadingBeside;
    return [
      ["loading", isLoading ? 1 : 0],
      ["async_loading", follower.isLoadingBeside ? 1 : 0],
      ...savingFields(this.saver),
      ...loadedFields(this.loadsNow ? null : this.loader),
      ["aof_enabled", 0],
      ...(showsProgress ? loadingFields(progress) : []),
    ];
  }
}
