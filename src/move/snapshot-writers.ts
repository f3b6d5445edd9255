// What an export makes of a snapshot while it arrives: the same bytes, a snapshot of the wanted
// items alone, or lines of JSON. None of them checks anything: the receiver reads the whole
// snapshot and its checksum, whatever is made of it.

import { wallClockMs } from "../base/clock.ts";
import { mscacheVersion } from "../base/version.ts";
import { RdbWriter } from "../rdb/writer.ts";
import type { SnapshotSink } from "../replication/follower/snapshot-receiver.ts";
import { writeItem } from "./json-item.ts";
import type { Choice, MovedItem } from "./moved-item.ts";
import type { Spout } from "./spout.ts";

const flushBytes = 128 * 1024;
const flushLines = 64 * 1024;

export interface SnapshotWriter extends SnapshotSink {
  /** Items written; -1: all. */
  readonly written: number;
  /** The snapshot is complete. */
  end(): void;
}

/** The bytes as the server sent them. */
export class CopyingWriter implements SnapshotWriter {
  readonly written = -1;
  private readonly spout: Spout;

  constructor(spout: Spout) {
    this.spout = spout;
  }

  begin(): void {}
  select(): void {}

  put(): boolean {
    return true;
  }

  library(): boolean {
    return true;
  }

  /** A copy: the receiver's chunk is freed. */
  payload(bytes: Uint8Array): void {
    this.spout.put(new Uint8Array(bytes));
  }

  end(): void {}
}

/** What the two writers of items share. */
abstract class ItemWriter implements SnapshotWriter {
  written = 0;
  protected readonly spout: Spout;
  private readonly choice: Choice;
  private database = 0;

  constructor(spout: Spout, choice: Choice) {
    this.spout = spout;
    this.choice = choice;
  }

  begin(): void {}

  select(database: number): void {
    this.database = database;
  }

  put(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
  ): boolean {
    const { database } = this;
    const isOver = expiresAt !== 0 && expiresAt <= wallClockMs();
    if (isOver || !this.choice.takes(database, key, keyStart, keyEnd)) return true;
    this.written++;
    this.item({
      ...{ database, expiresAt },
      key: key.subarray(keyStart, keyEnd),
      value: value.subarray(valueStart, valueEnd),
    });
    return true;
  }

  abstract end(): void;
  protected abstract item(item: MovedItem): void;
}

/** A snapshot with the wanted strings alone. */
export class FilteringWriter extends ItemWriter {
  private readonly writer = new RdbWriter();
  private selected = -1;

  override begin(): void {
    this.writer.header({
      ...{ serverVersion: mscacheVersion, createdAtMs: wallClockMs() },
      ...{ replid: "", offset: 0, streamDatabase: 0, usedMemoryBytes: 0 },
    });
  }

  override end(): void {
    this.writer.end();
    this.flush();
  }

  protected override item({ database, key, value, expiresAt }: MovedItem): void {
    const { writer } = this;
    if (database !== this.selected) writer.select(database);
    this.selected = database;
    const source = {
      copyTo: (target: Uint8Array, at: number, from: number, length: number) =>
        target.set(value.subarray(from, from + length), at),
    };
    writer.item(key, 0, key.length, source, value.length, expiresAt);
    if (writer.output.length >= flushBytes) this.flush();
  }

  private flush(): void {
    this.writer.sum();
    this.spout.put(this.writer.output.view().slice());
    this.writer.clear();
  }
}

export class JsonWriter extends ItemWriter {
  private readonly encoder = new TextEncoder();
  private lines: string[] = [];
  private characters = 0;

  override end(): void {
    this.spout.put(this.encoder.encode(this.lines.join("")));
    this.lines = [];
    this.characters = 0;
  }

  protected override item(item: MovedItem): void {
    const line = writeItem(item);
    this.lines.push(line);
    this.characters += line.length;
    if (this.characters >= flushLines) this.end();
  }
}
