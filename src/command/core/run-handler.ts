// The last step of a command: its handler, counted, or the answer that refuses it. Whether it may run is
// the gate's to say, and whether locks are held the caller's.
// Hot path: run().

import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { refused } from "../transaction/transaction-queue.ts";
import type { Command } from "./command.ts";
import type { Context } from "./context.ts";
import { HELD, type Verdict } from "./gate.ts";

/**
 * What became of a command. Only CONTROL commands return a promise, and not all of them do; the connection
 * waits for it before its next command. HELD: it has not run and has answered nothing.
 */
export type Outcome = void | typeof HELD | Promise<void>;

/** Answers a verdict that is not to run. */
export function refuse(
  x: Context,
  command: Command,
  verdict: NonNullable<Verdict>,
  reply: Reply,
): Outcome {
  if (verdict === HELD) return HELD;
  reply.error(refused(x, command, verdict));
}

/** Runs the handler, which the gate has let through. */
export function run(
  x: Context,
  command: Command,
  request: Request,
  reply: Reply,
): void | Promise<void> {
  const { calls, failed, errors } = x.statistics;
  calls[command.id]++;
  const before = errors.total;
  const waiting = command.handler(x, request, reply);
  if (errors.total !== before) failed[command.id]++;
  return waiting;
}
