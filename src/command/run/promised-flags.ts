// What a command that runs a script promises before it runs: whether a pause of writes concerns it.
// As redis 7.0 `script.c` (scriptFlagsToCmdFlags). Asked only when a pause would hold it, and when
// it is queued for EXEC.

import { latin1 } from "../../base/bytes.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { ChannelContext, Context } from "../core/context.ts";
import { flag } from "../terms/flags.ts";

/** Whether its script has stated `no-writes`. */
export function writesNothing(x: Context, command: Command, request: Request): boolean {
  if ((command.flags & flag.SCRIPT) === 0) return false;
  const { name } = command;
  if (!name.startsWith("fcall")) return x.scripts.writesNothing(request, name === "eval");
  const { buf, start, end } = request;
  // Only the control thread knows the functions.
  const libraries = "libraries" in x ? (x as ChannelContext).libraries : undefined;
  return libraries?.find(latin1(buf, start[1], end[1]))?.flags.noWrites === true;
}
