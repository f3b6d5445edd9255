// Replaces a configuration file as a whole: by a draft beside it that takes its name once it is
// durable, or in place where a draft cannot be made or take the name (a file that is mounted by
// itself, a directory that may not be written to). It knows no settings.
// Invariants: whatever fails, the file is as it was and no draft is left; it keeps its mode and its
// owner, and a new one is its owner's alone, as is the draft, whose name nobody can guess: there
// are passwords in it.

import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { dirname, join } from "node:path";

/** The calls that are made; a test may let one of them fail. */
export type Disk = Pick<
  typeof fs,
  | "closeSync"
  | "fchmodSync"
  | "fchownSync"
  | "fstatSync"
  | "fsyncSync"
  | "ftruncateSync"
  | "openSync"
  | "readFileSync"
  | "realpathSync"
  | "renameSync"
  | "rmSync"
  | "statSync"
  | "writeSync"
>;

const { O_CREAT, O_EXCL, O_WRONLY } = fs.constants;
/** Windows has no such flag, and hardly any links. */
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const ownerOnly = 0o600;
const LF = 0x0a;

/** Reads a configuration file at the start; what it may not be is told in words. */
export function readConfigFile(path: string): string {
  const kind = oddKind(fs.statSync(path));
  // Pipes and devices can be read once, and a shell's `<(...)` is one.
  if (kind === "a directory" || kind === "a socket") throw new Error(`it is ${kind}`);
  return fs.readFileSync(path, "utf8");
}

/**
 * Gives the file at `path`, or the one that it links to, the bytes that `change` makes of the
 * present ones.
 */
export function replaceFile(
  path: string,
  change: (before: Uint8Array) => Uint8Array,
  disk: Disk = fs,
): void {
  const old = disk.statSync(path, { throwIfNoEntry: false });
  if (old === undefined) return replaceByDraft(path, change(new Uint8Array(0)), null, disk);
  const kind = oddKind(old);
  if (kind !== "") throw new Error(`${path} is ${kind} and not a regular file`);
  const target = disk.realpathSync(path);
  const before = disk.readFileSync(target);
  const after = change(before);
  if (before.equals(after)) return;
  try {
    replaceByDraft(target, after, old, disk);
  } catch (error) {
    if (!isOfDraft(error)) throw error;
    overwrite(target, before.length, after, disk);
  }
}

/** What else than a regular file it is, or nothing. */
function oddKind(stats: fs.Stats): string {
  if (stats.isFile()) return "";
  if (stats.isDirectory()) return "a directory";
  if (stats.isSocket()) return "a socket";
  return stats.isFIFO() ? "a pipe" : "a device";
}

/**
 * What stands in the way of a draft and not of the file itself. A full disk stands in the way of
 * both.
 */
function isOfDraft(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : "";
  return ["EBUSY", "EXDEV", "EACCES", "EPERM", "EROFS"].includes(String(code));
}

// ---- by a draft ---------------------------------------------------------------------------------

function replaceByDraft(target: string, bytes: Uint8Array, old: fs.Stats | null, disk: Disk): void {
  const draft = join(dirname(target), `.mscache-config-${randomBytes(8).toString("hex")}`);
  // Nothing of that name may be there, and no link.
  const file = disk.openSync(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, ownerOnly);
  try {
    writeDraft(file, bytes, old, disk);
    disk.renameSync(draft, target);
  } catch (error) {
    disk.rmSync(draft, { force: true });
    throw error;
  }
  syncDirectory(dirname(target), disk);
}

function writeDraft(file: number, bytes: Uint8Array, old: fs.Stats | null, disk: Disk): void {
  try {
    writeAll(file, bytes, 0, disk);
    if (old !== null) inherit(file, old, disk);
    disk.fsyncSync(file);
  } finally {
    disk.closeSync(file);
  }
}

/** Owner before mode: a change of the owner may take bits of the mode away. */
function inherit(file: number, { uid, gid, mode }: fs.Stats, disk: Disk): void {
  const own = disk.fstatSync(file);
  if (own.uid !== uid || own.gid !== gid) disk.fchownSync(file, uid, gid);
  disk.fchmodSync(file, mode & 0o7777);
}

/** Until then the new name could be lost with the power. */
function syncDirectory(path: string, disk: Disk): void {
  if (process.platform === "win32") return; // opens no directories
  let directory: number;
  try {
    directory = disk.openSync(path, "r");
  } catch {
    return; // who may write to a directory may not always read it; the file is in its place
  }
  try {
    disk.fsyncSync(directory);
  } finally {
    disk.closeSync(directory);
  }
}

// ---- in place -----------------------------------------------------------------------------------

/**
 * The room that a longer text needs is taken first, as empty lines. Then one write replaces
 * everything, with empty lines up to the old end where the text got shorter.
 */
function overwrite(target: string, lengthBefore: number, bytes: Uint8Array, disk: Disk): void {
  const file = disk.openSync(target, O_WRONLY | O_NOFOLLOW);
  try {
    if (bytes.length > lengthBefore) extend(file, lengthBefore, bytes.length, disk);
    const padded = new Uint8Array(Math.max(bytes.length, lengthBefore)).fill(LF);
    padded.set(bytes);
    writeAll(file, padded, 0, disk);
    disk.fsyncSync(file);
    disk.ftruncateSync(file, bytes.length);
    disk.fsyncSync(file);
  } finally {
    disk.closeSync(file);
  }
}

function extend(file: number, from: number, to: number, disk: Disk): void {
  try {
    writeAll(file, new Uint8Array(to - from).fill(LF), from, disk);
    disk.fsyncSync(file);
  } catch (error) {
    disk.ftruncateSync(file, from);
    throw error;
  }
}

function writeAll(file: number, bytes: Uint8Array, position: number, disk: Disk): void {
  for (let done = 0; done < bytes.length; ) {
    done += disk.writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}
