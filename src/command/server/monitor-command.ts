// MONITOR: from now on the connection is sent a line for each command that any client runs, but for
// those that only administrators run. RESET ends it. monitors.ts keeps who wants it.

import { errorReply } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ChannelContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { flag } from "../terms/flags.ts";

const notInTransaction = errorReply("MONITOR isn't allowed for DENY BLOCKING client");

function monitor(x: ChannelContext, _request: Request, reply: Reply): void {
  const { session, monitors } = x;
  if (session.isExecuting) return reply.error(notInTransaction);
  session.isMonitor = true;
  monitors.add(session.id);
  reply.ok();
}

/** For RESET. */
export function stopMonitoring({ session, monitors }: ChannelContext): void {
  if (!session.isMonitor) return;
  session.isMonitor = false;
  monitors.remove(session.id);
}

export const monitorCommands = family({ group: "server" }, [
  {
    name: "monitor",
    arity: 1,
    flags: flag.ADMIN | flag.NO_SCRIPT | flag.LOADING | flag.STALE,
    since: "1.0.0",
    summary: "Shows each command that the node runs.",
    differs: "Only the beginning of a very long command is shown. A second `MONITOR` is answered.",
    global: monitor,
  },
]);
