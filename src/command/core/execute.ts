// Runs one command: the gate, the room, the locks, the handler. Everything it needs to know about a
// command stands in its row.
// Hot path: no allocation, no closure.

import { outOfMemory } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { effectiveFlags } from "../transaction/transaction-queue.ts";
import type { Command } from "./command.ts";
import type { Context } from "./context.ts";
import { flag } from "./flags.ts";
import { examine, judge, type Verdict } from "./gate.ts";
import { executeLocked } from "./locked.ts";
import { makeRoom } from "./make-room.ts";
import { type Outcome, refuse, run } from "./run-handler.ts";

/** Runs `command` and answers through `reply`. */
export function execute(x: Context, command: Command, request: Request, reply: Reply): Outcome {
  const verdict = admit(x, command, request);
  if (verdict !== null) return refuse(x, command, verdict, reply);
  if (x.store.isShared) return executeLocked(x, command, request, reply);
  return run(x, command, request, reply);
}

/** Everything that must be so before a command takes its locks; room is made last. */
export function admit(x: Context, command: Command, request: Request): Verdict {
  const flags = effectiveFlags(x.session, command);
  const verdict = examine(x, command, flags, request) ?? judge(x, command, flags);
  if (verdict !== null || (flags & flag.DENY_OOM) === 0) return verdict;
  // Its leader has the value already: on a follower, what no room can be made for goes beyond the limit.
  return makeRoom(x, command, request) || x.session.kind === "leader" ? null : outOfMemory;
}
