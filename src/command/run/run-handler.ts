// The last step of a command: counts it and runs its handler, or writes the reply that refuses it.
// The gate decides whether it may run; the caller holds the locks.
// Hot path: run().

import { monotonicMs } from "../../base/clock.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { Context, Ending } from "../core/context.ts";
import { flag } from "../terms/flags.ts";
import { timesItself } from "../timing/command-times.ts";
import { endCaching, endCachingWith } from "./caching.ts";
import { heldBack, type Verdict } from "./gate.ts";
import { refused } from "./transaction-queue.ts";

/**
 * The outcome of a command. Only CONTROL commands and scripts may return a promise; the connection
 * waits for it before its next command. HELD: the command has not run and has written no reply.
 */
export type Outcome = Ending | typeof heldBack;

/** Writes the reply for a verdict against the command. */
export function refuse(
  x: Context,
  command: Command,
  verdict: NonNullable<Verdict>,
  reply: Reply,
): Outcome {
  if (verdict === heldBack) return heldBack;
  endCaching(x.session, command);
  reply.error(refused(x, command, verdict));
  x.statistics.errors.attribute();
}

/** Runs the handler of a command that the gate has admitted. */
export function run(x: Context, command: Command, request: Request, reply: Reply): Ending {
  const { calls, errors } = x.statistics;
  calls[command.id]++;
  const before = errors.total;
  const isPlain = (command.flags & x.observer.attention) === 0;
  const waiting = isPlain
    ? command.handler(x, request, reply)
    : attended(x, command, request, reply);
  if (errors.total !== before) x.statistics.noteFailure(command);
  return waiting;
}

/** Runs a command that is timed or observed. */
function attended(x: Context, command: Command, request: Request, reply: Reply): Ending {
  const { observer, session } = x;
  const isTimed = (command.flags & flag.TIMED) !== 0 && timesItself(command, request);
  const { isOn } = observer;
  if (isOn) observer.before(session, command, request);
  const waiting = isTimed
    ? measured(x, command, request, reply)
    : command.handler(x, request, reply);
  if (!isOn) return waiting;
  observer.after(session, command, request);
  return endCachingWith(session, command, waiting);
}

/**
 * Its time includes that of the commands of an EXEC or a script, which measure themselves as well.
 * Who waits for its end measures it then, and its batch if it is all of it.
 */
function measured(x: Context, command: Command, request: Request, reply: Reply): Ending {
  const { times } = x.statistics;
  const { isAlone, measuredMs, measuredCount } = times;
  times.isAlone = false; // what it runs is not
  const beganMs = isAlone ? 0 : monotonicMs();
  const waiting = command.handler(x, request, reply);
  times.measuredMs = measuredMs;
  times.measuredCount = measuredCount;
  if (isAlone || waiting !== undefined) return waiting;
  const ms = monotonicMs() - beganMs;
  times.note(x, command, request, ms);
  times.measuredMs += ms;
  times.measuredCount++;
  return waiting;
}
