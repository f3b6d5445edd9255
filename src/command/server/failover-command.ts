// FAILOVER: this leader and one of its followers swap roles without losing a write. The state
// machine is in replication/failover.ts. Error texts are those of redis 7.0 (failoverCommand).

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { type ErrorReply, errorReply, notAnInteger, syntaxError } from "../../base/errors.ts";
import type { FailoverOrder } from "../../base/role.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { readHost } from "../core/names.ts";
import { argumentIs } from "../core/words.ts";
import { flag } from "../terms/flags.ts";

export const failoverCommands = family({ group: "server" }, [
  {
    name: "failover",
    arity: -1,
    syntax: "[TO target=(host port:integer [FORCE])] [ABORT] [TIMEOUT milliseconds:integer]",
    flags: flag.ADMIN | flag.NO_SCRIPT | flag.STALE,
    since: "6.2.0",
    summary: "Swaps roles with a follower after it has caught up.",
    control: failover,
  },
]);

const timeoutTooSmall = errorReply("FAILOVER timeout must be greater than 0");

function failover(x: ControlContext, request: Request, reply: Reply): void {
  const isAbort = request.argc === 2 && argumentIs(request, 1, "ABORT");
  const problem = isAbort ? x.control.roles.abortFailover() : begin(x, request);
  if (problem === null) reply.ok();
  else reply.error(problem);
}

/** An order while its options are parsed. */
type Draft = { -readonly [Field in keyof FailoverOrder]: FailoverOrder[Field] };

function begin(x: ControlContext, request: Request): ErrorReply | null {
  const order: Draft = { target: null, timeoutMs: 0, force: false };
  for (let i = 1; i < request.argc; ) {
    const taken = readOption(order, request, i);
    if (typeof taken !== "number") return taken;
    i += taken;
  }
  return x.control.roles.failover(order);
}

/** Reads the option at `index`. Returns its number of arguments, or an error. */
function readOption(order: Draft, request: Request, index: number): number | ErrorReply {
  const left = request.argc - index - 1;
  if (argumentIs(request, index, "TIMEOUT") && left >= 1 && order.timeoutMs === 0) {
    const timeoutMs = integerAt(request, index + 1);
    if (timeoutMs === NOT_AN_INTEGER) return notAnInteger;
    if (timeoutMs <= 0) return timeoutTooSmall;
    order.timeoutMs = timeoutMs;
    return 2;
  }
  if (argumentIs(request, index, "TO") && left >= 2 && order.target === null) {
    const port = integerAt(request, index + 2);
    if (port === NOT_AN_INTEGER) return notAnInteger;
    const host = readHost(request, index + 1);
    if (typeof host !== "string") return host;
    order.target = { host, port };
    return 3;
  }
  if (!argumentIs(request, index, "FORCE") || order.force) return syntaxError;
  order.force = true;
  return 1;
}

function integerAt({ buf, start, end }: Request, index: number): number {
  return readInteger(buf, start[index], end[index]);
}
