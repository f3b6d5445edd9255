// Room before locks: what the arguments of a command can add to the store is freed up before the command
// takes its locks, in the shard of its first key and then in others, so that nothing has to be evicted
// while they are held.
// Hot path: makeRoom() of a command with keys.

import type { Request } from "../../protocol/request.ts";
import type { Command } from "./command.ts";
import type { Context } from "./context.ts";
import { flag } from "./flags.ts";
import type { Transaction } from "./transaction-data.ts";

/** Headers, alignment and index entry of an item, generously: what room is made for beyond its bytes. */
const itemOverheadBytes = 64;

/** False when there is no room to be had. */
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

/** As much at once as leaves the store useful; what a larger transaction needs beyond it is an overdraft. */
function makeRoomForQueue({ store, now }: Context, { requests, bytes }: Transaction): boolean {
  if (requests.length === 0) return true;
  const { buf, start, end, argc } = requests[0];
  const key = Math.min(1, argc - 1);
  return store.makeRoom(buf, start[key], end[key], Math.min(bytes, store.limitBytes / 4), now);
}
