// The line that MONITOR shows for a command, in the format of redis 7.0: when, from which database
// and address, and the arguments, quoted. Whoever calls it decides which commands are shown.
// Invariants: no argument that a row hides is in it; a line is bounded, and all of it is ASCII.

import { monitorArgumentBytesMax } from "../../base/limits.ts";
import { quoted } from "../../base/redis-quotes.ts";
import type { Request } from "../../protocol/request.ts";
import { type ShownCommand, shownArgument } from "./shown-argument.ts";

interface Caller {
  readonly database: number;
  readonly address: string;
}

/** Without the end of the line. `nowMs` is when the command ran. */
export function monitorLine(
  { database, address }: Caller,
  command: ShownCommand,
  request: Request,
  nowMs: number,
): string {
  const seconds = Math.floor(nowMs / 1000);
  const micros = `${Math.floor((nowMs - seconds * 1000) * 1000)}`.padStart(6, "0");
  const parts = [`${seconds}.${micros} [${database} ${address}]`];
  let left = monitorArgumentBytesMax;
  for (let i = 0; i < request.argc; i++) {
    if (left <= 0) return `${parts.join(" ")} ... (${request.argc - i} more arguments)`;
    parts.push(quoted(shownArgument(command, request, i, left)));
    left -= request.length(i);
  }
  return parts.join(" ");
}
