// The lock points of a node with several data threads: the shards of a command's keys are locked around
// its handler, all at once and ascending, and what may have changed while it waited is checked again.
// Walks (KEYS, SCAN) lock bucket by bucket inside the store instead, and with one thread nothing of this
// runs. Lock order: shards ascending, then the journal.
// Invariant: nothing that takes long or waits for another thread happens while a shard is held. A handler
// that throws leaves its locks held: either the process ends, or data-thread.ts gives them back.
// Hot path: no allocation, no try.

import { type ErrorReply, loading } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import {
  effectiveFlags,
  refused,
  type Transaction,
  type Watched,
} from "../transaction/transaction-queue.ts";
import { type Command, type Context, flag } from "./command.ts";
import { find } from "./registry.ts";
import { admit } from "./restrictions.ts";

/** Runs a command that execute() has checked and made room for. */
export function executeLocked(
  x: Context,
  command: Command,
  request: Request,
  reply: Reply,
): void | Promise<void> {
  if ((command.flags & flag.CONTROL) !== 0) return run(x, command, request, reply);
  const { store } = x;
  const { firstKey } = command;
  if ((effectiveFlags(x.session, command) & flag.WRITE) !== 0) x.effects.makeWay();
  if (firstKey !== 0 && firstKey === command.lastKey) {
    const { buf, start, end } = request;
    store.lock(buf, start[firstKey], end[firstKey]);
    runUnchanged(x, command, request, reply);
    store.unlock(buf, start[firstKey], end[firstKey]);
    return;
  }
  const taken = store.lockShards(shardsOf(x, command, request));
  const waiting = runUnchanged(x, command, request, reply);
  store.unlockShards(taken);
  return waiting;
}

function run(x: Context, command: Command, request: Request, reply: Reply): void | Promise<void> {
  command.calls++;
  return command.handler(x, request, reply);
}

/** Runs it unless the node has changed while this thread waited for the locks. */
function runUnchanged(
  x: Context,
  command: Command,
  request: Request,
  reply: Reply,
): void | Promise<void> {
  const refusal = changedMeanwhile(x, command);
  if (refusal !== null) return reply.error(refused(x.session, command, refusal));
  if (x.standing.restrictions !== 0 && !admit(x, command, reply)) return;
  return run(x, command, request, reply);
}

/** Runs a command of a transaction, which holds the locks: it was admitted with EXEC. */
export function runHeld(
  x: Context,
  command: Command,
  request: Request,
  reply: Reply,
): void | Promise<void> {
  const refusal = changedMeanwhile(x, command);
  if (refusal === null) return run(x, command, request, reply);
  reply.error(refused(x.session, command, refusal));
}

/** A bit for each shard of the command's keys; all for a write that names none, as FLUSHALL. */
function shardsOf(x: Context, command: Command, request: Request): number {
  const { store, session } = x;
  const { firstKey, lastKey, keyStep } = command;
  const { buf, start, end, argc } = request;
  if ((command.flags & flag.TRANSACTION) !== 0) {
    return session.transaction === null
      ? 0
      : shardsOfQueue(x, session.transaction, session.watched);
  }
  if (firstKey === 0) return (command.flags & flag.WRITE) === 0 ? 0 : store.allShards;
  const last = lastKey < 0 ? argc + lastKey : lastKey;
  let shards = 0;
  for (let i = firstKey; i <= last; i += keyStep) shards |= store.shardBit(buf, start[i], end[i]);
  return shards;
}

/**
 * The same for a transaction. All of them, where a command meets keys that it does not name; and where one
 * acts on the node, which it may do between the commands of all threads only: it would take them later,
 * with the journal held.
 */
export function shardsOfQueue(
  x: Context,
  { requests, flags }: Transaction,
  watched: Watched | null,
): number {
  const { store } = x;
  if ((flags & flag.CONTROL) !== 0) return store.allShards;
  let shards = 0;
  for (const { key } of watched?.keys.values() ?? []) shards |= store.shardBit(key, 0, key.length);
  for (const request of requests) {
    const command = find(request);
    if (command === undefined) continue;
    const isWalk = command.firstKey === 0 && (command.flags & flag.READONLY) !== 0;
    shards |= isWalk ? store.allShards : shardsOf(x, command, request);
  }
  return shards;
}

/** The role changes only while all shards are held; LOADING is set before the old data go, which takes them all. */
function changedMeanwhile({ session, standing }: Context, command: Command): ErrorReply | null {
  if (session.kind === "leader") return null;
  const flags = effectiveFlags(session, command);
  if ((flags & flag.WRITE) !== 0 && standing.isFollower) return standing.writeRefusal;
  return standing.isLoading && (flags & flag.LOADING) === 0 ? loading : null;
}
