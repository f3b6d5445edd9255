// SHUTDOWN: shuts the node down cleanly, as SIGTERM does. Its connection gets no reply and is
// closed, unless the node keeps running. Options and error texts are those of redis 7.0 `db.c`; the
// shutdown itself is in node/control/shutdown.ts.

import { busyFunction, busyScript, errorReply, syntaxError } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import type { ShutdownOrder } from "../core/node.ts";
import { flag } from "../terms/flags.ts";

export const shutdownCommands = family({ group: "server" }, [
  {
    name: "shutdown",
    arity: -1,
    syntax: "[nosave_save=(NOSAVE | SAVE)] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]",
    flags:
      flag.ADMIN | flag.NO_SCRIPT | flag.LOADING | flag.STALE | flag.NO_MULTI | flag.ALLOW_BUSY,
    since: "1.0.0",
    complexity: "O(N) where N is the number of items, if a snapshot is saved",
    summary: "Saves a snapshot if a snapshot file is set, and shuts down the node.",
    control: shutdown,
  },
]);

const words = ["save", "nosave", "now", "force", "abort"] as const;
const notInProgress = errorReply("No shutdown in progress.");
const failed = errorReply("Errors trying to SHUTDOWN. Check logs.");

async function shutdown(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  const options = new Set<string>();
  for (let i = 1; i < request.argc; i++) options.add(request.text(i).toLowerCase());
  const isKnown = [...options].every((option) => words.some((word) => word === option));
  const isOdd = options.has("abort")
    ? options.size > 1
    : options.has("save") && options.has("nosave");
  if (!isKnown || isOdd) return reply.error(syntaxError);
  if (options.has("abort")) return abort(x, reply);
  if (x.standing.isBusy && !options.has("nosave")) {
    return reply.error(x.standing.script.isFunction ? busyFunction : busyScript);
  }
  const order: ShutdownOrder = {
    save: options.has("nosave") ? "never" : options.has("save") ? "always" : "if possible",
    now: options.has("now"),
    force: options.has("force"),
  };
  const hasEnded = await x.control.shutdown.order(order, x.session.id);
  if (!hasEnded) reply.error(failed);
}

function abort(x: ControlContext, reply: Reply): void {
  if (x.control.shutdown.abort()) reply.ok();
  else reply.error(notInProgress);
}
