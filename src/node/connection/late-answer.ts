// The answer to a command that outlives its batch because its script was suspended. The batch goes
// on with other connections and no longer measures the command. The time that the batch has taken
// so far is counted for the script, not for the fast commands before it.

import { freeBytes } from "../../base/buffer-pool.ts";
import { monotonicMs } from "../../base/clock.ts";
import { OutputLimitError } from "../../base/output.ts";
import type { Context } from "../../command/core/context.ts";
import { noteLate } from "../../command/run/late-command.ts";
import type { LateReply } from "../../command/terms/late-reply.ts";
import type { Session } from "../../command/terms/session.ts";
import type { DataThread } from "./data-thread.ts";

const nothing = new Uint8Array(0);

export async function lateAnswer(
  { batch, context, turnBeganMs }: DataThread,
  session: Session,
  outcome: Promise<void> | Promise<LateReply | undefined>,
  index: number,
): Promise<Uint8Array> {
  const command = batch.commands[index];
  batch.commands[index] = undefined;
  const request = batch.requests[index].copy();
  const { statistics, now } = context;
  statistics.times.measuredMs += monotonicMs() - turnBeganMs;
  statistics.times.measuredCount++;
  const reply = (await bounded(outcome, context, session)) ?? nothing;
  if (command !== undefined) {
    noteLate(statistics, { session, now }, command, request, reply, turnBeganMs);
  }
  freeBytes(request.buf);
  return reply;
}

/** One reply of an EXEC may be too long for any output: the client is closed. */
async function bounded(
  outcome: Promise<void> | Promise<LateReply | undefined>,
  { store }: Context,
  session: Session,
): Promise<LateReply | undefined> {
  try {
    return (await outcome) ?? undefined;
  } catch (error) {
    if (!(error instanceof OutputLimitError)) throw error;
    store.unlockAll();
    session.closing = true;
    return undefined;
  }
}
