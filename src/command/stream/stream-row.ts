// The frame of a command that only a leader's stream may hold: a Redis sends it, and a client of
// this node gets the same error for it as for any unknown name. Such rows are not in table.ts, so
// there is nothing to hide from COMMAND. Their handlers record no effects and their replies are
// read by nobody but command/stream/apply.ts, which looks for errors: while a node follows, its
// journal holds the leader's bytes.

import { Command, type CommandFacts, type CommandRow } from "../core/command.ts";
import type { Handler } from "../core/context.ts";
import { flag } from "../core/flags.ts";

/** `keys` is what has to be locked; [0, 0, 0] stands for everything. */
export function streamCommand(
  name: string,
  arity: number,
  keys: CommandRow["keys"],
  handler: Handler,
  uses: Pick<CommandFacts, "keyUse" | "buildsOn"> = {},
): Command {
  return new Command({
    ...uses,
    name,
    arity,
    flags: flag.WRITE | flag.INTERNAL,
    keys,
    group: "string",
    since: "1.0.0",
    complexity: "that of Redis",
    summary: "Accepted only in the stream of a Redis leader.",
    handler,
  });
}
