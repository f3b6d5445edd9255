// Redis's replies to an unknown command or subcommand. They echo the bytes of the request up to a
// bound; errorReply() replaces line breaks in them.

import { type ErrorReply, errorReply } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import { lookup } from "../core/registry.ts";
import { argumentIs } from "../core/words.ts";
import type { Session } from "../terms/session.ts";
import { endCaching } from "./caching.ts";
import { foreignTypeOf } from "./foreign-commands.ts";
import { fail } from "./transaction-queue.ts";

const echoedBytesMax = 128;
const nobody = { name: "" };

/**
 * Replies that the command does not exist, and fails the transaction. HTTP is cut off instead, as
 * Redis does: a web page could otherwise have a browser send commands in the lines of a request.
 */
export function refuseUnknown(session: Session, request: Request, reply: Reply, log: Log): void {
  fail(session);
  endCaching(session, nobody);
  if (!isHttp(request)) return reply.error(unknownCommand(request));
  const what = "sent an HTTP request: closed, as it may be an attack through somebody's browser";
  log.warn(`client ${session.address} ${what}`);
  session.closing = true;
}

/** Names the command, with the beginning of its arguments. */
export function unknownCommand(request: Request): ErrorReply {
  const container = lookup(request.buf, request.start[0], request.end[0]);
  if (container !== undefined) return unknownSubcommand(container, request);
  const foreign = foreignTypeOf(request.latin1(0, echoedBytesMax));
  if (foreign !== undefined) return foreignCommand(request, foreign);
  let args = "";
  for (let i = 1; i < request.argc && args.length < echoedBytesMax; i++) {
    args += `'${request.echo(i).slice(0, echoedBytesMax - args.length)}' `;
  }
  const name = request.echo(0).slice(0, echoedBytesMax);
  return errorReply(`unknown command '${name}', with args beginning with: ${args}`);
}

/**
 * The first words are those of an unknown command: clients that can do without it look for them,
 * and a WRONGTYPE would say that the key holds something else.
 */
function foreignCommand(request: Request, types: string): ErrorReply {
  return errorReply(`unknown command '${request.echo(0)}': MSCache keeps strings, no ${types}`);
}

function unknownSubcommand(container: Command, request: Request): ErrorReply {
  const word = request.echo(1).slice(0, echoedBytesMax);
  return errorReply(`unknown subcommand '${word}'. Try ${container.name.toUpperCase()} HELP.`);
}

/** The first line of an HTTP POST, or the Host header that follows it. */
function isHttp(request: Request): boolean {
  return argumentIs(request, 0, "POST") || /^host:$/i.test(request.echo(0));
}
