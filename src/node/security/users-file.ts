// The file of users for ACL LOAD and ACL SAVE: read whole, and replaced atomically. It does not
// know its format (command/acl/user-lines.ts); text has one character per byte.
// Invariant: what is written can be read by its owner alone, because it has hashes of passwords.

import { chmodSync, readFileSync, statSync } from "node:fs";
import { latin1, latin1Bytes } from "../../base/bytes.ts";
import { usersFileBytesMax } from "../../base/limits.ts";
import { replaceFile } from "../../config/replace-file.ts";

const ownerOnly = 0o600;

/** Throws an error with a reason for people. */
export function readUsersFile(path: string): string {
  const stats = statSync(path);
  if (stats.isDirectory()) throw new Error("it is a directory");
  if (stats.size > usersFileBytesMax)
    throw new Error(`it has more than ${usersFileBytesMax} bytes`);
  return latin1(readFileSync(path));
}

/** Throws the system's error; the file is then as it was, but for its mode. */
export function writeUsersFile(path: string, text: string): void {
  const present = statSync(path, { throwIfNoEntry: false });
  // The new file inherits the mode of the old one.
  if (present !== undefined && (present.mode & 0o777) !== ownerOnly) chmodSync(path, ownerOnly);
  replaceFile(path, () => latin1Bytes(text));
}
