// What may stand in the way of a command beside role and loading, as bits of one shared word: too few
// followers, a leader that is gone, a pause. The control thread sets them; every thread reads them
// before a command and, with several threads, again under its locks. Usually none is set, and then
// nothing of this file runs.
// Invariant: a command that is held has not run and has answered nothing; its connection tries it again
// when the pause is over.

import { leaderGone, tooFewFollowers } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import { effectiveFlags, refused } from "../transaction/transaction-queue.ts";
import { type Command, type Context, flag } from "./command.ts";

export const restriction = {
  /** --min-followers-to-write: fewer followers are there than writes need. */
  FEW_FOLLOWERS: 1 << 0,
  /** --stale-reads no, on a follower that has lost its leader. */
  STALE: 1 << 1,
  /** CLIENT PAUSE, FAILOVER. */
  WRITES_PAUSED: 1 << 2,
  ALL_PAUSED: 1 << 3,
} as const;

export const anyPause = restriction.WRITES_PAUSED | restriction.ALL_PAUSED;

/** False when `command` must not run now: it was refused, or its session is marked as held. */
export function admit(x: Context, command: Command, reply: Reply): boolean {
  const { session } = x;
  if (session.kind === "leader") return true;
  const { restrictions } = x.standing;
  const flags = effectiveFlags(session, command);
  const refusal = refusalOf(restrictions, flags);
  if (refusal !== null) {
    reply.error(refused(session, command, refusal));
    return false;
  }
  if (session.kind !== "normal" || !isPaused(restrictions, command.name, flags)) return true;
  session.held = true;
  return false;
}

/** Why a command with these flags may not run under these restrictions, or null. */
export function refusalOf(restrictions: number, flags: number) {
  const { FEW_FOLLOWERS, STALE } = restriction;
  if ((restrictions & FEW_FOLLOWERS) !== 0 && (flags & flag.WRITE) !== 0) return tooFewFollowers;
  return (restrictions & STALE) !== 0 && (flags & flag.STALE) === 0 ? leaderGone : null;
}

/** Redis holds CLIENT UNPAUSE as well, so that nobody can end a pause of all commands early. */
function isPaused(restrictions: number, name: string, flags: number): boolean {
  if ((restrictions & restriction.ALL_PAUSED) !== 0) return name !== "client|unpause";
  const writes = flag.WRITE | flag.MAY_REPLICATE;
  return (restrictions & restriction.WRITES_PAUSED) !== 0 && (flags & writes) !== 0;
}
