// Makes room before locks are taken. It frees as many bytes as a command can add to the store, in
// the shard of its first key and then in others, so that nothing must be evicted under locks. That
// is the length of its arguments; a row with `growth` adds what does not follow from them.
// Hot path: makeRoom() of a command with keys.

import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { isTooLarge } from "../core/write.ts";
import { flag } from "../terms/flags.ts";
import type { Transaction } from "../terms/transaction-data.ts";

/**
 * A generous estimate of the header, alignment and index entry of an item, in addition to its
 * bytes.
 */
const itemOverheadBytes = 64;

/** What a value may grow by without a look at its length: writes overdraw by more than that. */
const smallGrowthBytes = 16 * 1024;

/** Returns false if no room can be made. */
export function makeRoom(x: Context, command: Command, request: Request): boolean {
  const { start, end, buf, argc } = request;
  const { transaction } = x.session;
  const { flags } = command;
  if ((flags & flag.TRANSACTION) !== 0) {
    return transaction === null || makeRoomForQueue(x, transaction);
  }
  const key = command.firstKey;
  let bytes = end[argc - 1] - start[key] + itemOverheadBytes * argc;
  if (bytes > smallGrowthBytes && isRefused(x, request)) return true;
  if ((flags & flag.GROWS) !== 0) bytes += command.row.growth?.(x, request) ?? 0;
  return x.store.makeRoom(buf, start[key], end[key], bytes, x.now);
}

/**
 * Whether an argument is longer than any value may be. The command refuses it, and must not cost
 * the cache a part of its items before.
 */
function isRefused(x: Context, request: Request): boolean {
  for (let i = 1; i < request.argc; i++) {
    if (isTooLarge(x, 0, request.length(i))) return true;
  }
  return false;
}

/**
 * The bytes by which the value of argument `index` must grow to reach to `end`; 0 if that is little
 * or will be refused.
 */
export function growthTo(x: Context, request: Request, index: number, end: number): number {
  if (end <= smallGrowthBytes || isTooLarge(x, request.length(index), end)) return 0;
  return Math.max(0, end - lengthBefore(x, request, index));
}

/** The length of the value of argument `index`, before the command takes its locks. */
export function lengthBefore({ store, now }: Context, request: Request, index: number): number {
  const { buf, start, end } = request;
  store.lock(buf, start[index], end[index]);
  const length = store.find(buf, start[index], end[index], now) ? store.valueLength : 0;
  store.unlock(buf, start[index], end[index]);
  return length;
}

/**
 * At most a quarter of the limit, so that the store stays useful; a larger transaction overdraws.
 */
function makeRoomForQueue({ store, now }: Context, { requests, bytes }: Transaction): boolean {
  if (requests.length === 0) return true;
  const { buf, start, end, argc } = requests[0];
  const key = Math.min(1, argc - 1);
  return store.makeRoom(buf, start[key], end[key], Math.min(bytes, store.limitBytes / 4), now);
}
