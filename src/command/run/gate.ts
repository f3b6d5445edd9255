// The gate: whether a command may run here and now. judge() checks only the node and the session.
// It is called before the locks are taken and again under them, for single commands, for EXEC and
// for each command inside it. examine() checks what is settled before a command waits: its arity,
// the login and the rules of the user, which are one test if that user may do everything. The state
// of the node is a set of bits in one shared word, which the control thread sets; usually 0.
// Invariant: a held command has not run and has written no reply; the caller retries it after the
// pause.
// Hot path: examine(), judge().

import { isLoopback, parseAddress } from "../../base/address.ts";
import {
  busyFunction,
  busyScript,
  type ErrorReply,
  errorReply,
  leaderGone,
  loading,
  noAuth,
  tooFewFollowers,
} from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { flag } from "../terms/flags.ts";
import type { Session } from "../terms/session.ts";

/** The states of a node that restrict commands. */
export const restriction = {
  /** Fewer followers are in sync than --min-followers-to-write demands. */
  FEW_FOLLOWERS: 1 << 0,
  /** The node is a follower without its leader, and --stale-reads is no. */
  STALE: 1 << 1,
  /** CLIENT PAUSE, FAILOVER. */
  WRITES_PAUSED: 1 << 2,
  ALL_PAUSED: 1 << 3,
  /** This node is a follower. The bit changes only while all shards are locked. */
  FOLLOWER: 1 << 4,
  /** A snapshot is being loaded. Set before the old data are removed, which locks all shards. */
  LOADING: 1 << 5,
  /** A script takes too long. Set and taken back by its thread, while all shards are locked. */
  BUSY: 1 << 6,
} as const;

const { FEW_FOLLOWERS, STALE, WRITES_PAUSED, ALL_PAUSED, FOLLOWER, LOADING, BUSY } = restriction;

export const anyPause = WRITES_PAUSED | ALL_PAUSED;

/**
 * EXEC admits a transaction as a whole; inside it only the states that its commands can change
 * count.
 */
const withinTransaction = FOLLOWER | LOADING;
const everything = -1;

/** A pause holds the command. */
export const heldBack = "held";

/** Null: the command may run. */
export type Verdict = ErrorReply | typeof heldBack | null;

const notInTransaction = errorReply("Command not allowed inside a transaction");

/** Why this request cannot run in any state of the node, or null. */
export function examine(
  x: Context,
  command: Command,
  flags: number,
  request: Request,
): ErrorReply | null {
  const { session } = x;
  if (!command.accepts(request.argc)) return wrongArity(command);
  if (!session.isTrusted) return examineStrictly(x, command, flags, request);
  if (session.transaction === null || (flags & unusualInMulti) === 0) return null;
  return session.kind === "leader" ? null : refusalInMulti(x, command, flags);
}

/** What may not be queued, or not by everybody: one test for all. */
const unusualInMulti = flag.NO_MULTI | flag.PROTECTED;

function refusalInMulti(x: Context, command: Command, flags: number): ErrorReply | null {
  return (flags & flag.NO_MULTI) === 0 ? protection(x, command) : notInTransaction;
}

/**
 * Why a command that an option must allow is refused. Only control commands are such, so that the
 * others need no test: their thread asks before it runs one, and before the login, as Redis does.
 */
export function protection({ session, standing }: Context, command: Command): ErrorReply | null {
  if ((command.flags & flag.PROTECTED) === 0) return null;
  const { debugCommand } = standing;
  if (debugCommand === "yes") return null;
  return debugCommand === "local" && isFromHere(session) ? null : debugNotAllowed;
}

function isFromHere({ isUnix, address }: Session): boolean {
  return isUnix || isLoopback(parseAddress(address).host);
}

const debugNotAllowed = errorReply(
  'DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run ' +
    "it from a local connection, otherwise you need to set this option in the configuration file, " +
    "and then restart the server.",
);

/** The same for a client that has not logged in, or whose user may not do everything. */
function examineStrictly(
  x: Context,
  command: Command,
  flags: number,
  request: Request,
): ErrorReply | null {
  const { session, standing, now } = x;
  if (
    !session.authenticated &&
    standing.access.needsLogin &&
    (command.flags & flag.NO_AUTH) === 0
  ) {
    return noAuth;
  }
  if (session.transaction !== null && (flags & unusualInMulti) !== 0) {
    const refusal = refusalInMulti(x, command, flags);
    if (refusal !== null) return refusal;
  }
  return standing.access.refusal(session, command, request, now);
}

/** Whether a command that passed examine() may run now. The order of the checks is Redis's. */
export function judge(x: Context, command: Command, flags: number): Verdict {
  const { session, standing } = x;
  if (session.kind === "leader") return null;
  const looksAt = session.isExecuting ? withinTransaction : everything;
  const restrictions = standing.restrictions & looksAt;
  if (restrictions === 0 && session.subscriptions === 0 && !session.isMonitor) return null;
  if ((flags & flag.WRITE) !== 0) {
    if ((restrictions & FOLLOWER) !== 0) return standing.writeRefusal;
    if ((restrictions & FEW_FOLLOWERS) !== 0) return tooFewFollowers;
  }
  if (isMuted(x, flags)) return onlySubscribing(command);
  if ((restrictions & STALE) !== 0 && (flags & flag.STALE) === 0) return leaderGone;
  if ((restrictions & LOADING) !== 0 && (flags & flag.LOADING) === 0) return loading;
  if ((restrictions & BUSY) !== 0 && (flags & flag.ALLOW_BUSY) === 0) {
    return standing.script.isFunction ? busyFunction : busyScript;
  }
  if (session.isMonitor && (flags & onKeys) !== 0) return monitorsNoKeys;
  return isHeld(x, restrictions, flags) ? heldBack : null;
}

const onKeys = flag.WRITE | flag.READONLY | flag.MAY_REPLICATE;
/** To Redis, a client in MONITOR is a kind of replica: hence the word. */
const monitorsNoKeys = errorReply("Replica can't interact with the keyspace");

/** A RESP2 subscriber could not distinguish the replies of other commands from messages. */
function isMuted({ session }: Context, flags: number): boolean {
  if (session.subscriptions === 0 || session.protocol === 3 || session.isExecuting) return false;
  return (flags & flag.SUBSCRIBER) === 0;
}

function isHeld({ session }: Context, restrictions: number, flags: number): boolean {
  if ((restrictions & anyPause) === 0 || session.kind !== "normal") return false;
  if ((restrictions & ALL_PAUSED) !== 0) return (flags & flag.ENDS_PAUSE) === 0;
  return (flags & (flag.WRITE | flag.MAY_REPLICATE)) !== 0;
}

function onlySubscribing({ name }: Command): ErrorReply {
  return errorReply(
    `Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are ` +
      "allowed in this context",
  );
}

function wrongArity(command: Command): ErrorReply {
  return errorReply(`wrong number of arguments for '${command.name}' command`);
}
