// Which arguments are secret of a command that is asked about another one, as COMMAND GETKEYS is:
// those that the other one hides. A row names the argument from which on that one stands
// (`asksAbout`), and has this as its `hides`.
// Invariant: the answer takes a bounded time, however deep a request names commands in commands.

import type { Request } from "../../protocol/request.ts";
import { findFrom } from "./registry.ts";

/**
 * All behind the name of no command is hidden, as it may be that of AUTH, mistyped; and all behind
 * one that asks about a third.
 */
export function hidesOfOther(request: Request, index: number, name: number): boolean {
  const other = name + (findFrom(request, name)?.row.asksAbout ?? 0);
  if (index <= other) return false;
  const row = findFrom(request, other)?.row;
  if (row === undefined || row.asksAbout !== undefined) return true;
  return row.hides?.(request, index, other) === true;
}
