// A snapshot in the form in which a follower gets it: what goes before it, its slices, what goes behind.
// A feed knows no socket: the link takes the next piece when the one before is gone.
// Invariant: close() leaves no file behind, whenever it is called.
//
//   streamed  $EOF:<mark>\r\n slices <mark>     as the walk produces them; for `capa eof`
//   spooled   $<length>\r\n slices              from a temporary file, as the length must be known first

import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomReplid } from "../history.ts";
import type { Snapshot } from "../snapshot.ts";

const encoder = new TextEncoder();
const pieceBytes = 256 * 1024;

export interface SnapshotFeed {
  /** The follower finds the end by a mark, and nothing may follow it until it has said so. */
  readonly endsWithMark: boolean;
  /** The next bytes, valid until the next call; null after the last. */
  next(): Uint8Array | null | Promise<Uint8Array | null>;
  close(): Promise<void>;
}

export class StreamedFeed implements SnapshotFeed {
  readonly endsWithMark = true;
  readonly #snapshot: Snapshot;
  readonly #mark = encoder.encode(randomReplid());
  #phase: "head" | "slices" | "end" = "head";

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  next(): Uint8Array | null {
    if (this.#phase === "head") {
      this.#phase = "slices";
      return Buffer.concat([encoder.encode("$EOF:"), this.#mark, encoder.encode("\r\n")]);
    }
    if (this.#phase === "end") return null;
    const slice = this.#snapshot.next();
    if (slice !== null) return slice;
    this.#phase = "end";
    return this.#mark;
  }

  async close(): Promise<void> {}
}

export class SpooledFeed implements SnapshotFeed {
  readonly endsWithMark = false;
  /** Bytes of the snapshot. */
  readonly length: number;
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #piece = new Uint8Array(pieceBytes);
  #position = -1;

  private constructor(file: FileHandle, path: string, length: number) {
    this.#file = file;
    this.#path = path;
    this.length = length;
  }

  /**
   * Walks the store to the end into a temporary file. `isWanted` is asked between slices; null when it
   * says no.
   */
  static async spool(snapshot: Snapshot, isWanted: () => boolean): Promise<SpooledFeed | null> {
    const path = join(tmpdir(), `mscache-${randomReplid()}.rdb`);
    const file = await open(path, "wx+", 0o600);
    let length = 0;
    try {
      for (let slice = snapshot.next(); slice !== null; slice = snapshot.next()) {
        await writeAll(file, slice, length);
        length += slice.length;
        if (!isWanted()) {
          await remove(file, path);
          return null;
        }
      }
    } catch (error) {
      await remove(file, path);
      throw error;
    }
    return new SpooledFeed(file, path, length);
  }

  async next(): Promise<Uint8Array | null> {
    if (this.#position < 0) {
      this.#position = 0;
      return encoder.encode(`$${this.length}\r\n`);
    }
    if (this.#position === this.length) return null;
    const { bytesRead } = await this.#file.read(this.#piece, 0, pieceBytes, this.#position);
    if (bytesRead === 0) throw new Error(`${this.#path} lost bytes after ${this.#position}`);
    this.#position += bytesRead;
    return this.#piece.subarray(0, bytesRead);
  }

  close(): Promise<void> {
    return remove(this.#file, this.#path);
  }
}

/** A file may take less than it is given, on a disk that is nearly full above all. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const count = bytes.length - written;
    const { bytesWritten } = await file.write(bytes, written, count, position + written);
    written += bytesWritten;
  }
}

async function remove(file: FileHandle, path: string): Promise<void> {
  await file.close();
  await unlink(path);
}
