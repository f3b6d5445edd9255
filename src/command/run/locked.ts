// Locking for a node with several data threads. The shards of a command's keys are locked around
// its handler, all of them up front and in ascending order, and the gate is checked again under the
// locks. Walks (KEYS, SCAN) lock bucket by bucket inside the store instead. With one thread none of
// this runs.
// Lock order: shards ascending, then the journal.
// Invariant: nothing slow and no wait for another thread happens under a shard lock. A handler that
// throws leaves its locks held: either the process ends, or data-thread.ts releases them.
// Hot path: no allocation, no try.

import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { firstShard } from "../../store/shard-locks.ts";
import type { Command } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { find } from "../core/registry.ts";
import { watchedDatabase, watchedKey } from "../core/watched-names.ts";
import { flag } from "../terms/flags.ts";
import type { Transaction, Watched } from "../terms/transaction-data.ts";
import { heldBack, judge } from "./gate.ts";
import { writesNothing } from "./promised-flags.ts";
import { type Outcome, refuse, run } from "./run-handler.ts";
import { effectiveFlags } from "./transaction-queue.ts";

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
  if ((command.flags & unlocked) !== 0) return runUnlocked(x, command, request, reply);
  const { store } = x;
  const { onlyKey } = command;
  if ((effectiveFlags(x.session, command) & hasEffects) !== 0) x.effects.makeWay();
  if (onlyKey !== 0) {
    const { buf, start, end } = request;
    store.lock(buf, start[onlyKey], end[onlyKey]);
    const outcome = runJudged(x, command, request, reply);
    store.unlock(buf, start[onlyKey], end[onlyKey]);
    return outcome;
  }
  const taken = lockKeys(x, command, request);
  const outcome = runJudged(x, command, request, reply);
  store.unlockShards(taken);
  return outcome;
}

/**
 * Runs a command that takes its locks itself. One that acts on the node begins under a lock that
 * keeps scripts out: or it would wait for the locks of a script, and go on in the middle of it when
 * the script is suspended.
 */
function runUnlocked(x: Context, command: Command, request: Request, reply: Reply): Outcome {
  if ((command.flags & (flag.CONTROL | flag.ALLOW_BUSY)) !== flag.CONTROL) {
    return run(x, command, request, reply);
  }
  const taken = x.store.lockShards(firstShard);
  const outcome = runJudged(x, command, request, reply);
  x.store.unlockShards(taken);
  return outcome;
}

/**
 * Locks the shards of a command's keys; again if these turn out to have others, because the
 * database was swapped or flushed meanwhile.
 */
function lockKeys(x: Context, command: Command, request: Request): number {
  const { store } = x;
  for (;;) {
    const { selections } = store.databases;
    const taken = store.lockShards(shardsOf(x, command, request));
    if (store.databases.selections === selections) return taken;
    store.unlockShards(taken);
  }
}

/** The same for the queue of a transaction, without the keys that it watches. */
export function lockQueue(x: Context, transaction: Transaction): number {
  const { store } = x;
  for (;;) {
    const { selections } = store.databases;
    const taken = store.lockShards(shardsOfQueue(x, transaction, null));
    if (store.databases.selections === selections) return taken;
    store.unlockShards(taken);
  }
}

/** Runs a command whose locks are held, unless the node changed while it waited for them. */
export function runJudged(x: Context, command: Command, request: Request, reply: Reply): Outcome {
  const flags = effectiveFlags(x.session, command);
  let verdict = judge(x, command, flags);
  if (verdict === heldBack && writesNothing(x, command, request)) {
    verdict = judge(x, command, flags & ~flag.MAY_REPLICATE);
  }
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
  if ((command.flags & flag.OTHER_DATABASE) !== 0) return store.allShards;
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
function shardsOfQueue(
  x: Context,
  { requests, flags }: Transaction,
  watched: Watched | null,
): number {
  const { store, session } = x;
  if ((flags & (flag.CONTROL | flag.OTHER_DATABASE)) !== 0) return store.allShards;
  let shards = 0;
  for (const name of watched?.keys.keys() ?? []) {
    if (watchedDatabase(name) !== session.database) return store.allShards;
    const key = watchedKey(name);
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
