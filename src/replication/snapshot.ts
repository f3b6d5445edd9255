// A snapshot of a living store as a sequence of byte slices: the walk makes one short slice at a
// time, and writes run in between. There is no fork and no copy of the store.
// Invariant: every item that exists from the start of the walk to its end is in the snapshot, with
// its value at some moment in between, and no key is in it twice. Only together with the effects
// journaled since the start, which are absolute and may be applied again, is it a state of the
// store. So the last field names the offset at which the walk ended: whoever reads the items and
// the journal up to there has what the store had then.
//
// The databases are those of the start: one after the other is walked, as the items of an identity,
// under the number that it had then. So effects that swap or flush databases, which come later in
// the journal, do to the reader's databases what they did to these.
//
// The libraries of functions are those of the start as well, and come before the items.
//
// The stream of a Redis leader has commands that must not be applied twice, such as INCR. The
// caller then keep()s each key before it changes: if the walk has not passed it, its old item goes
// into the snapshot first, and the walk skips the key. The snapshot is then the store at the first
// moment.

import { freeBytes } from "../base/buffer-pool.ts";
import { latin1 } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { SnapshotContents } from "../base/link.ts";
import { Output } from "../base/output.ts";
import type { Journal } from "../journal/journal.ts";
import type { KeyVisitor } from "../protocol/apply-stream.ts";
import { RdbWriter, type SnapshotHeader } from "../rdb/writer.ts";
import type { DatabaseReport, ItemVisitor, Store } from "../store/store.ts";

/** Longest time that one slice takes from other work of the thread. */
const sliceMs = 1.5;
/** Size at which a slice ends: about what the buffer of a socket holds. */
const sliceBytes = 192 * 1024;
/** Buckets between two looks at the clock. */
const stride = 16;
/**
 * The time that the walk gives to the store: before any expiry. An item that has expired but is not
 * deleted yet is a part of the history. Without it, an APPEND that was journaled while it lived
 * would create it on a follower as an item that never expires, until its DEL arrives.
 */
const withExpired = 0;
const empty = new Uint8Array(0);
/** Kept items are gathered up to this size, about that of a slice. */
const keptPieceBytes = 256 * 1024;
/** About what a remembered key costs beside its bytes. */
const keyOverheadBytes = 64;

export class Snapshot implements ItemVisitor, KeyVisitor {
  private readonly writer = new RdbWriter();
  private readonly store: Store;
  private readonly clock: Clock;
  /** Those that are not written yet. */
  private libraries: readonly Uint8Array[];
  /** The databases that had items at the start, and the one that is walked. */
  private readonly databases: readonly DatabaseReport[];
  private at = 0;
  private cursor = 0;
  private readonly swaps: number;
  /** The database that the reader of what was written has selected; -1 for none. */
  private selected = -1;
  private keptSelected = -1;
  private begun = false;
  private finished = false;
  private readonly journal: Pick<Journal, "mark"> | undefined;
  /**
   * Keys that changed before the walk reached them, each after the character of its place in
   * `databases`: their old items are in `kept`, if they existed.
   */
  private readonly changed = new Set<string>();
  private changedBytes = 0;
  private readonly kept: Output[] = [];
  private keptTotalBytes = 0;
  /** What next() last returned from `kept`. */
  private sent: Output | null = null;

  constructor(
    store: Store,
    clock: Clock,
    history: Pick<SnapshotHeader, "replid" | "offset" | "streamDatabase" | "isCleanShutdown"> & {
      readonly journal?: Pick<Journal, "mark">;
    },
    serverVersion: string,
    libraries: readonly Uint8Array[] = [],
    contents: SnapshotContents = "everything",
  ) {
    this.store = store;
    this.clock = clock;
    this.journal = history.journal;
    this.libraries = contents === "nothing" ? [] : libraries;
    this.writer.header({
      ...history,
      serverVersion,
      usedMemoryBytes: store.memoryUsed(),
      createdAtMs: clock.wallMs(),
    });
    this.databases = contents === "everything" ? store.databases.reports() : [];
    this.swaps = store.databases.swaps;
  }

  /** The next bytes, valid until the next call; null after the last. */
  next(): Uint8Array | null {
    this.release();
    if (!this.begun) {
      this.begun = true; // the header
    } else {
      this.writer.clear();
      if (this.libraries.length > 0) return this.nextLibrary();
      if (this.kept.length > 0) return this.nextKept();
      if (this.finished) return null;
      this.walk();
    }
    this.writer.sum();
    return this.writer.output.view();
  }

  private nextLibrary(): Uint8Array {
    const [text, ...rest] = this.libraries;
    this.libraries = rest;
    this.writer.library(text);
    this.writer.sum();
    return this.writer.output.view();
  }

  private nextKept(): Uint8Array {
    this.sent = this.kept.shift() ?? null;
    this.selected = -1;
    const bytes = this.sent?.view() ?? empty;
    this.writer.pass(bytes);
    return bytes;
  }

  private release(): void {
    if (this.sent === null) return;
    this.keptTotalBytes -= this.sent.bytes.length;
    freeBytes(this.sent.bytes);
    this.sent = null;
  }

  /** Memory that changes during the walk cost so far: keys, and items that are not sent yet. */
  get keptBytes(): number {
    return this.changedBytes + this.keptTotalBytes;
  }

  /**
   * Whether items may stand under the number of a database in which they never were: databases were
   * swapped since the start. Only the effects since then put that right.
   */
  get isTorn(): boolean {
    const { databases } = this.store;
    return databases.swaps !== this.swaps || !this.databases.every((it) => databases.isSame(it));
  }

  get isFinished(): boolean {
    return this.finished;
  }

  /** Called before a key changes, if the stream must not be applied twice. */
  key(bytes: Uint8Array, start: number, end: number, database: number): void {
    const { databases } = this.store;
    if (this.finished || database >= databases.count) return;
    const identity = databases.identityOf(database);
    const at = this.databases.findIndex((it) => it.identity === identity);
    if (at < this.at) return; // walked already, or without items at the start
    const { selected } = databases;
    databases.select(database);
    if (at > this.at || !this.hasPassed(bytes, start, end)) this.change(at, bytes, start, end);
    databases.select(selected);
  }

  private hasPassed(bytes: Uint8Array, start: number, end: number): boolean {
    return this.cursor > 0 && this.store.passed(this.cursor, bytes, start, end);
  }

  private change(at: number, bytes: Uint8Array, start: number, end: number): void {
    const name = nameOf(at, bytes, start, end);
    if (this.changed.has(name)) return;
    this.changed.add(name);
    this.changedBytes += name.length + keyOverheadBytes;
    this.store.lock(bytes, start, end);
    if (this.store.find(bytes, start, end, withExpired)) this.keep(at, bytes, start, end);
    this.store.unlock(bytes, start, end);
  }

  private keep(at: number, key: Uint8Array, start: number, end: number): void {
    const { valueLength, expiresAt } = this.store;
    let output = this.kept.at(-1);
    if (output === undefined || output.length >= keptPieceBytes) {
      output = new Output(keptPieceBytes);
      this.kept.push(output);
      this.keptTotalBytes += output.bytes.length;
      this.keptSelected = -1;
    }
    const before = output.bytes.length;
    const { number } = this.databases[at];
    if (number !== this.keptSelected) this.writer.selectInto(output, number);
    this.keptSelected = number;
    this.writer.itemInto(output, key, start, end, this.store, valueLength, expiresAt);
    this.keptTotalBytes += output.bytes.length - before;
  }

  private walk(): void {
    const deadline = this.clock.monotonicMs() + sliceMs;
    const { output } = this.writer;
    do {
      for (let i = 0; i < stride && output.length < sliceBytes; i++) {
        if (this.at === this.databases.length) return this.end();
        this.step(this.databases[this.at]);
      }
    } while (output.length < sliceBytes && this.clock.monotonicMs() < deadline);
  }

  /** Visits one bucket. */
  private step({ number, identity, items, expiringItems }: DatabaseReport): void {
    const begins = this.cursor === 0;
    if (number !== this.selected) this.writer.select(number);
    this.selected = number;
    if (begins) this.writer.resize(items, expiringItems);
    this.cursor = this.store.scanIdentity(identity, this.cursor, withExpired, this);
    if (this.cursor === 0) this.at++;
  }

  private end(): void {
    this.finished = true;
    this.changed.clear();
    this.changedBytes = 0;
    if (this.journal !== undefined) this.writer.settles(this.journal.mark());
    this.writer.end();
  }

  /** Called by the store for each item of the walk. */
  visit(store: Store): void {
    const { keyBytes, keyStart, keyEnd, valueLength, expiresAt } = store;
    const changed = this.changed;
    if (changed.size > 0 && changed.has(nameOf(this.at, keyBytes, keyStart, keyEnd))) return;
    this.writer.item(keyBytes, keyStart, keyEnd, store, valueLength, expiresAt);
  }
}

function nameOf(at: number, key: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(at) + latin1(key, start, end);
}
