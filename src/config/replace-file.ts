// Replaces a configuration file atomically: writes a draft beside it and renames it when it is
// durable. If the draft cannot be created or renamed (a file that is itself a mount, a directory
// without write permission), it overwrites the file in place. It does not know settings.
// Invariants: after a failure the file is unchanged and no draft remains; only a NotDurableError
// says that it is the new one. The file keeps its mode and owner, but others than owner and group
// lose access when passwords are written. A new file and the draft are readable only by the owner,
// and the name of the draft cannot be guessed.

import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { syncDirectorySync } from "../base/sync-directory.ts";
import { writeAllSync } from "../base/write-all.ts";

/** The system calls used here; a test can make one of them fail. */
export type Disk = Pick<
  typeof fs,
  | "chmodSync"
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
/** Windows does not have this flag, and links are rare there. */
const noFollow = fs.constants.O_NOFOLLOW ?? 0;
const ownerOnly = 0o600;
/** What others than the owner and the group may do. */
const othersMode = 0o007;
const LF = 0x0a;

/** Reads a configuration file at startup. Throws a readable error for a directory or a socket. */
export function readConfigFile(path: string): string {
  const kind = oddKind(fs.statSync(path));
  // A pipe or a device can be read once, and a shell's `<(...)` is one of them.
  if (kind === "a directory" || kind === "a socket") throw new Error(`it is ${kind}`);
  return fs.readFileSync(path, "utf8");
}

/**
 * Replaces the bytes of the file at `path`, or of the target of a link, by the result of `change`.
 * If `isSecret`, asked after it, others than its owner and group can no longer read it.
 */
export function replaceFile(
  path: string,
  change: (before: Uint8Array) => Uint8Array,
  { disk = fs, isSecret = () => false }: { disk?: Disk; isSecret?: () => boolean } = {},
): void {
  const old = disk.statSync(path, { throwIfNoEntry: false });
  if (old === undefined) return replaceByDraft(path, change(new Uint8Array(0)), null, disk);
  const kind = oddKind(old);
  if (kind !== "") throw new Error(`${path} is ${kind} and not a regular file`);
  const target = disk.realpathSync(path);
  const before = disk.readFileSync(target);
  const after = change(before);
  if (before.equals(after)) return;
  if (isSecret()) old.mode &= ~othersMode;
  try {
    replaceByDraft(target, after, old, disk);
  } catch (error) {
    if (!isOfDraft(error)) throw error;
    if (isSecret()) shutOut(target, old.mode, disk);
    overwrite(target, before.length, after, disk);
  }
}

/** The kind of a file that is not a regular one, or an empty string. */
function oddKind(stats: fs.Stats): string {
  if (stats.isFile()) return "";
  if (stats.isDirectory()) return "a directory";
  if (stats.isSocket()) return "a socket";
  return stats.isFIFO() ? "a pipe" : "a device";
}

/** Whether the error concerns only the draft. A full disk would make both ways fail. */
function isOfDraft(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : "";
  return ["EBUSY", "EXDEV", "EACCES", "EPERM", "EROFS"].includes(String(code));
}

// ---- by a draft ---------------------------------------------------------------------------------

function replaceByDraft(target: string, bytes: Uint8Array, old: fs.Stats | null, disk: Disk): void {
  const draft = join(
    dirname(target),
    `.mscache-config-${crypto.getRandomValues(new Uint8Array(8)).toHex()}`,
  );
  // Fails if anything of that name exists, even a link.
  const file = disk.openSync(draft, O_WRONLY | O_CREAT | O_EXCL | noFollow, ownerOnly);
  try {
    writeDraft(file, bytes, old, disk);
    disk.renameSync(draft, target);
  } catch (error) {
    disk.rmSync(draft, { force: true });
    throw error;
  }
  syncDirectorySync(dirname(target), disk);
}

function writeDraft(file: number, bytes: Uint8Array, old: fs.Stats | null, disk: Disk): void {
  try {
    writeAllSync(file, bytes, 0, disk.writeSync);
    if (old !== null) inherit(file, old, disk);
    disk.fsyncSync(file);
  } finally {
    disk.closeSync(file);
  }
}

/** Owner before mode, because changing the owner may clear bits of the mode. */
function inherit(file: number, { uid, gid, mode }: fs.Stats, disk: Disk): void {
  const own = disk.fstatSync(file);
  if (own.uid !== uid || own.gid !== gid) disk.fchownSync(file, uid, gid);
  disk.fchmodSync(file, mode & 0o7777);
}

// ---- in place -----------------------------------------------------------------------------------

/**
 * Overwrites the file in place. A longer text first extends the file with empty lines, so that a
 * full disk fails before anything is lost. Then one write replaces everything, padded with empty
 * lines up to the old end if the text is shorter.
 */
function overwrite(target: string, lengthBefore: number, bytes: Uint8Array, disk: Disk): void {
  const file = disk.openSync(target, O_WRONLY | noFollow);
  try {
    if (bytes.length > lengthBefore) extend(file, lengthBefore, bytes.length, disk);
    const padded = new Uint8Array(Math.max(bytes.length, lengthBefore)).fill(LF);
    padded.set(bytes);
    writeAllSync(file, padded, 0, disk.writeSync);
    disk.fsyncSync(file);
    disk.ftruncateSync(file, bytes.length);
    disk.fsyncSync(file);
  } finally {
    disk.closeSync(file);
  }
}

/** For a file that stays in its place. */
function shutOut(target: string, mode: number, disk: Disk): void {
  try {
    disk.chmodSync(target, mode & 0o7777);
  } catch {
    // Only its owner can: who mounts a file that others may read has chosen that.
  }
}

function extend(file: number, from: number, to: number, disk: Disk): void {
  try {
    writeAllSync(file, new Uint8Array(to - from).fill(LF), from, disk.writeSync);
    disk.fsyncSync(file);
  } catch (error) {
    disk.ftruncateSync(file, from);
    throw error;
  }
}
