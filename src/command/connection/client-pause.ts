// CLIENT PAUSE and UNPAUSE, which hold and release the commands of clients, and CLIENT UNBLOCK,
// which ends the wait of another connection. Links of followers are never held; a follower holds
// its leader's stream (node/parts.ts). Error texts are those of redis 7.0 (clientCommand).

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { errorReply, notAnInteger } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import type { PauseKind } from "../core/node.ts";
import { wrongSubcommand } from "../core/subcommand-help.ts";
import { readTimeout } from "../core/timeout.ts";
import { argumentIs } from "../core/words.ts";
import { flag } from "../terms/flags.ts";

const flags = flag.ADMIN | flag.NO_SCRIPT | flag.LOADING | flag.STALE;

const perHeld = "O(N) where N is the number of held clients";

export const clientPauseCommands = family({ group: "connection", flags }, [
  {
    name: "client|pause",
    arity: -3,
    syntax: "timeout:integer [mode=(WRITE | ALL)@6.2.0]",
    since: "2.9.50",
    complexity: perHeld,
    summary: "Pauses the commands of all clients for a time.",
    control: pause,
  },
  {
    name: "client|unpause",
    arity: 2,
    flags: flags | flag.ENDS_PAUSE,
    since: "6.2.0",
    complexity: perHeld,
    summary: "Ends a pause.",
    differs: "No pause holds it; in Redis, a pause of all commands does.",
    control: unpause,
  },
  {
    name: "client|unblock",
    arity: -3,
    syntax: "client-id:integer [timeout_error=(TIMEOUT | ERROR)]",
    flags: flags & ~flag.STALE,
    since: "5.0.0",
    summary: "Unblocks another connection that waits.",
    control: unblock,
  },
]);

export const clientPauseHelp: readonly string[] = [
  "PAUSE <timeout> [WRITE|ALL]",
  "    Suspend all, or just write, clients for <timeout> milliseconds.",
  "UNPAUSE",
  "    Stop the current client pause, resuming traffic.",
  "UNBLOCK <clientid> [TIMEOUT|ERROR]",
  "    Unblock the specified blocked client.",
];

const badMode = errorReply("CLIENT PAUSE mode must be WRITE or ALL");
const badReason = errorReply("CLIENT UNBLOCK reason should be TIMEOUT or ERROR");

function pause(x: ControlContext, request: Request, reply: Reply): void {
  const kind = kindOf(request);
  if (kind === null) return reply.error(badMode);
  const timeoutMs = readTimeout(request, 2);
  if (typeof timeoutMs !== "number") return reply.error(timeoutMs);
  x.control.pauses.pause(kind, timeoutMs);
  reply.ok();
}

function kindOf(request: Request): PauseKind | null {
  if (request.argc === 3) return "all";
  if (request.argc > 4) return null;
  if (argumentIs(request, 3, "WRITE")) return "writes";
  return argumentIs(request, 3, "ALL") ? "all" : null;
}

function unpause(x: ControlContext, _request: Request, reply: Reply): void {
  x.control.pauses.unpause();
  reply.ok();
}

function unblock(x: ControlContext, request: Request, reply: Reply): void {
  if (request.argc > 4) return reply.error(wrongSubcommand("CLIENT", request));
  const withError = request.argc === 4 && argumentIs(request, 3, "ERROR");
  const isPlain = request.argc === 3 || (request.argc === 4 && argumentIs(request, 3, "TIMEOUT"));
  if (!withError && !isPlain) return reply.error(badReason);
  const id = readInteger(request.buf, request.start[2], request.end[2]);
  if (id === NOT_AN_INTEGER) return reply.error(notAnInteger);
  reply.integer(x.control.waits.unblock(id, withError) ? 1 : 0);
}
