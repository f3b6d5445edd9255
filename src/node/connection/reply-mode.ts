// CLIENT REPLY OFF and SKIP: what becomes of the reply to a command that has just run. How a reply
// is suppressed while it is written: protocol/muted-reply.ts.

import type { Output } from "../../base/output.ts";
import type { Session } from "../../command/terms/session.ts";

/**
 * SKIP affects only the next command; OFF itself gets no reply either. `mark` is where the reply
 * begins in the output.
 */
export function skipReply(session: Session, out: Output, mark: number): void {
  if (session.replyMode === "off") out.length = Math.min(out.length, mark);
  if (session.replyMode === "skip-next") session.replyMode = "skip-this";
  else if (session.replyMode === "skip-this") session.replyMode = "on";
}
