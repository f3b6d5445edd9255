// The gate: whether a command may run here and now. judge() looks at the node and the session only; it is
// asked before the locks and again under them, for single commands, for EXEC and for each command in it.
// examine() is what never changes while a command waits: its shape and the login.
// The facts about the node are bits of one shared word, which the control thread sets; usually none is.
// Invariant: a command that is held has not run and has answered nothing; whoever runs it tries it again
// when the pause is over.
// Hot path: examine(), judge().

import {
  type ErrorReply,
  errorReply,
  leaderGone,
  loading,
  noAuth,
  tooFewFollowers,
} from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "./command.ts";
import type { Context } from "./context.ts";
import { flag } from "./flags.ts";

/** What stands in the way of commands. */
export const restriction = {
  /** --min-followers-to-write: fewer followers are there than writes need. */
  FEW_FOLLOWERS: 1 << 0,
  /** --stale-reads no, on a follower that has lost its leader. */
  STALE: 1 << 1,
  /** CLIENT PAUSE, FAILOVER. */
  WRITES_PAUSED: 1 << 2,
  ALL_PAUSED: 1 << 3,
  /** This node follows a leader. Changes only while all shards are held. */
  FOLLOWER: 1 << 4,
  /** A snapshot is being loaded. Set before the old data go, which takes all shards. */
  LOADING: 1 << 5,
} as const;

const { FEW_FOLLOWERS, STALE, WRITES_PAUSED, ALL_PAUSED, FOLLOWER, LOADING } = restriction;

export const anyPause = WRITES_PAUSED | ALL_PAUSED;

/** A transaction was admitted as a whole: only what its own commands may change is looked at in it. */
const withinTransaction = FOLLOWER | LOADING;
const everything = -1;

/** A pause holds the command. */
export const HELD = "held";

/** Null: it may run. */
export type Verdict = ErrorReply | typeof HELD | null;

const notInTransaction = errorReply("Command not allowed inside a transaction");

/** Why this request can not be run, whatever the state of the node is. */
export function examine(
  { session }: Context,
  command: Command,
  flags: number,
  request: Request,
): ErrorReply | null {
  if (!command.accepts(request.argc)) return wrongArity(command);
  if (!session.authenticated && (flags & flag.NO_AUTH) === 0) return noAuth;
  if (session.transaction === null || (flags & flag.NO_MULTI) === 0) return null;
  return session.kind === "leader" ? null : notInTransaction;
}

/** Whether a command that examine() found in order may run now. The order of checks is that of Redis. */
export function judge(x: Context, command: Command, flags: number): Verdict {
  const { session, standing } = x;
  if (session.kind === "leader") return null;
  const looksAt = session.isExecuting ? withinTransaction : everything;
  const restrictions = standing.restrictions & looksAt;
  if (restrictions === 0 && session.channels + session.patterns === 0) return null;
  if ((flags & flag.WRITE) !== 0) {
    if ((restrictions & FOLLOWER) !== 0) return standing.writeRefusal;
    if ((restrictions & FEW_FOLLOWERS) !== 0) return tooFewFollowers;
  }
  if (isMuted(x, flags)) return onlySubscribing(command);
  if ((restrictions & STALE) !== 0 && (flags & flag.STALE) === 0) return leaderGone;
  if ((restrictions & LOADING) !== 0 && (flags & flag.LOADING) === 0) return loading;
  return isHeld(x, restrictions, command, flags) ? HELD : null;
}

/** A RESP2 client could not tell the reply to other commands from a message. */
function isMuted({ session }: Context, flags: number): boolean {
  if (session.subscriptions === 0 || session.protocol === 3 || session.isExecuting) return false;
  return (flags & flag.SUBSCRIBER) === 0;
}

/** CLIENT UNPAUSE passes, so that an operator can end a pause of all commands; Redis holds it too. */
function isHeld({ session }: Context, restrictions: number, { name }: Command, flags: number) {
  if ((restrictions & anyPause) === 0 || session.kind !== "normal") return false;
  if ((restrictions & ALL_PAUSED) !== 0) return name !== "client|unpause";
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
