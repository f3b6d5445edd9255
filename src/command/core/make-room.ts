// Makes room before locks are taken. It frees as many bytes as the arguments of a command can add
// to the store, in the shard of its first key and then in others, so that nothing must be evicted
// under locks.
// Hot path: makeRoom() of a command with keys.

import type { Request } from "../../protocol/request.ts";
import type { Command } from "./command.ts";
import type { Context } from "./context.ts";
import { flag } from "./flags.ts";
import type { Transaction } from "./transaction-data.ts";

/**
 * A generous estimate of the header, alignment and index entry of an item, in addition to its
 * bytes.
 */
const itemOverheadBytes = 64;

/** Returns false if no room can be made. */
export function makeRoom(x: Context, command: Command, request: Request): boolean {
  const { start, end, buf, argc } = request;
  const { transaction } = x.session;
  if ((command.flags & flag.TRANSACTION) !== 0) {
    return transaction === null || makeRoomForQueue(x, transaction);
  }
  const key = command.firstKey;
  const bytes = end[argc - 1] - start[key] + itemOverheadBytes * argc;
  return x.store.makeRoom(buf, start[key], end[key], bytes, x.now);
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
