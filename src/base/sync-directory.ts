// Makes the renaming of a file durable by flushing its directory; otherwise a power failure could
// undo it. The file is in its place when this is called, so a failure does not mean that it was
// not written, and has a class of its own. A system without such a call is no failure.

import * as fs from "node:fs";
import { promisify } from "node:util";
import { codeOf, reasonOf } from "./reason.ts";

/** The file has its new content, and may be the old one again after a power failure. */
export class NotDurableError extends Error {
  override readonly name = "NotDurableError";

  constructor(cause: unknown) {
    super(`the new file is in its place, but a power failure may undo that: ${reasonOf(cause)}`);
  }
}

/** The system calls used here; a test can make one of them fail. */
export type DirectoryDisk = Pick<typeof fs, "closeSync" | "fsyncSync" | "openSync">;

/** A directory may be writable and not readable. */
const unreadable = ["EACCES", "EPERM", "EISDIR"];
/** Some file systems, such as those of a network, flush no directories. */
const unsupported = ["EBADF", "EINVAL", "EISDIR", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"];

const fsync = promisify(fs.fsync);

/** For files that are written once in a while: this thread waits. */
export function syncDirectorySync(path: string, disk: DirectoryDisk = fs): void {
  const directory = openDirectory(path, disk);
  if (directory === null) return;
  try {
    disk.fsyncSync(directory);
  } catch (error) {
    throwUnless(unsupported, error);
  } finally {
    disk.closeSync(directory);
  }
}

/** The same without waiting for the disk; `flush` is how. */
export async function syncDirectory(path: string, flush: typeof fsync = fsync): Promise<void> {
  const directory = openDirectory(path, fs);
  if (directory === null) return;
  try {
    await flush(directory);
  } catch (error) {
    throwUnless(unsupported, error);
  } finally {
    fs.closeSync(directory);
  }
}

/** Null: it cannot be asked. */
function openDirectory(path: string, disk: DirectoryDisk): number | null {
  if (process.platform === "win32") return null; // has no such call
  try {
    return disk.openSync(path, "r");
  } catch (error) {
    throwUnless(unreadable, error);
    return null;
  }
}

function throwUnless(codes: readonly string[], error: unknown): void {
  if (!codes.includes(codeOf(error))) throw new NotDurableError(error);
}
