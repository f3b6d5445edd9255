// WAIT: replies with the number of followers that have all writes of this connection, when there
// are enough of them or on timeout. Error texts are those of redis 7.0 (waitCommand).

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { errorReply, notAnInteger } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { readTimeout } from "../core/timeout.ts";
import { flag } from "../terms/flags.ts";

export const waitCommands = family({ group: "generic" }, [
  {
    name: "wait",
    arity: 3,
    syntax: "numreplicas:integer timeout:integer",
    flags: flag.NO_SCRIPT | flag.WAITS,
    categories: ["@slow", "@connection"],
    since: "3.0.0",
    summary: "Waits until followers have acknowledged all writes of this connection.",
    control: wait,
  },
]);

const notOnFollower = errorReply(
  "WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica " +
    "is configured to be writable (which is not the default) writes to replicas are just local and " +
    "are not propagated.",
);

async function wait(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  if (x.standing.isFollower) return reply.error(notOnFollower);
  const count = readInteger(request.buf, request.start[1], request.end[1]);
  if (count === NOT_AN_INTEGER) return reply.error(notAnInteger);
  const timeoutMs = readTimeout(request, 2);
  if (typeof timeoutMs !== "number") return reply.error(timeoutMs);
  // As in Redis, a transaction must not wait: it gets the present number at once.
  const enough = x.session.isExecuting ? 0 : count;
  const outcome = await x.control.waits.wait(x.session, enough, timeoutMs);
  if (typeof outcome === "number") reply.integer(outcome);
  else if (outcome !== null) reply.error(outcome);
}
