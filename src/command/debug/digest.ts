// The signatures of DEBUG DIGEST and DIGEST-VALUE, by redis 7.0's algorithm (`debug.c`), so that a
// Redis and a node of ours with the same data give the same: SHA-1 over key, type, value and
// whether there is an expiry, added up so that the order of keys does not matter. When an item
// expires is not part of it. Items that have expired do not count, wherever they still are.
// Invariant: a signature of all data is one of one moment, as all shards are locked meanwhile.

import type { Store } from "../../store/store.ts";
import type { ControlContext } from "../core/context.ts";
import { copyValue } from "../core/write.ts";

const digestBytes = 20;
const stringType = "\0\0\0\0";
const expiry = "!!expire!!";

/** Of all databases. The signature of an empty one is that of none. */
export function digestOfAll(x: ControlContext): string {
  const { store, keyspace, session } = x;
  const all = new Uint8Array(digestBytes);
  const taken = store.lockShards(store.allShards);
  for (let database = 0; database < store.databases.count; database++) {
    keyspace.select(database);
    addDatabase(all, x, database);
  }
  keyspace.select(session.database);
  store.unlockShards(taken);
  return Buffer.from(all).toString("hex");
}

/** Of the current item's value; null: there is none. */
export function digestOfValue(store: Store | null): string {
  const digest = new Uint8Array(digestBytes);
  if (store !== null) addValue(digest, store);
  return Buffer.from(digest).toString("hex");
}

function addDatabase(all: Uint8Array, { store, now }: ControlContext, database: number): void {
  const sum = new Uint8Array(digestBytes);
  const item = new Uint8Array(digestBytes);
  let items = 0;
  const visitor = {
    visit: (found: Store) => {
      item.fill(0);
      mix(item, found.keyBytes.slice(found.keyStart, found.keyEnd));
      addValue(item, found);
      combine(sum, sha1(item));
      items++;
    },
  };
  let cursor = 0;
  do {
    cursor = store.scan(cursor, now, visitor);
  } while (cursor !== 0);
  if (items === 0) return;
  const number = Buffer.alloc(4);
  number.writeUInt32BE(database);
  mix(all, number);
  combine(all, sum);
}

function addValue(digest: Uint8Array, store: Store): void {
  const { expiresAt, valueLength } = store;
  mix(digest, stringType);
  mix(digest, copyValue(store).subarray(0, valueLength));
  if (expiresAt !== 0) combine(digest, sha1(expiry));
}

/** Depends on the order of the calls. */
function mix(digest: Uint8Array, bytes: Uint8Array | string): void {
  combine(digest, sha1(bytes));
  digest.set(sha1(digest));
}

function combine(digest: Uint8Array, other: Uint8Array): void {
  for (let i = 0; i < digestBytes; i++) digest[i] ^= other[i];
}

function sha1(bytes: Uint8Array | string): Uint8Array {
  return Bun.SHA1.hash(bytes, new Uint8Array(digestBytes)) as Uint8Array;
}
