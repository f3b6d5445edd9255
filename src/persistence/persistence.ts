// Snapshot files as the server sees them: loaded once at the start, saved on command, from time to time
// and at a clean shutdown. Without a path nothing of this happens, and commands say so. It opens no
// socket and changes no role.
// Invariant: what is served is never a part of a file, and a file is never made of a part of the data:
// neither while one is loaded nor while a full sync replaces them.

import { rename } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import { monotonicMs, wallClockMs } from "../base/clock.ts";
import { attempt, type ErrorReply, errorReply, type Fault } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Keyspace } from "../keyspace/keyspace.ts";
import { RdbError } from "../rdb/format.ts";
import type { Replication } from "../replication/replication.ts";
import type { Store } from "../store/store.ts";
import { SnapshotLoader } from "./loader.ts";
import { letGo, resumePointOf, takeUp } from "./resume-point.ts";
import { type InfoField, loadedFields, loadingFields, savingFields } from "./save-info.ts";
import { SnapshotSaver } from "./saver.ts";
import { reasonOf, removeUnfinished, requireRegular, SnapshotError } from "./snapshot-file.ts";

const tickMs = 1_000;
const progressEveryMs = 2_000;
const noFile = errorReply("there is no snapshot file: start the node with --snapshot-file");
const notBegun = { startedAtMs: 0, elapsedMs: 0, totalBytes: 0, loadedBytes: 0 };
const systemClock: Clock = { wallMs: wallClockMs, monotonicMs };

export interface PersistenceOptions {
  /** Seconds between two saves of data that have changed; 0 for none. */
  readonly intervalSeconds: number;
  /** Whether a bad file is left aside at the start, or keeps the node from starting. */
  readonly ignoresCorrupt: boolean;
  readonly refusesOtherTypes?: boolean | undefined;
}

export interface PersistenceParts {
  /** Absolute; empty for no snapshots at all. */
  readonly path: string;
  readonly store: Store;
  readonly keyspace: Keyspace;
  readonly replication: Replication;
  readonly log: Logger;
  readonly fault: Fault;
  readonly serverVersion: string;
  /** Read anew at each use: the interval may change while the node runs. */
  readonly options: () => PersistenceOptions;
  readonly clock?: Clock;
}

export class Persistence {
  readonly #parts: PersistenceParts;
  readonly #clock: Clock;
  readonly #saver: SnapshotSaver;
  #loader: SnapshotLoader | null = null;
  #isLoading = false;
  #timer: Timer | null = null;
  #isClosed = false;
  #lastAttemptMs: number;
  #lastProgressMs = 0;

  constructor(parts: PersistenceParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
    this.#saver = new SnapshotSaver({ ...parts, clock: this.#clock });
    this.#lastAttemptMs = this.#clock.monotonicMs();
    parts.replication.dataReplaced.on(() => this.interrupt("a full sync replaces the data"));
  }

  /** Whether there is a place for snapshots. */
  get isOn(): boolean {
    return this.#parts.path !== "";
  }

  get isLoading(): boolean {
    return this.#isLoading;
  }

  get lastSavedAtMs(): number {
    return this.#saver.lastSavedAtMs;
  }

  // ---- the start ---------------------------------------------------------------------------------

  /**
   * Fills the store from the file, if there is one. Nobody reads the store meanwhile: the caller sees to
   * that. Rejects with a SnapshotError for a file that cannot be loaded.
   */
  async load(asFollower: boolean): Promise<void> {
    if (!this.isOn) return;
    const { store, keyspace } = this.#parts;
    this.#isLoading = true;
    // Decides what room, expiry and eviction mean; a follower that is not one yet would evict.
    store.expires = !asFollower;
    try {
      await requireRegular(this.#parts.path);
      await this.#removeUnfinished();
      await this.#load(asFollower);
    } catch (error) {
      keyspace.clear();
      letGo(this.#parts.replication);
      await this.#judge(error);
    } finally {
      this.#isLoading = false;
    }
    this.#saver.markSaved();
    if (this.#isClosed) return;
    const { fault } = this.#parts;
    this.#timer = setInterval(() => attempt(fault, "persistence", () => this.#tick()), tickMs);
    this.#timer.unref();
  }

  /** Only what can be read can be broken; any other trouble would meet the next save, too. */
  async #judge(error: unknown): Promise<void> {
    const { path, log, options } = this.#parts;
    if (!(error instanceof RdbError)) {
      throw new SnapshotError(`the snapshot ${path} cannot be loaded: ${reasonOf(error)}`);
    }
    const sentence = `the file ${path} is broken: ${error.message}`;
    if (!options().ignoresCorrupt) throw new SnapshotError(sentence);
    // Out of the way of the next save: somebody may still want to look at it.
    await rename(path, `${path}.broken`);
    log.error(`${sentence}; it is now ${path}.broken, and this node starts empty`);
  }

  async #removeUnfinished(): Promise<void> {
    const { path, log } = this.#parts;
    for (const { name, problem } of await removeUnfinished(path)) {
      const what = `${name}, which a save that was cut short has left`;
      log.warn(problem === "" ? `removed ${what}` : `cannot remove ${what}: ${problem}`);
    }
  }

  async #load(asFollower: boolean): Promise<void> {
    const { path, log, replication, keyspace, options } = this.#parts;
    let hasPoint = false;
    const loader = new SnapshotLoader({
      ...this.#parts,
      clock: this.#clock,
      asFollower,
      refusesOtherTypes: options().refusesOtherTypes,
      begin: (point) => {
        hasPoint = point !== null;
        if (point !== null) takeUp(replication, point, asFollower);
      },
      leftOut: (key, start, end) => {
        // A follower's journal takes no effects of its own.
        if (!asFollower) keyspace.leaveOut(key, start, end);
      },
      progress: () => this.#reportProgress(loader),
    });
    this.#loader = loader;
    this.#lastProgressMs = this.#clock.monotonicMs();
    const started = this.#lastProgressMs;
    if (!(await loader.load(path))) {
      log.info(`there is no snapshot ${path} yet: this node starts empty`);
      return;
    }
    // Its leader takes it for granted that a follower has all items.
    if (hasPoint && asFollower && loader.refusedItems > 0) letGo(replication);
    this.#reportLoaded(loader, this.#clock.monotonicMs() - started);
  }

  #reportProgress({ loadedBytes, totalBytes, loadedItems }: SnapshotLoader): void {
    const now = this.#clock.monotonicMs();
    if (now - this.#lastProgressMs < progressEveryMs) return;
    this.#lastProgressMs = now;
    const percent = Math.floor((100 * loadedBytes) / Math.max(1, totalBytes));
    this.#parts.log.info(`loading the snapshot: ${percent} %, ${loadedItems} items`);
  }

  #reportLoaded(loader: SnapshotLoader, tookMs: number): void {
    const { path, log } = this.#parts;
    const { loadedItems, expiredItems, refusedItems, loadedBytes, skipped } = loader;
    const seconds = (tookMs / 1000).toFixed(2);
    log.info(
      `snapshot ${path} loaded: ${loadedItems} items, ${expiredItems} had expired, ` +
        `${loadedBytes} bytes in ${seconds} s`,
    );
    if (refusedItems > 0)
      log.error(`${refusedItems} items of the snapshot do not fit into this node`);
    const kinds = [...skipped].map(([kind, count]) => `${count} ${kind}`);
    if (kinds.length > 0) {
      log.warn(`the snapshot has what this cache cannot hold: ${kinds.join(", ")}`);
    }
  }

  // ---- saving ------------------------------------------------------------------------------------

  get isSaving(): boolean {
    return this.#saver.isSaving;
  }

  /** Resolves when the file is durable, or to why it is not. */
  async save(): Promise<ErrorReply | null> {
    if (!this.isOn) return noFile;
    this.#lastAttemptMs = this.#clock.monotonicMs();
    try {
      await this.#saver.save();
      return null;
    } catch (error) {
      return errorReply(reasonOf(error));
    }
  }

  /** Begins; how it ends stands in INFO and in the log. */
  saveInBackground(): ErrorReply | null {
    if (!this.isOn) return noFile;
    void this.save();
    return null;
  }

  /** When the data are about to be replaced: half of them would be saved. */
  interrupt(reason: string): void {
    void this.#saver.abort(reason);
  }

  #tick(): void {
    const { intervalSeconds } = this.#parts.options();
    const dueMs = this.#lastAttemptMs + intervalSeconds * 1000;
    if (intervalSeconds === 0 || this.#clock.monotonicMs() < dueMs || this.isSaving) return;
    if (this.#parts.replication.isLoading || this.#saver.changes === 0) return;
    this.saveInBackground();
  }

  // ---- the end -----------------------------------------------------------------------------------

  /**
   * The last save, of data that stand still; rejects with a SnapshotError. Without a file it does nothing,
   * unless it must: then that is an error, too. A part of the data is never saved.
   */
  async saveLast(must: boolean): Promise<void> {
    const { replication, log } = this.#parts;
    if (!this.isOn && must) throw new SnapshotError(noFile.text);
    if (this.#timer === null) return;
    await this.#saver.abort("the node shuts down, and saves once more");
    if (replication.isLoading) return log.warn("no snapshot is saved: a full sync was going on");
    await this.#saver.save(resumePointOf(replication));
  }

  /** Saves nothing by itself any more. */
  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** After a fault: what is in the store now is not to be saved, nor what is being saved. */
  abandon(): void {
    this.close();
    void this.#saver.abort("the node has a fault");
  }

  // ---- INFO --------------------------------------------------------------------------------------

  /**
   * INFO's section `persistence`; `isLoading` is true also while a full sync is loaded, unless that
   * happens beside the old data: `async_loading`.
   */
  info(isLoading: boolean): InfoField[] {
    const { follower } = this.#parts.replication;
    const progress = (this.#isLoading ? this.#loader : follower.loadProgress) ?? notBegun;
    const showsProgress = isLoading || follower.isLoadingBeside;
    return [
      ["loading", isLoading ? 1 : 0],
      ["async_loading", follower.isLoadingBeside ? 1 : 0],
      ...savingFields(this.#saver),
      ...loadedFields(this.#isLoading ? null : this.#loader),
      ["aof_enabled", 0],
      ...(showsProgress ? loadingFields(progress) : []),
    ];
  }
}
