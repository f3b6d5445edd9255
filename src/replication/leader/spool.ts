// A snapshot in a temporary file, for followers that need its length before its first byte: one
// file for all that ask at about the same time. Each reads at its own pace; the walk ends early if
// none is left. It chooses no followers and sends nothing.
// Invariants: the file loses its name as soon as it is open, so that nothing remains even if this
// process is killed (on systems that do not allow that, the last reader removes it); it is closed
// with the last feed.

import { closeSync, openSync, read, unlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeAll } from "../../base/write-all.ts";
import { randomReplid } from "../history.ts";
import type { Snapshot } from "../snapshot.ts";
import type { SnapshotFeed } from "./snapshot-feed.ts";

const encoder = new TextEncoder();
const pieceBytes = 256 * 1024;
const readFrom = promisify(read);

export interface SpoolParts {
  /** Where the file may lie; the first that takes it. */
  readonly directories: readonly string[];
  readonly snapshot: Snapshot;
  /** The history and the offset that the snapshot belongs to. */
  readonly replid: string;
  readonly offset: number;
  /** Called between two slices: whether a follower still waits for it. */
  readonly isWanted: () => boolean;
  /** Resolves when the snapshot may end. */
  readonly afterGroup: (() => Promise<void>) | undefined;
}

export class Spool {
  readonly replid: string;
  readonly offset: number;
  readonly snapshot: Snapshot;
  /** The file with the whole snapshot; null if no follower waits any more. */
  readonly whole: Promise<SpoolFile | null>;
  isComplete = false;
  private readers = 0;

  constructor(parts: SpoolParts) {
    this.replid = parts.replid;
    this.offset = parts.offset;
    this.snapshot = parts.snapshot;
    this.whole = this.write(parts);
    this.whole.catch(() => {
      // The followers that await it get the error; there may be none left.
    });
  }

  /** Adds a reader; its feed begins when the file is complete. */
  feed(): SnapshotFeed {
    this.readers++;
    return new SpooledFeed(this.whole, () => this.left());
  }

  private async left(): Promise<void> {
    if (--this.readers === 0 && this.isComplete) (await this.whole)?.remove();
  }

  private async write(parts: SpoolParts): Promise<SpoolFile | null> {
    const { directories, snapshot, isWanted, afterGroup } = parts;
    const file = openIn(directories);
    try {
      for (let slice = snapshot.next(); slice !== null; slice = snapshot.next()) {
        await file.append(slice);
        if (!isWanted()) {
          file.remove();
          return null;
        }
      }
      await afterGroup?.();
    } catch (error) {
      file.remove();
      throw error;
    }
    this.isComplete = true;
    return file;
  }
}

class SpooledFeed implements SnapshotFeed {
  readonly endsWithMark = false;
  private readonly whole: Promise<SpoolFile | null>;
  private readonly left: () => Promise<void>;
  private readonly piece = new Uint8Array(pieceBytes);
  private position = -1;
  private isClosed = false;

  constructor(whole: Promise<SpoolFile | null>, left: () => Promise<void>) {
    this.whole = whole;
    this.left = left;
  }

  async next(): Promise<Uint8Array | null> {
    const file = await this.whole;
    if (file === null) return null;
    if (this.position < 0) {
      this.position = 0;
      return encoder.encode(`$${file.length}\r\n`);
    }
    if (this.position === file.length) return null;
    const count = await file.read(this.piece, this.position);
    this.position += count;
    return this.piece.subarray(0, count);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.left();
  }
}

/** Opens a file in the first directory that allows it. Throws the error of the last one. */
function openIn(directories: readonly string[]): SpoolFile {
  let problem: unknown = new Error("there is no directory for it");
  for (const directory of directories) {
    const path = join(directory, `mscache-${randomReplid()}.rdb`);
    try {
      return SpoolFile.open(path);
    } catch (error) {
      problem = error; // it may be read-only or full; the next one may work
    }
  }
  throw problem;
}

/** A file without a name. */
class SpoolFile {
  length = 0;
  private readonly file: number;
  /** The path, on systems where the name must stay until the file is closed. */
  private readonly path: string | null;

  private constructor(file: number, path: string | null) {
    this.file = file;
    this.path = path;
  }

  /** Synchronous: nothing else runs while the file has a name. */
  static open(path: string): SpoolFile {
    const file = openSync(path, "wx+", 0o600);
    try {
      unlinkSync(path);
      return new SpoolFile(file, null);
    } catch {
      // Windows keeps the name of an open file.
      return new SpoolFile(file, path);
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    await writeAll(this.file, bytes, this.length);
    this.length += bytes.length;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const { bytesRead } = await readFrom(this.file, target, 0, target.length, position);
    if (bytesRead === 0) throw new Error(`the spool has lost its bytes after ${position}`);
    return bytesRead;
  }

  remove(): void {
    closeSync(this.file);
    if (this.path !== null) unlinkSync(this.path);
  }
}
