// Loads a snapshot file into a store, in chunks between which other work has its turn, and reports
// progress. The store is empty, but for DEBUG RELOAD. persistence.ts decides what to do about a
// broken file.
// Invariant: load() resolves only if structure, checksum and end of the file are right. Before that
// the store must not be read, and after a failure it must be cleared.

import { type FileHandle, open } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import { keyBytesMax, receivedBytesPerCollection } from "../base/limits.ts";
import { codeOf } from "../base/reason.ts";
import type { Keyspace } from "../keyspace/keyspace.ts";
import { RdbError } from "../rdb/format.ts";
import { type RdbHandler, RdbReader } from "../rdb/reader.ts";
import { cleanShutdown } from "../rdb/writer.ts";
import { type LibraryData, LibraryTexts } from "../replication/library-data.ts";
import { FULL, STORED, type Store } from "../store/store.ts";
import type { ResumePoint } from "./resume-point.ts";

const chunkBytes = 256 * 1024;
/** A generous bound for the header and index entry of an item, for which room is made as well. */
const itemOverheadBytes = 64;
const replidPattern = /^[0-9a-f]{40}$/;

export interface LoaderParts {
  readonly store: Store;
  readonly keyspace: Keyspace;
  /** The libraries of functions, if the node has any. */
  readonly libraries?: LibraryData | undefined;
  readonly clock: Clock;
  /** A follower keeps items that have expired or exceed the limit, because its leader has them. */
  readonly asFollower: boolean;
  /** Whether a value that is not a string makes the file broken. */
  readonly refusesOtherTypes?: boolean | undefined;
  /**
   * Called once before the first item, with the point in a history that the items represent, if
   * any.
   */
  readonly begin: (point: ResumePoint | null) => void;
  /** Whether a key that the store has already makes the file one that cannot be loaded. */
  readonly refusesKnown?: boolean;
  /** Called for an item of the file that is not stored. */
  readonly leftOut: (key: Uint8Array, start: number, end: number) => void;
  /** Called after each chunk. */
  readonly progress: () => void;
}

export class SnapshotLoader {
  totalBytes = 0;
  loadedBytes = 0;
  loadedItems = 0;
  expiredItems = 0;
  /** Items that were too large or had no room. */
  refusedItems = 0;
  /** Why libraries of the file could not be loaded. */
  libraryProblems: readonly string[] = [];
  readonly startedAtMs: number;
  private readonly texts = new LibraryTexts();
  private readonly parts: LoaderParts;
  private readonly fields = new Map<string, string>();
  private readonly reader: RdbReader;
  private readonly beganMs: number;
  private hasBegun = false;
  private nowMs = 0;
  /** Of the items that come next. */
  private database = 0;

  constructor(parts: LoaderParts) {
    this.parts = parts;
    this.startedAtMs = parts.clock.wallMs();
    this.beganMs = parts.clock.monotonicMs();
    const handler: RdbHandler = {
      select: (database) => {
        this.database = database;
      },
      item: (key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt) =>
        this.item(key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt),
      refused: (key, keyStart, keyEnd) => this.refused(key, keyStart, keyEnd),
      auxiliary: (name, value) => this.fields.set(name, value),
      library: (bytes, start, end) => this.texts.add(bytes, start, end),
    };
    const { refusesOtherTypes, store } = parts;
    this.reader = new RdbReader(handler, {
      refusesOtherTypes,
      valueBytesMax: store.valueBytesMax,
      databases: store.databases.count,
    });
  }

  get elapsedMs(): number {
    return this.parts.clock.monotonicMs() - this.beganMs;
  }

  /** Counts, by kind, of what the file has and a cache of strings cannot hold. */
  get skipped(): ReadonlyMap<string, number> {
    return this.reader.skipped;
  }

  /** False if there is no such file. Throws an RdbError if its content is wrong. */
  async load(path: string): Promise<boolean> {
    const file = await openIfThere(path);
    if (file === null) return false;
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new Error("it is not a file");
      this.totalBytes = stat.size;
      await this.read(file);
    } finally {
      await file.close();
    }
    return true;
  }

  private async read(file: FileHandle): Promise<void> {
    const reader = this.reader;
    const chunk = new Uint8Array(chunkBytes);
    let sinceCollection = 0;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunkBytes, this.loadedBytes);
      if (bytesRead === 0) break;
      this.nowMs = this.parts.clock.wallMs();
      const taken = reader.push(chunk, 0, bytesRead);
      this.parts.keyspace.select(0);
      this.loadedBytes += taken;
      if (taken < bytesRead) throw new RdbError("bytes follow its end", this.loadedBytes);
      // Shared memory counts as heap, so the collector hardly runs by itself (src/README.md).
      sinceCollection += bytesRead;
      if (sinceCollection >= receivedBytesPerCollection) {
        sinceCollection = 0;
        Bun.gc(false);
      }
      this.parts.progress();
    }
    reader.finish();
    this.begin();
    const { texts } = this.texts;
    if (texts.length > 0) this.libraryProblems = this.parts.libraries?.replaceAll(texts) ?? [];
  }

  private begin(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    this.parts.begin(this.resumePoint());
  }

  /** Not null only if our own mark says that nothing was written after this state. */
  private resumePoint(): ResumePoint | null {
    const fields = this.fields;
    const replid = fields.get("repl-id") ?? "";
    const offset = Number(fields.get("repl-offset") ?? Number.NaN);
    if (fields.get(cleanShutdown) !== "1" || !replidPattern.test(replid)) return null;
    if (!Number.isSafeInteger(offset) || offset < 0) return null;
    return { replid, offset, streamDatabase: Number(fields.get("repl-stream-db")) || 0 };
  }

  private item(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
  ): void {
    this.begin();
    const { store, keyspace, asFollower, leftOut } = this.parts;
    keyspace.select(this.database);
    const now = this.nowMs;
    if (!asFollower && expiresAt !== 0 && expiresAt <= now) {
      this.expiredItems++;
      return leftOut(key, keyStart, keyEnd);
    }
    if (this.parts.refusesKnown === true && store.find(key, keyStart, keyEnd, now)) {
      throw new RdbError("it has a key that is there already", this.loadedBytes);
    }
    const bytes = keyEnd - keyStart + valueEnd - valueStart + itemOverheadBytes;
    const fits =
      keyEnd - keyStart <= keyBytesMax &&
      (asFollower || store.makeRoom(key, keyStart, keyEnd, bytes, now));
    const result = fits
      ? keyspace.load(key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt)
      : FULL;
    if (result === STORED) this.loadedItems++;
    else this.refused(key, keyStart, keyEnd);
  }

  private refused(key: Uint8Array, keyStart: number, keyEnd: number): void {
    this.begin();
    this.parts.keyspace.select(this.database);
    this.refusedItems++;
    if (keyEnd > keyStart) this.parts.leftOut(key, keyStart, keyEnd);
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}
