// The answer to a command of a batch that ends later: its script was suspended. The batch no longer
// counts its time, and goes on with other connections.

import { freeBytes } from "../../base/buffer-pool.ts";
import type { LateReply } from "../../command/core/late-reply.ts";
import type { Session } from "../../command/core/session.ts";
import { noteLate } from "../../command/timing/late-command.ts";
import type { DataThread } from "./data-thread.ts";

const nothing = new Uint8Array(0);

export async function lateAnswer(
  { batch, context, turnBeganMs }: DataThread,
  session: Session,
  outcome: Promise<void> | Promise<LateReply>,
  index: number,
): Promise<Uint8Array> {
  const command = batch.commands[index];
  batch.commands[index] = undefined;
  const request = batch.requests[index].copy();
  const { statistics, now } = context;
  const reply = (await outcome) ?? nothing;
  if (command !== undefined) {
    noteLate(statistics, { session, now }, command, request, reply, turnBeganMs);
  }
  freeBytes(request.buf);
  return reply;
}
