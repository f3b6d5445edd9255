// An argument of a command as those are shown it who watch the node: MONITOR, the slow log. What
// its row hides is not in it, however long it is, and nor is how long it is. How many arguments of
// a command are shown, and how many bytes of each, is a matter of who shows them.

import type { Request } from "../../protocol/request.ts";
import { flag } from "./flags.ts";

/** Whether argument `index` is secret, in a request whose argument `name` names the command. */
export type Hides = (request: Request, index: number, name: number) => boolean;

/** A command, as far as it matters here. */
export interface ShownCommand {
  readonly name: string;
  readonly flags: number;
  readonly row: { readonly hides?: Hides };
}

/** One character a byte; of a longer one than `bytesMax`, the beginning and how much is missing. */
export function shownArgument(
  command: ShownCommand,
  request: Request,
  index: number,
  bytesMax: number,
): string {
  if (index === 0 && (command.flags & flag.INTERNAL) !== 0) return command.name;
  if (command.row.hides?.(request, index, 0) === true) return "(redacted)";
  const more = request.length(index) - bytesMax;
  const text = request.latin1(index, bytesMax);
  return more > 0 ? `${text}... (${more} more bytes)` : text;
}
