// Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH. Replies and error texts are those of redis
// 7.0 `multi.c` and `server.c` (processCommand). EXEC runs under the locks of all shards that its
// commands need (locked.ts), and its effects are one group in the journal, so that neither threads
// nor followers see a part of it; a script that is suspended in it keeps others out. The exception
// is a control command that waits for other threads: no lock is held across that, so the commands
// before and after it form two groups.
// Invariant: however a transaction ends, the connection has left it and its locks and group are
// released.

import { latin1 } from "../../base/bytes.ts";
import { monotonicMs } from "../../base/clock.ts";
import { assert, ErrorReply, errorReply, keyTooLong } from "../../base/errors.ts";
import { keyBytesMax, watchedBytesMax, watchedKeysMax } from "../../base/limits.ts";
import { NullReply } from "../../protocol/null-reply.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { Context, Ending } from "../core/context.ts";
import { family } from "../core/family.ts";
import { find } from "../core/registry.ts";
import { watchedName } from "../core/watched-names.ts";
import { admit } from "../run/execute.ts";
import { heldBack, restriction } from "../run/gate.ts";
import { lockQueue, runJudged } from "../run/locked.ts";
import { writesNothing } from "../run/promised-flags.ts";
import { add, begin, end, fail, refused } from "../run/transaction-queue.ts";
import { flag } from "../terms/flags.ts";
import type { LateReply } from "../terms/late-reply.ts";
import type { Transaction, Watched } from "../terms/transaction-data.ts";
import { timesItself } from "../timing/command-times.ts";
import { haveChanged, keyNow } from "./watched-keys.ts";

const { NO_SCRIPT, LOADING, STALE, FAST, ALLOW_BUSY, SKIP_SLOWLOG, UNQUEUED, TRANSACTION } = flag;
const usual = NO_SCRIPT | LOADING | STALE | FAST | ALLOW_BUSY;

export const transactionCommands = family({ group: "transactions" }, [
  {
    name: "multi",
    arity: 1,
    flags: usual | UNQUEUED,
    since: "1.2.0",
    summary: "Starts a transaction.",
    handler: multi,
  },
  {
    name: "exec",
    arity: 1,
    flags: NO_SCRIPT | LOADING | STALE | SKIP_SLOWLOG | UNQUEUED | TRANSACTION,
    since: "1.2.0",
    complexity: "Depends on commands in the transaction",
    summary: "Executes the queued commands of a transaction.",
    handler: exec,
  },
  {
    name: "discard",
    arity: 1,
    flags: usual | UNQUEUED,
    since: "2.0.0",
    complexity: "O(N) where N is the number of queued commands",
    summary: "Discards the queued commands of a transaction.",
    handler: discard,
  },
  {
    name: "unwatch",
    arity: 1,
    flags: usual,
    since: "2.2.0",
    summary: "Stops watching keys.",
    handler: unwatch,
  },
  {
    name: "watch",
    arity: -2,
    syntax: "key...",
    flags: usual | UNQUEUED,
    keys: [1, -1, 1],
    keyUse: "RO",
    since: "2.2.0",
    complexity: "O(1) per key",
    summary: "Watches keys, so that EXEC runs only if they have not changed.",
    differs:
      "EXEC may fail although no watched key changed: keys share counters, and with several data " +
      "threads a swap or a flush of the database counts for keys of more than 96 bytes, and for " +
      "those beyond a thousand that the clients of a thread watch. It never misses a change.",
    handler: watch,
  },
]);

// ---- queueing -----------------------------------------------------------------------------------

const tooLarge = errorReply("transaction is too large");

/** Whether a command in an open transaction waits for EXEC. */
export function isQueued({ flags }: Command): boolean {
  return (flags & flag.UNQUEUED) === 0;
}

/** Queues a command of an open transaction. If it refuses the command, the transaction fails. */
export function enqueue(x: Context, command: Command, request: Request, reply: Reply): void {
  const { transaction } = x.session;
  if (transaction === null) return;
  const verdict = admit(x, command, request);
  // A pause holds EXEC, not the commands queued for it.
  if (verdict !== null && verdict !== heldBack) return reply.error(refused(x, command, verdict));
  const isHarmless = writesNothing(x, command, request);
  const flags = isHarmless ? command.flags & ~flag.MAY_REPLICATE : command.flags;
  if (add(transaction, flags, request)) return reply.simple("QUEUED");
  fail(x.session);
  reply.error(tooLarge);
}

// ---- the ends of a transaction ------------------------------------------------------------------

const nested = errorReply("MULTI calls can not be nested");
const execWithoutMulti = errorReply("EXEC without MULTI");
const discardWithoutMulti = errorReply("DISCARD without MULTI");
const aborted = new ErrorReply("EXECABORT", "Transaction discarded because of previous errors.");

function multi({ session }: Context, _request: Request, reply: Reply): void {
  if (session.transaction !== null) return reply.error(nested);
  begin(session);
  reply.ok();
}

function discard({ session }: Context, _request: Request, reply: Reply): void {
  if (session.transaction === null) return reply.error(discardWithoutMulti);
  end(session);
  reply.ok();
}

function exec(x: Context, _request: Request, reply: Reply): Ending {
  const { transaction, watched } = x.session;
  if (transaction === null) return reply.error(execWithoutMulti);
  end(x.session);
  if (transaction.failed) return reply.error(aborted);
  if (watched !== null && haveChanged(x, watched)) return reply.nilArray();
  reply.array(transaction.requests.length);
  return runFrom(x, transaction, 0, reply);
}

/** Runs the commands from index `first` on as one group. */
function runFrom(x: Context, transaction: Transaction, first: number, reply: Reply): Ending {
  const { store } = x;
  x.observer.begin(x.session); // others may have run during a wait
  // On the first call the shards are already locked; after a wait they are locked again.
  const taken = store.isShared ? lockQueue(x, transaction) : 0;
  if (first > 0 && x.standing.isBusy) {
    store.unlockShards(taken);
    return afterScript(x, transaction, first, reply);
  }
  // A group locks the journal, so read-only transactions skip it and do not block each other.
  const isGroup = (transaction.flags & (flag.WRITE | flag.MAY_REPLICATE)) !== 0;
  if (isGroup) x.effects.open();
  if (first > 0) x.standing.access.refresh(x.session); // it waited, and may be a copy
  try {
    return runRest(x, transaction, first, isGroup, reply);
  } finally {
    store.unlockShards(taken);
  }
}

/** The same under the locks, in a group that is open. */
function runRest(
  x: Context,
  transaction: Transaction,
  first: number,
  isGroup: boolean,
  reply: Reply,
): Ending {
  let isSuspended = false;
  x.session.isExecuting = true;
  try {
    for (let i = first; i < transaction.requests.length; i++) {
      const request = transaction.requests[i];
      const beganMs = monotonicMs();
      const waiting = runQueued(x, request, reply, beganMs);
      if (waiting === undefined) continue;
      isSuspended = isScript(request);
      if (isSuspended) return whenScriptEnds(x, transaction, i, isGroup, beganMs);
      return afterWait(x, transaction, waiting, i + 1, reply);
    }
  } finally {
    if (!isSuspended) {
      x.session.isExecuting = false;
      if (isGroup) x.effects.close();
    }
  }
}

/**
 * Script `index` is suspended. When it ends, the others run before anybody sees what it did. The
 * replies up to here are where those of the thread are, and may be sent; the rest comes later.
 */
function whenScriptEnds(
  x: Context,
  transaction: Transaction,
  index: number,
  isGroup: boolean,
  beganMs: number,
): Promise<LateReply> {
  const { promise, resolve, reject } = Promise.withResolvers<LateReply>();
  const request = transaction.requests[index];
  x.standing.script.continuation = (answer, hasFailed) => {
    const command = commandOf(request);
    x.statistics.times.note(x, command, request, monotonicMs() - beganMs);
    if (hasFailed) x.statistics.noteFailure(command);
    x.standing.access.refresh(x.session);
    try {
      const rest = runRest(x, transaction, index + 1, isGroup, answer.reply);
      if (rest === undefined) resolve(answer.take());
      else resolve(rest.then((more) => answer.take(more ?? undefined)));
    } catch (error) {
      reject(error);
    }
  };
  return promise;
}

function isScript(request: Request): boolean {
  return (commandOf(request).flags & flag.SCRIPT) !== 0;
}

function commandOf(request: Request): Command {
  const command = find(request);
  if (command === undefined) throw new Error("a queued request has no command");
  return command;
}

/** A control command waits for other threads, without locks. */
async function afterWait(
  x: Context,
  transaction: Transaction,
  waiting: Promise<unknown>,
  next: number,
  reply: Reply,
): Promise<LateReply | undefined> {
  await waiting;
  return (await goOn(x, transaction, next, reply)) ?? undefined;
}

/** A script was suspended during a wait: it must see none of the further commands, nor they it. */
async function afterScript(
  x: Context,
  transaction: Transaction,
  first: number,
  reply: Reply,
): Promise<LateReply | undefined> {
  await x.standing.free(restriction.BUSY);
  return (await goOn(x, transaction, first, reply)) ?? undefined;
}

/** After a wait, in which other connections had their turns. */
function goOn(x: Context, transaction: Transaction, first: number, reply: Reply): Ending {
  x.keyspace.select(x.session.database);
  try {
    return runFrom(x, transaction, first, reply);
  } finally {
    x.keyspace.select(0);
  }
}

/**
 * As in Redis, a connection that has killed itself gets no more replies, but the rest still runs.
 */
const unanswered = new NullReply();

function runQueued(x: Context, request: Request, reply: Reply, beganMs: number): Ending {
  const command = commandOf(request);
  const answer = x.session.closing ? unanswered : reply;
  const refusal = x.session.isTrusted ? null : refusalAtExec(x, command, request);
  if (refusal !== null) return answer.error(refusal);
  const outcome = runJudged(x, command, request, answer);
  assert(outcome !== heldBack, "a pause holds EXEC, not the commands in it");
  const isLate = outcome !== undefined && (command.flags & flag.SCRIPT) !== 0;
  if (isLate || timesItself(command, request)) return outcome;
  x.statistics.times.note(x, command, request, monotonicMs() - beganMs);
  return outcome;
}

/** The rules may have changed since the command was queued. */
function refusalAtExec({ session, standing, now }: Context, command: Command, request: Request) {
  return standing.access.refusal(session, command, request, now, "at EXEC");
}

// ---- WATCH --------------------------------------------------------------------------------------

const watchInside = errorReply("WATCH inside MULTI is not allowed");
const tooManyWatched = errorReply("too many watched keys, or too many bytes of them");

function watch(x: Context, request: Request, reply: Reply): void {
  const { session, store, keyspace, standing } = x;
  if (session.transaction !== null) return reply.error(watchInside);
  // In the middle of a script, for which time stands still, no expired item may be removed.
  const now = standing.isBusy ? 0 : x.now;
  session.watched ??= { keys: new Map(), bytes: 0 };
  const { watched } = session;
  for (let i = 1; i < request.argc; i++) {
    const { buf } = request;
    const start = request.start[i];
    const end = request.end[i];
    if (end - start > keyBytesMax) return reply.error(keyTooLong);
    const name = watchedName(session.database, latin1(buf, start, end));
    if (watched.keys.has(name)) continue;
    if (!hasRoom(watched, name.length)) return reply.error(tooManyWatched);
    const seen = keyNow(store, buf, start, end, now);
    const handle = keyspace.watched.fill(session.database, buf, start, end, seen);
    watched.keys.set(name, { ...seen, handle });
    watched.bytes += name.length;
  }
  reply.ok();
}

function hasRoom({ keys, bytes }: Watched, more: number): boolean {
  return keys.size < watchedKeysMax && bytes + more <= watchedBytesMax;
}

function unwatch({ session }: Context, _request: Request, reply: Reply): void {
  session.watched = null;
  reply.ok();
}
