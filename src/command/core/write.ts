// What the commands that change data have in common: the keyspace's calls in terms of the arguments of a
// request, with refusals answered. They trust the dispatcher: the shards of all keys of the command are
// locked. How store and journal change together is keyspace.ts's business.
// Hot path: no allocation.

import { type ErrorReply, keyTooLong, outOfMemory, valueTooLarge } from "../../base/errors.ts";
import { keyBytesMax } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Store } from "../../store/store.ts";
import { STORED, TOO_LARGE } from "../../store/store.ts";
import type { Context } from "./context.ts";

/**
 * The moment by which a write judges whether a key still lives. What a leader sends is applied whatever
 * the time is here: were a key taken for expired because our clock is ahead, the PERSIST that follows
 * would be lost. Readers go by the clock on every node.
 */
export function writeMoment(x: Context): number {
  return x.session.kind === "leader" ? 0 : x.now;
}

/** Stores argument `valueIndex` under argument `keyIndex`; a refusal is answered, and false. */
export function put(
  x: Context,
  request: Request,
  keyIndex: number,
  valueIndex: number,
  expiresAt: number,
  reply: Reply,
): boolean {
  const { buf, start, end } = request;
  const valueStart = start[valueIndex];
  const valueEnd = end[valueIndex];
  return putBytes(x, request, keyIndex, buf, valueStart, valueEnd, expiresAt, 0, reply);
}

/** As put(), with the value from elsewhere. */
export function putBytes(
  x: Context,
  request: Request,
  keyIndex: number,
  value: Uint8Array,
  valueStart: number,
  valueEnd: number,
  expiresAt: number,
  clientFlags: number,
  reply: Reply,
): boolean {
  const { buf } = request;
  const start = request.start[keyIndex];
  const end = request.end[keyIndex];
  if (end - start > keyBytesMax) {
    reply.error(keyTooLong);
    return false;
  }
  const { keyspace } = x;
  const result = keyspace.set(buf, start, end, value, valueStart, valueEnd, expiresAt, clientFlags);
  if (result === STORED) return true;
  reply.error(storeError(result));
  return false;
}

/** As put(); a value whose time is past already is never seen: the key goes instead. */
export function putUntil(
  x: Context,
  request: Request,
  keyIndex: number,
  valueIndex: number,
  expiresAt: number,
  reply: Reply,
): boolean {
  if (expiresAt === 0 || expiresAt > writeMoment(x)) {
    return put(x, request, keyIndex, valueIndex, expiresAt, reply);
  }
  erase(x, request, keyIndex);
  return true;
}

/** Deletes the key at argument `index`; true if there was one. */
export function erase(x: Context, request: Request, index: number): boolean {
  return x.keyspace.delete(request.buf, request.start[index], request.end[index], writeMoment(x));
}

/** Finds the key at argument `index` for a command that changes it. */
export function findForWrite(x: Context, request: Request, index: number): boolean {
  return x.store.find(request.buf, request.start[index], request.end[index], writeMoment(x));
}

/** As findForWrite(), and the item counts as used. */
export function readForWrite(x: Context, request: Request, index: number): boolean {
  return x.store.read(request.buf, request.start[index], request.end[index], writeMoment(x));
}

/** Gives the item that was found a new expiry, 0 for none; false if there is no room for it to move. */
export function changeExpiry(
  x: Context,
  request: Request,
  index: number,
  expiresAt: number,
): boolean {
  const { buf, start, end } = request;
  return x.keyspace.setExpiry(buf, start[index], end[index], expiresAt);
}

/** Whether a node of these limits never takes such an item; a follower takes what its leader took. */
export function isTooLarge(x: Context, keyLength: number, valueLength: number): boolean {
  if (x.session.kind === "leader") return false;
  const { limitBytes, valueBytesMax } = x.store;
  const quarter = limitBytes / 4;
  return valueLength > valueBytesMax || valueLength > quarter || keyLength > quarter;
}

export function storeError(result: number): ErrorReply {
  return result === TOO_LARGE ? valueTooLarge : outOfMemory;
}

const spareBytesMax = 1024 * 1024;
let spare = new Uint8Array(4096);

/**
 * The value of the current item in memory of its own, for a command that changes the store before it is
 * done with the value. Good until the next call: fresh arrays would pile up, as the collector
 * hardly runs beside shared memory, so all but the largest values share one.
 */
export function copyValue(store: Store): Uint8Array {
  const length = store.valueLength;
  const target = length <= spare.length ? spare : new Uint8Array(length);
  if (length <= spareBytesMax) spare = target;
  store.copyTo(target, 0, 0, length);
  return target;
}
