// CLIENT PAUSE and UNPAUSE, which hold the commands of clients, and CLIENT UNBLOCK, which ends the wait
// of another connection. Followers' links are never held. Texts are those of redis 7.0 (clientCommand).

import { errorReply, notAnInteger } from "../errors.ts";
import { NOT_AN_INTEGER, readInteger } from "../protocol/ascii.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Request } from "../protocol/request.ts";
import { type CommandRow, type Context, flag, type Handler } from "./command.ts";
import type { PauseKind } from "./node.ts";
import { argumentIs } from "./options.ts";
import { readTimeout } from "./timeout.ts";

const flags = flag.ADMIN | flag.NO_SCRIPT | flag.LOADING | flag.STALE | flag.CONTROL;

function row(
  name: string,
  arity: number,
  since: string,
  summary: string,
  handler: Handler,
): CommandRow {
  const complexity = name === "client|unblock" ? "O(1)" : "O(N) with N the number of held clients";
  const keys = [0, 0, 0] as const;
  return { name, arity, flags, keys, group: "connection", since, complexity, summary, handler };
}

export const clientPauseCommands: readonly CommandRow[] = [
  row("client|pause", -3, "3.0.0", "Hold the commands of all clients for some time", pause),
  row("client|unpause", 2, "6.2.0", "End a pause", unpause),
  {
    ...row("client|unblock", -3, "5.0.0", "End the wait of another connection", unblock),
    flags: flags & ~flag.STALE,
  },
];

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

function pause(x: Context, request: Request, reply: Reply): void {
  const kind = kindOf(request);
  if (kind === null) return reply.error(badMode);
  const timeoutMs = readTimeout(request, 2);
  if (typeof timeoutMs !== "number") return reply.error(timeoutMs);
  x.node.pause(kind, timeoutMs);
  reply.ok();
}

function kindOf(request: Request): PauseKind | null {
  if (request.argc === 3) return "all";
  if (request.argc > 4) return null;
  if (argumentIs(request, 3, "WRITE")) return "writes";
  return argumentIs(request, 3, "ALL") ? "all" : null;
}

function unpause(x: Context, _request: Request, reply: Reply): void {
  x.node.unpause();
  reply.ok();
}

function unblock(x: Context, request: Request, reply: Reply): void {
  const withError = request.argc === 4 && argumentIs(request, 3, "ERROR");
  const isPlain = request.argc === 3 || (request.argc === 4 && argumentIs(request, 3, "TIMEOUT"));
  if (!withError && !isPlain) return reply.error(badReason);
  const id = readInteger(request.buf, request.start[2], request.end[2]);
  if (id === NOT_AN_INTEGER) return reply.error(notAnInteger);
  reply.integer(x.node.unblock(id, withError) ? 1 : 0);
}
