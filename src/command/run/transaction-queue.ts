// The queue of a connection since MULTI, as plain data: a transaction with a control command goes
// to the control thread as a structured clone. It runs nothing; transaction.ts does.
// Invariants: a queued request is a copy, because the input buffer is reused; the queue is bounded,
// and a queue that would exceed its bounds drops its requests and is marked as failed.

import { freeBytes } from "../../base/buffer-pool.ts";
import { ErrorReply } from "../../base/errors.ts";
import { transactionBytesMax, transactionCommandsMax } from "../../base/limits.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { flag } from "../terms/flags.ts";
import type { Session } from "../terms/session.ts";
import type { Transaction } from "../terms/transaction-data.ts";

/** Flags that permit something. EXEC has such a flag only if every queued command has it. */
const permissions = flag.LOADING | flag.STALE | flag.NO_AUTH | flag.ALLOW_BUSY | flag.ENDS_PAUSE;
/**
 * Memory of a queued request, a watched key and a subscription in addition to their bytes
 * (measured; a name that no other client has subscribed to).
 */
const requestOverheadBytes = 320;
const argumentOverheadBytes = 8;
const keyOverheadBytes = 192;
const subscriptionOverheadBytes = 512;

export function begin(session: Session): void {
  session.transaction = {
    requests: [],
    bytes: 0,
    flags: flag.TRANSACTION | flag.LOADING | flag.STALE,
    failed: false,
  };
}

/** Ends a transaction in any way, and WATCH with it. */
export function end(session: Session): void {
  session.transaction = null;
  session.watched = null;
}

/** For a connection that has closed: ends a transaction, and frees what it has queued. */
export function dropQueue(session: Session): void {
  for (const { buf } of session.transaction?.requests ?? []) freeBytes(buf);
  end(session);
}

/** Memory in bytes of the state that the node keeps for a client between commands. */
export function rememberedBytes(session: Session): number {
  const { transaction, watched, subscriptionBytes, subscriptions } = session;
  let bytes = subscriptionBytes + subscriptions * subscriptionOverheadBytes;
  if (transaction !== null) bytes += transaction.bytes;
  if (watched !== null) bytes += watched.bytes + watched.keys.size * keyOverheadBytes;
  return bytes;
}

/** Records that a command of an open transaction could not be queued. */
export function fail({ transaction }: Session): void {
  if (transaction === null) return;
  transaction.failed = true;
  transaction.requests = [];
  transaction.bytes = 0;
}

/** Queues a copy of the request of a command with these flags. False: the queue is full. */
export function add(transaction: Transaction, flags: number, request: Request): boolean {
  const { argc, start, end } = request;
  const bytes = end[argc - 1] - start[0] + argumentOverheadBytes * argc + requestOverheadBytes;
  const fits = transaction.requests.length < transactionCommandsMax;
  if (!fits || transaction.bytes + bytes > transactionBytesMax) return false;
  if (transaction.failed) return true; // none of it will run
  transaction.requests.push(request.copy());
  transaction.bytes += bytes;
  const all = transaction.flags & flags & permissions;
  transaction.flags = ((transaction.flags | flags) & ~permissions) | all;
  return true;
}

/**
 * The error reply to a refused command. In an open transaction it also makes EXEC reply EXECABORT
 * later; a refused EXEC gets EXECABORT itself and ends the transaction.
 */
export function refused(x: Context, command: Command, refusal: ErrorReply): ErrorReply {
  const { session } = x;
  x.statistics.rejected[command.id]++;
  if ((command.flags & flag.TRANSACTION) === 0) {
    fail(session);
    return refusal;
  }
  end(session);
  const { code, text } = refusal;
  const reason = code === "ERR" ? text : `${code} ${text}`;
  return new ErrorReply("EXECABORT", `Transaction discarded because of: ${reason}`);
}

/** The flags that the gate checks: those of the command, for EXEC those of its queued commands. */
export function effectiveFlags(session: Session, { flags }: Command): number {
  if ((flags & flag.TRANSACTION) === 0 || session.transaction === null) return flags;
  return session.transaction.flags;
}
