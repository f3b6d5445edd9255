// A file that appears under its name only when it is whole: it is written under another name beside
// it, made durable, and renamed. A process that is killed leaves the other name behind.
// Invariant: whatever fails, the file of that name is what it was before.

import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { reasonOf } from "../base/reason.ts";
import { syncDirectory } from "../base/sync-directory.ts";
import { writeAll } from "../base/write-all.ts";
import { MoveError } from "./move-error.ts";

/** What clients stored is for its owner alone. */
const fileMode = 0o600;

export class NewFile implements AsyncDisposable {
  private readonly path: string;
  private readonly temporary: string;
  private readonly file: FileHandle;
  private length = 0;
  private isOpen = true;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.path = path;
    this.temporary = temporary;
    this.file = file;
  }

  /** Rejects with a MoveError, as the other methods do. */
  static async create(path: string): Promise<NewFile> {
    const temporary = `${path}.${process.pid}.tmp`;
    const there = await stat(path).catch(() => null); // opening it says what is wrong
    if (there !== null && !there.isFile()) {
      throw new MoveError(`${path} is not a regular file; - writes to standard output`);
    }
    return await telling(path, async () => {
      await rm(temporary, { force: true });
      return new NewFile(path, temporary, await open(temporary, "wx", fileMode));
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    await telling(this.path, () => writeAll(this.file.fd, bytes, this.length));
    this.length += bytes.length;
  }

  /** The file is whole: gives it its name. */
  async complete(): Promise<void> {
    await telling(this.path, async () => {
      await this.file.sync();
      await this.close();
      await rename(this.temporary, this.path);
      await syncDirectory(dirname(this.path));
    });
  }

  /** Removes what is not whole. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await rm(this.temporary, { force: true });
  }

  private async close(): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    await this.file.close();
  }
}

async function telling<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new MoveError(`cannot write ${path}: ${reasonOf(error)}`);
  }
}
