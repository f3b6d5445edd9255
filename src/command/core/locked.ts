// Locking for a node with several data threads. The shards of a command's keys are locked around
// its handler, all of them up front and in ascending order, and the gate is checked again under the
// locks. Walks (KEYS, SCAN) lock bucket by bucket inside the store instead. With one thread none of
// this runs.
// Lock order: shards ascending, then the journal.
// Invariant: nothing slow and no wait for another thread happens under a shard lock. A handler that
// throws leaves its locks held: either the process ends, or data-thread.ts releases them.
// Hot path: no allocation, no try.

import { latin1Bytes } from "../../base/bytes.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { effectiveFlags } from "../transaction/transaction-queue.ts";
import type { Command } from "./command.ts";
import type { Context } from "./context.ts";
import { flag } from "./flags.ts";
import { judge } from "./gate.ts";
import { find } from "./registry.ts";
import { type Outcome, refuse, run } from "./run-handler.ts";
import type { Transaction, Watched } from "./transaction-data.ts";

/** Commands that may write to the journal. */
const hasEffects = flag.WRITE | flag.MAY_REPLICATE;
const unlocked = flag.CONTROL | flag.LONG;

/** Runs a command that execute() has admitted. */
export function executeLocked(
  x: Context,
  command: Command,
  request: Request,
  reply: Reply,
): Outcome {
  if ((command.flags & unlocked) !== 0) return run(x, command, request, reply);
  const { store } = x;
  const { firstKey } = command;
  if ((effectiveFlags(x.session, command) & hasEffects) !== 0) x.effects.makeWay();
  if (firstKey !== 0 && firstKey === command.lastKey) {
    const { buf, start, end } = request;
    store.lock(buf, start[firstKey], end[firstKey]);
    const outcome = runJudged(x, command, request, reply);
    store.unlock(buf, start[firstKey], end[firstKey]);
    return outcome;
  }
  const taken = store.lockShards(shardsOf(x, command, request));
  const outcome = runJudged(x, command, request, reply);
  store.unlockShards(taken);
  return outcome;
}

/** Runs a command whose locks are held, unless the node changed while it waited for them. */
export function runJudged(x: Context, command: Command, request: Request, reply: Reply): Outcome {
  const verdict = judge(x, command, effectiveFlags(x.session, command));
  if (verdict !== null) return refuse(x, command, verdict, reply);
  return run(x, command, request, reply);
}

/**
 * A bit for each shard of the command's keys; all bits for a write without keys, such as FLUSHALL.
 */
function shardsOf(x: Context, command: Command, request: Request): number {
  const { store, session } = x;
  const { buf, start, end } = request;
  if ((command.flags & flag.TRANSACTION) !== 0) {
    return session.transaction === null
      ? 0
      : shardsOfQueue(x, session.transaction, session.watched);
  }
  if (command.firstKey === 0) return (command.flags & flag.WRITE) === 0 ? 0 : store.allShards;
  const argc = command.keyArguments(request);
  let shards = 0;
  for (let at = command.nextKey(0, argc); at !== 0; at = command.nextKey(at, argc)) {
    shards |= store.shardBit(buf, start[at], end[at]);
  }
  return shards;
}

/**
 * The same for a transaction. It needs all shards if a command accesses keys that it does not name,
 * or if a command acts on the node: that one must exclude the commands of all threads, and it could
 * not lock the shards later, with the journal held.
 */
export function shardsOfQueue(
  x: Context,
  { requests, flags }: Transaction,
  watched: Watched | null,
): number {
  const { store } = x;
  if ((flags & flag.CONTROL) !== 0) return store.allShards;
  let shards = 0;
  for (const name of watched?.keys.keys() ?? []) {
    const key = latin1Bytes(name);
    shards |= store.shardBit(key, 0, key.length);
  }
  for (const request of requests) {
    const command = find(request);
    if (command === undefined) continue;
    const isWalk = command.firstKey === 0 && (command.flags & flag.READONLY) !== 0;
    shards |= isWalk ? store.allShards : shardsOf(x, command, request);
  }
  return shards;
}
