// Replaces a snapshot file: the new one is written beside it, made durable, and only then renamed.
// It does not know what the bytes mean, nor when they are due.
// Invariants: the file of that name is always the last complete snapshot, whenever the process is
// killed or the disk is full; a process leaves at most one unfinished file, named after the
// snapshot and its pid, and the next start removes it.

import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { codeOf, reasonOf } from "../base/reason.ts";
import { syncDirectory } from "../base/sync-directory.ts";
import { writeAll } from "../base/write-all.ts";

/** Why a snapshot cannot be saved or loaded, in one sentence for people. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

export interface Slices {
  /** The next bytes, valid until the next call; null after the last. */
  next(): Uint8Array | null;
}

/** Only the owner may read what clients stored. */
const fileMode = 0o600;

/**
 * Replaces the file at `path` with these bytes and returns their number. A failure or the signal
 * leaves the file as it was; only after a NotDurableError it is the new one.
 */
export async function replaceFile(
  path: string,
  slices: Slices,
  signal: AbortSignal,
  sync: (directory: string) => Promise<void> = syncDirectory,
): Promise<number> {
  const unfinished = unfinishedPath(path);
  await requireRegular(path);
  let bytes: number;
  try {
    bytes = await writeDurably(unfinished, slices, signal);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {
      // The next save or start removes it.
    });
    throw error;
  }
  await sync(dirname(path));
  return bytes;
}

/**
 * Rejects if the name is not a regular file: a pipe could be read without end, a device be
 * replaced.
 */
export async function requireRegular(path: string): Promise<void> {
  const there = await stat(path).catch(() => null); // opening it will report what is wrong
  if (there === null || there.isFile()) return;
  const kind = there.isDirectory() ? "a directory" : "a pipe, a socket or a device";
  throw new SnapshotError(`it is ${kind} and not a regular file`);
}

/**
 * An unfinished file of a process that has ended, and why it could not be removed; empty if it was.
 */
export interface Leftover {
  readonly name: string;
  readonly problem: string;
}

/** Removes the unfinished files of processes that have ended, where that is possible. */
export async function removeUnfinished(path: string): Promise<Leftover[]> {
  const directory = dirname(path);
  const names = (await readdir(directory)).filter((name) => isAbandoned(name, basename(path)));
  const leftovers = names.map(async (name) => {
    const removed = rm(join(directory, name), { force: true }).then(() => "");
    return { name, problem: await removed.catch(reasonOf) };
  });
  return Promise.all(leftovers);
}

/**
 * Why no file can be written beside the snapshot; null: one can. It tries, because permissions do
 * not tell of a file system that is read-only, say.
 */
export async function obstacleToSaving(path: string): Promise<string | null> {
  const unfinished = unfinishedPath(path);
  try {
    const file = await createUnfinished(unfinished);
    await file.close();
    await rm(unfinished);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

function unfinishedPath(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/** The name can be guessed: a file or a link that another user put there must not be written to. */
async function createUnfinished(path: string): Promise<FileHandle> {
  await rm(path, { force: true });
  return open(path, "wx", fileMode);
}

/** Another node with the same path, given by mistake, may be writing its own file right now. */
function isAbandoned(name: string, snapshotName: string): boolean {
  if (!name.startsWith(`${snapshotName}.`)) return false;
  const [, pid] = /^\.(\d+)\.tmp$/.exec(name.slice(snapshotName.length)) ?? [];
  return pid !== undefined && (Number(pid) === process.pid || !isAlive(Number(pid)));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

async function writeDurably(path: string, slices: Slices, signal: AbortSignal): Promise<number> {
  const file = await createUnfinished(path);
  try {
    let length = 0;
    for (let slice = slices.next(); slice !== null; slice = slices.next()) {
      await writeAll(file.fd, slice, length);
      length += slice.length;
      signal.throwIfAborted();
    }
    await file.sync();
    return length;
  } finally {
    await file.close();
  }
}
