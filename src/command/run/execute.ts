// Runs one command: the gate, the room, the locks, the handler. Everything it knows about a command
// is in the row of the command.
// Hot path: no allocation, no closure.

import { outOfMemory } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { flag } from "../terms/flags.ts";
import { examine, heldBack, judge, type Verdict } from "./gate.ts";
import { executeLocked } from "./locked.ts";
import { makeRoom } from "./make-room.ts";
import { writesNothing } from "./promised-flags.ts";
import { type Outcome, refuse, run } from "./run-handler.ts";
import { effectiveFlags } from "./transaction-queue.ts";

/** Runs `command` and writes its reply to `reply`. */
export function execute(x: Context, command: Command, request: Request, reply: Reply): Outcome {
  const verdict = admit(x, command, request);
  if (verdict !== null) return refuse(x, command, verdict, reply);
  if (x.store.isShared) return executeLocked(x, command, request, reply);
  return run(x, command, request, reply);
}

/** Every check before a command takes its locks. Making room is the last one. */
export function admit(x: Context, command: Command, request: Request): Verdict {
  const flags = effectiveFlags(x.session, command);
  let verdict = examine(x, command, flags, request) ?? judge(x, command, flags);
  if (verdict === heldBack && writesNothing(x, command, request)) {
    verdict = judge(x, command, flags & ~flag.MAY_REPLICATE);
  }
  if (verdict !== null || (flags & flag.DENY_OOM) === 0) return verdict;
  // The leader has already accepted the value, so a follower exceeds its limit if it cannot make
  // room.
  return makeRoom(x, command, request) || x.session.kind === "leader" ? null : outOfMemory;
}
