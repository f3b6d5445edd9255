// Builds the row of a command that is valid only in a leader's stream. Redis sends it; a client of
// this node gets the same error for it as for any unknown name. Such rows are not in table.ts, so
// COMMAND does not list them. Their handlers record no effects, because the journal of a follower
// has the leader's bytes. Only apply.ts reads their replies, to detect errors.

import { Command, type CommandFacts, type CommandRow } from "../core/command.ts";
import type { Handler } from "../core/context.ts";
import { flag } from "../terms/flags.ts";

type StreamFact =
  | "keyUse"
  | "buildsOn"
  | "bringsUnseen"
  | "otherDatabase"
  | "everyDatabase"
  | "valueType";

/** `keys` are the positions of the keys to lock; [0, 0, 0] means everything. */
export function streamCommand(
  name: string,
  arity: number,
  keys: CommandRow["keys"],
  handler: Handler,
  facts: Pick<CommandFacts, StreamFact> = {},
): Command {
  return new Command({
    ...facts,
    name,
    arity,
    flags:
      flag.WRITE | flag.INTERNAL | (facts.otherDatabase === undefined ? 0 : flag.OTHER_DATABASE),
    keys,
    group: "string",
    since: "1.0.0",
    complexity: "that of Redis",
    summary: "Accepted only in the stream of a Redis leader.",
    handler,
  });
}
