// Runs one command: the checks that hold for all of them, the room, the locks, the handler. Everything
// it needs to know about a command stands in its row.
// Hot path: no allocation, no closure; every refusal is a constant or made on the cold path below.

import { type ErrorReply, errorReply, loading, noAuth, outOfMemory } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { effectiveFlags, refused, type Transaction } from "../transaction/transaction-queue.ts";
import { type Command, type Context, flag } from "./command.ts";
import { executeLocked } from "./locked.ts";
import { admit } from "./restrictions.ts";
import type { Session } from "./session.ts";

/** Headers, alignment and index entry of an item, generously: what room is made for beyond its bytes. */
const itemOverheadBytes = 64;

/**
 * Runs `command` and answers through `reply`. Only CONTROL commands return a promise, and not all of
 * them do; the connection waits for it before its next command.
 */
export function execute(
  x: Context,
  command: Command,
  request: Request,
  reply: Reply,
): void | Promise<void> {
  const refusal = refuse(x, command, request);
  if (refusal !== null) {
    reply.error(refused(x.session, command, refusal));
    return;
  }
  if (x.standing.restrictions !== 0 && !admit(x, command, reply)) return;
  if (x.store.isShared) return executeLocked(x, command, request, reply);
  command.calls++;
  return command.handler(x, request, reply);
}

/** Why this command may not run here and now, or null. */
export function refuse(x: Context, command: Command, request: Request): ErrorReply | null {
  if (!command.accepts(request.argc)) return wrongArity(command);
  const { session, standing } = x;
  const flags = effectiveFlags(session, command);
  if (!session.authenticated && (flags & flag.NO_AUTH) === 0) return noAuth;
  if (session.kind === "leader") return null;
  if (session.transaction !== null && (flags & flag.NO_MULTI) !== 0) return notInTransaction;
  if ((flags & flag.WRITE) !== 0 && standing.isFollower) return standing.writeRefusal;
  if (session.channels + session.patterns > 0 && isMuted(session, command)) {
    return onlySubscribing(command);
  }
  if (standing.isLoading && (flags & flag.LOADING) === 0) return loading;
  if ((flags & flag.DENY_OOM) !== 0 && !makeRoom(x, command, request)) return outOfMemory;
  return null;
}

/**
 * Room before locks: what the arguments can add is freed up now, in the shard of the first key and then
 * in others, so that nothing has to be evicted while the locks of the command are held.
 */
function makeRoom(x: Context, command: Command, request: Request): boolean {
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

/** A RESP2 client could not tell the reply to other commands from a message. */
function isMuted({ protocol }: Session, { flags }: Command): boolean {
  return protocol === 2 && (flags & flag.SUBSCRIBER) === 0;
}

function onlySubscribing({ name }: Command): ErrorReply {
  return errorReply(
    `Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are ` +
      "allowed in this context",
  );
}

const notInTransaction = errorReply("Command not allowed inside a transaction");

function wrongArity(command: Command): ErrorReply {
  return errorReply(`wrong number of arguments for '${command.name}' command`);
}
