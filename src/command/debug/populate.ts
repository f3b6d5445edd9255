// DEBUG POPULATE: makes many keys at once, as redis 7.0 names them and fills them. Keys that exist
// stay. It works at one stretch, as Redis does, and locks one shard at a time. Unlike Redis's, the
// keys go to followers as well, whose data would otherwise be others than their leader's.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { errorReply, keyTooLong, loading, outOfMemory } from "../../base/errors.ts";
import { keyBytesMax } from "../../base/limits.ts";
import { CREATED, event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { STORED } from "../../store/store.ts";
import type { ControlContext } from "../core/context.ts";
import { isTooLarge, storeError } from "../core/write.ts";

const notPositive = errorReply("value is out of range, must be positive");
/** A generous estimate of the header and the index entry of an item. */
const itemOverheadBytes = 64;
const encoder = new TextEncoder();

export function populate(x: ControlContext, request: Request, reply: Reply): void {
  const count = positiveAt(request, 2, 0);
  const size = positiveAt(request, 4, 0);
  if (count === NOT_AN_INTEGER || size === NOT_AN_INTEGER) return reply.error(notPositive);
  const prefix = request.argc > 3 ? request.bytes(3) : encoder.encode("key");
  const longest = prefix.length + 1 + String(count).length;
  if (longest > keyBytesMax) return reply.error(keyTooLong);
  if (isTooLarge(x, longest, size)) return reply.error(storeError(0));
  if (x.standing.isFollower) return reply.error(x.standing.writeRefusal);
  if (x.standing.isLoading) return reply.error(loading);
  for (let i = 0; i < count; i++) {
    if (!add(x, named(prefix, i), filled(i, size))) return reply.error(outOfMemory);
  }
  reply.ok();
}

function positiveAt({ argc, buf, start, end }: Request, index: number, missing: number): number {
  if (index >= argc) return missing;
  const value = readInteger(buf, start[index], end[index]);
  return value < 0 ? NOT_AN_INTEGER : value;
}

function named(prefix: Uint8Array, number: number): Uint8Array {
  return Buffer.concat([prefix, encoder.encode(`:${number}`)]);
}

/** Cut or filled with zeros to the size, if one is given. */
function filled(number: number, size: number): Uint8Array {
  const text = encoder.encode(`value:${number}`);
  if (size === 0) return text;
  const value = new Uint8Array(size);
  value.set(text.subarray(0, size));
  return value;
}

function add(x: ControlContext, key: Uint8Array, value: Uint8Array): boolean {
  const { store, keyspace, effects } = x;
  const { length } = key;
  if (!store.makeRoom(key, 0, length, length + value.length + itemOverheadBytes, x.now)) {
    return false;
  }
  effects.makeWay();
  const taken = store.lockShards(store.shardBit(key, 0, length));
  const isThere = store.find(key, 0, length, x.now);
  const kind = event.SET | CREATED;
  const result = isThere
    ? STORED
    : keyspace.set(key, 0, length, value, 0, value.length, 0, 0, kind, x.now);
  store.unlockShards(taken);
  return result === STORED;
}
