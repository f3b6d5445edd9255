// The line that MONITOR shows for a command, in the format of redis 7.0: when, from which database
// and address, and the arguments, quoted. Whoever calls it decides which commands are shown.
// Invariants: no argument that a row hides is in it; a line is bounded, and all of it is ASCII.

import { monitorArgumentBytesMax } from "../../base/limits.ts";
import { quoted } from "../../base/redis-quotes.ts";
import type { Request } from "../../protocol/request.ts";
import { flag } from "./flags.ts";

/** Whether argument `index` is secret, in a request whose argument `name` names the command. */
export type Hides = (request: Request, index: number, name: number) => boolean;

/** A command, as far as it matters here. */
interface Shown {
  readonly name: string;
  readonly flags: number;
  readonly row: { readonly hides?: Hides };
}

interface Caller {
  readonly database: number;
  readonly address: string;
}

/** Without the end of the line. `nowMs` is when the command ran. */
export function monitorLine(
  { database, address }: Caller,
  command: Shown,
  request: Request,
  nowMs: number,
): string {
  const seconds = Math.floor(nowMs / 1000);
  const micros = `${Math.floor((nowMs - seconds * 1000) * 1000)}`.padStart(6, "0");
  const parts = [`${seconds}.${micros} [${database} ${address}]`];
  let left = monitorArgumentBytesMax;
  for (let i = 0; i < request.argc; i++) {
    if (left <= 0) return `${parts.join(" ")} ... (${request.argc - i} more arguments)`;
    parts.push(quoted(shown(command, request, i, left)));
    left -= request.length(i);
  }
  return parts.join(" ");
}

function shown(command: Shown, request: Request, index: number, max: number): string {
  if (index === 0 && (command.flags & flag.INTERNAL) !== 0) return command.name;
  if (command.row.hides?.(request, index, 0) === true) return "(redacted)";
  const more = request.length(index) - max;
  const text = request.latin1(index, max);
  return more > 0 ? `${text}... (${more} more bytes)` : text;
}
