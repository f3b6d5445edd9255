// What a connection has queued since MULTI, as plain data: a transaction that holds a control
// command goes to the control thread as a structured clone. It runs nothing; that is
// transaction.ts.
// Invariants: a queued request is a copy, as the connection's input moves on; the queue is bounded,
// and one over its bounds keeps nothing but the mark that it has failed.

import { ErrorReply } from "../../base/errors.ts";
import { transactionBytesMax, transactionCommandsMax } from "../../base/limits.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { flag } from "../core/flags.ts";
import type { Session } from "../core/session.ts";
import type { Transaction } from "../core/transaction-data.ts";

/** Flags that allow something. EXEC is allowed it when every queued command is. */
const permissions = flag.LOADING | flag.STALE | flag.NO_AUTH | flag.ALLOW_BUSY;
/** What a queued request, a watched key and a subscription cost beside their bytes (measured). */
const requestOverheadBytes = 320;
const argumentOverheadBytes = 8;
const nameOverheadBytes = 128;

export function begin(session: Session): void {
  session.transaction = {
    requests: [],
    bytes: 0,
    flags: flag.TRANSACTION | flag.LOADING | flag.STALE,
    failed: false,
  };
}

/** Ends a transaction in whatever way, and with it the guard of WATCH. */
export function end(session: Session): void {
  session.transaction = null;
  session.watched = null;
}

/** A key by the name that WATCH keeps of it. */
export function keyOf(name: string): Uint8Array {
  return Buffer.from(name, "latin1");
}

/** The memory of what the node remembers for a client from one command to the next. */
export function rememberedBytes(session: Session): number {
  const { transaction, watched, subscriptionBytes, channels, patterns } = session;
  let bytes = subscriptionBytes + (channels + patterns) * nameOverheadBytes;
  if (transaction !== null) bytes += transaction.bytes;
  if (watched !== null) bytes += watched.bytes + watched.keys.size * nameOverheadBytes;
  return bytes;
}

/** Notes that a command of an open transaction could not be queued. */
export function fail({ transaction }: Session): void {
  if (transaction === null) return;
  transaction.failed = true;
  transaction.requests = [];
  transaction.bytes = 0;
}

/** False when the queue is full. */
export function add(transaction: Transaction, command: Command, request: Request): boolean {
  const { argc, start, end } = request;
  const bytes = end[argc - 1] - start[0] + argumentOverheadBytes * argc + requestOverheadBytes;
  const fits = transaction.requests.length < transactionCommandsMax;
  if (!fits || transaction.bytes + bytes > transactionBytesMax) return false;
  if (transaction.failed) return true; // nothing of it will run
  transaction.requests.push(request.copy());
  transaction.bytes += bytes;
  const all = transaction.flags & command.flags & permissions;
  transaction.flags = ((transaction.flags | command.flags) & ~permissions) | all;
  return true;
}

/**
 * What a refused command answers: in an open transaction the refusal, and EXEC will answer
 * EXECABORT; a refused EXEC answers that itself, and the transaction is over.
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

/** The flags by which a command is judged: for EXEC those of what it would run. */
export function effectiveFlags(session: Session, { flags }: Command): number {
  if ((flags & flag.TRANSACTION) === 0 || session.transaction === null) return flags;
  return session.transaction.flags;
}
