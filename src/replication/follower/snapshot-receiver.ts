// Reads a snapshot from a leader's connection, in either framing, and passes on its items as they
// are, without eviction and expiry: a follower has what its leader has. Items that do not fit are
// counted.
// Invariant: exactly the bytes of the frame are consumed; the next byte belongs to the stream.
//
//   head --$<length>--> payload of that length --> done
//   head --$EOF:<mark>--> payload up to its own end --> the same 40 bytes again --> done
//
// Bare newlines may come before the head while the leader prepares.

import { latin1 } from "../../base/bytes.ts";
import { SyncError } from "../../base/errors.ts";
import { keyBytesMax, lineBytesMax } from "../../base/limits.ts";
import type { Logger } from "../../base/log.ts";
import { type RdbHandler, RdbReader, type RdbReaderOptions } from "../../rdb/reader.ts";
import { settlesAt } from "../../rdb/writer.ts";
import { skipNewlines } from "./newlines.ts";

const LF = 0x0a;
const markBytes = 40;

/** Where the items go. */
export interface SnapshotSink {
  /** Called after the head: items follow. */
  begin(): void;
  /** The items that follow are of this database. */
  select(database: number): void;
  /** The items are a state of the leader's once the stream up to this offset is applied. */
  settles?(offset: number): void;
  /** An item that is too long and is not put; without a range, its key is too long. */
  lacks?(key: Uint8Array, keyStart: number, keyEnd: number): void;
  /** Bytes of the payload as they came, when all that they hold was handed on. */
  payload?(bytes: Uint8Array): void;
  /** A library of functions; false if there are too many. */
  library?(bytes: Uint8Array, start: number, end: number): boolean;
  /** False if there is no room for the item. */
  put(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
  ): boolean;
}

export class SnapshotReceiver {
  /** Bytes of the payload: announced (-1 with EOF framing, or before the head) and received. */
  totalBytes = -1;
  receivedBytes = 0;
  /** Items that the store did not take. */
  refused = 0;
  /** The database that the stream after the snapshot has selected. */
  streamDatabase = 0;
  readonly reader: RdbReader;
  private readonly sink: SnapshotSink;
  private phase: "head" | "payload" | "mark" | "done" = "head";
  private line = "";
  private mark: string | null = null;
  private seenMark = "";

  constructor(sink: SnapshotSink, options: RdbReaderOptions = {}) {
    this.sink = sink;
    const handler: RdbHandler = {
      select: (database) => this.sink.select(database),
      item: (key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt) =>
        this.item(key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt),
      refused: (key, keyStart, keyEnd) => {
        this.refused++;
        this.sink.lacks?.(key, keyStart, keyEnd);
      },
      auxiliary: (name, value) => this.auxiliary(name, value),
      library: (bytes, start, end) => this.sink.library?.(bytes, start, end) ?? false,
    };
    this.reader = new RdbReader(handler, options);
  }

  get done(): boolean {
    return this.phase === "done";
  }

  get usesMark(): boolean {
    return this.mark !== null;
  }

  /** Says what of the snapshot this node does not have. */
  warnOfLosses(log: Logger): void {
    const kinds = [...this.reader.skipped].map(([kind, count]) => `${count} ${kind}`);
    if (kinds.length > 0) {
      log.warn(`the leader's snapshot has data that this cache cannot hold: ${kinds.join(", ")}`);
    }
    if (this.refused > 0) {
      log.error(`${this.refused} items of the leader do not fit into this node`);
    }
  }

  /** Takes bytes from `start` on; returns where the snapshot ended, or the chunk's length. */
  push(chunk: Uint8Array, start: number): number {
    let at = start;
    while (at < chunk.length && this.phase !== "done") {
      if (this.phase === "head") at = this.head(chunk, at);
      else if (this.phase === "payload") at = this.payload(chunk, at);
      else at = this.endMark(chunk, at);
    }
    return at;
  }

  private head(chunk: Uint8Array, start: number): number {
    const from = this.line === "" ? skipNewlines(chunk, start) : start;
    const end = chunk.indexOf(LF, from);
    const stop = end < 0 ? chunk.length : end;
    this.line += latin1(chunk, from, stop);
    if (this.line.length > lineBytesMax) throw new SyncError("the snapshot's head has no end");
    if (end < 0) return stop;
    const line = this.line.replace(/\r$/, "");
    this.line = "";
    if (line !== "") this.begin(line);
    return end + 1;
  }

  private begin(line: string): void {
    const marked = /^\$EOF:(.{40})$/.exec(line);
    const counted = /^\$(\d{1,15})$/.exec(line);
    if (marked !== null) this.mark = marked[1];
    else if (counted !== null) this.totalBytes = Number(counted[1]);
    else throw new SyncError(`instead of a snapshot the leader sent ${line}`);
    this.phase = "payload";
    this.sink.begin();
  }

  private payload(chunk: Uint8Array, start: number): number {
    const isCounted = this.mark === null;
    const left = isCounted ? this.totalBytes - this.receivedBytes : Number.POSITIVE_INFINITY;
    const end = Math.min(chunk.length, start + left);
    const taken = this.reader.push(chunk, start, end);
    this.receivedBytes += taken;
    this.sink.payload?.(chunk.subarray(start, start + taken));
    if (isCounted) this.checkCount(end - start - taken);
    if (this.reader.done) this.phase = isCounted ? "done" : "mark";
    return start + taken;
  }

  private checkCount(surplus: number): void {
    if (surplus > 0) throw new SyncError(`${surplus} bytes follow the snapshot's end`);
    if (this.receivedBytes === this.totalBytes) this.reader.finish();
    else if (this.reader.done) throw new SyncError("the snapshot is shorter than announced");
  }

  private endMark(chunk: Uint8Array, start: number): number {
    const end = Math.min(chunk.length, start + markBytes - this.seenMark.length);
    this.seenMark += latin1(chunk, start, end);
    if (this.seenMark.length < markBytes) return end;
    if (this.seenMark !== this.mark) throw new SyncError("the snapshot's end mark is wrong");
    this.phase = "done";
    return end;
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
    const fits =
      keyEnd - keyStart <= keyBytesMax &&
      this.sink.put(key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt);
    if (!fits) this.refused++;
  }

  private auxiliary(name: string, value: string): void {
    if (name === "repl-stream-db") this.streamDatabase = Number(value) || 0;
    if (name === settlesAt) this.sink.settles?.(Number(value) || 0);
  }
}
