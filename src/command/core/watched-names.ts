// The name of a watched key, as the keys of a session's table have it: the character of its
// database, then the key as a latin1 string. One string is compact, and there may be many.
// Invariant: names are equal only for the same key of the same database.

import { latin1Bytes } from "../../base/bytes.ts";

export function watchedName(database: number, key: string): string {
  return String.fromCharCode(database) + key;
}

export function watchedDatabase(name: string): number {
  return name.charCodeAt(0);
}

export function watchedKey(name: string): Uint8Array {
  return latin1Bytes(name.slice(1));
}
