// What commands that change data have in common: calls of the keyspace with the arguments of a
// request, which also write the reply to a refusal. Each assumes that the shards of the command's
// keys are locked. keyspace.ts keeps store and journal consistent.
// Hot path: no allocation.

import { type ErrorReply, keyTooLong, outOfMemory, valueTooLarge } from "../../base/errors.ts";
import { keyBytesMax } from "../../base/limits.ts";
import { EXPIRES, event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { STORED, type Store, TOO_LARGE } from "../../store/store.ts";
import type { Context } from "./context.ts";

/**
 * The time at which a write judges whether a key has expired. Commands from a leader are applied at
 * time 0: if our clock is ahead and we took a key for expired, the PERSIST that follows would be
 * lost. Reads use the clock on every node.
 */
export function writeMoment(x: Context): number {
  return x.session.kind === "leader" ? 0 : x.now;
}

/**
 * Stores argument `valueIndex` under argument `keyIndex`. `kind` is what readers of the event log
 * are told. On a refusal, replies and returns false.
 */
export function put(
  x: Context,
  request: Request,
  keyIndex: number,
  valueIndex: number,
  expiresAt: number,
  reply: Reply,
  kind: number,
): boolean {
  const { buf, start, end } = request;
  const valueStart = start[valueIndex];
  const valueEnd = end[valueIndex];
  return putBytes(x, request, keyIndex, buf, valueStart, valueEnd, expiresAt, 0, reply, kind);
}

/** Like put(), with a value that is not an argument. */
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
  kind: number,
): boolean {
  const { buf } = request;
  const start = request.start[keyIndex];
  const end = request.end[keyIndex];
  if (end - start > keyBytesMax) return refused(reply, keyTooLong);
  const result = x.keyspace.set(
    buf,
    start,
    end,
    value,
    valueStart,
    valueEnd,
    expiresAt,
    clientFlags,
    kind,
    x.now,
  );
  return result === STORED || refused(reply, storeError(result));
}

/**
 * Overwrites bytes of the value of argument `keyIndex` from `offset` on, with zeros up to there if
 * it is shorter; creates a missing key. The item is then the store's current one, and keeps its
 * expiry. On a refusal, replies and returns false.
 */
export function putRange(
  x: Context,
  request: Request,
  keyIndex: number,
  offset: number,
  bytes: Uint8Array,
  from: number,
  to: number,
  reply: Reply,
  kind: number,
): boolean {
  const { buf } = request;
  const start = request.start[keyIndex];
  const end = request.end[keyIndex];
  if (end - start > keyBytesMax) return refused(reply, keyTooLong);
  const now = writeMoment(x);
  const result = x.keyspace.setRange(buf, start, end, offset, bytes, from, to, now, kind);
  return result === STORED || refused(reply, storeError(result));
}

function refused(reply: Reply, error: ErrorReply): false {
  reply.error(error);
  return false;
}

/** Like put() for a SET, but if the expiry is in the past, deletes the key instead. */
export function putUntil(
  x: Context,
  request: Request,
  keyIndex: number,
  valueIndex: number,
  expiresAt: number,
  reply: Reply,
  kind: number,
): boolean {
  if (expiresAt === 0 || expiresAt > writeMoment(x)) {
    return put(x, request, keyIndex, valueIndex, expiresAt, reply, kind);
  }
  // Redis stores the value and lets it expire at its next look at the key.
  const { buf, start, end } = request;
  const existed = erase(x, request, keyIndex, event.QUIET);
  if (existed) tell(x, request, keyIndex, event.SET | EXPIRES);
  else x.keyspace.passBy(buf, start[keyIndex], end[keyIndex], event.SET | EXPIRES);
  tell(x, request, keyIndex, event.EXPIRED);
  return true;
}

/** Deletes the key at argument `index`. Returns whether it existed. */
export function erase(
  x: Context,
  request: Request,
  index: number,
  kind: number = event.DEL,
): boolean {
  const { buf, start, end } = request;
  return x.keyspace.delete(buf, start[index], end[index], writeMoment(x), kind);
}

/** Tells readers of the event log something about the key at argument `index`. */
export function tell(x: Context, { buf, start, end }: Request, index: number, kind: number): void {
  x.keyspace.tell(kind, buf, start[index], end[index]);
}

/** Tells them that the key at argument `index` was asked for and is not there. */
export function missed(x: Context, { buf, start, end }: Request, index: number): void {
  x.keyspace.missed(buf, start[index], end[index]);
}

/** Finds the key at argument `index` for a command that changes it. */
export function findForWrite(x: Context, request: Request, index: number): boolean {
  return x.store.find(request.buf, request.start[index], request.end[index], writeMoment(x));
}

/** Like findForWrite(), but also marks the item as used. */
export function readForWrite(x: Context, request: Request, index: number): boolean {
  return x.store.read(request.buf, request.start[index], request.end[index], writeMoment(x));
}

/**
 * Sets the expiry of the item found, 0 for none. Returns false if it must move and there is no
 * room.
 */
export function changeExpiry(
  x: Context,
  request: Request,
  index: number,
  expiresAt: number,
): boolean {
  const { buf, start, end } = request;
  return x.keyspace.setExpiry(buf, start[index], end[index], expiresAt);
}

/** Whether such an item exceeds the limits. A follower accepts whatever its leader accepted. */
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
 * A copy of the current item's value, for a command that changes the store while it uses the value.
 * Valid until the next call: all but the largest values share one array, as fresh arrays would pile
 * up because the collector hardly runs beside shared memory.
 */
export function copyValue(store: Store): Uint8Array {
  const length = store.valueLength;
  const target = length <= spare.length ? spare : new Uint8Array(length);
  if (length <= spareBytesMax) spare = target;
  store.copyTo(target, 0, 0, length);
  return target;
}
