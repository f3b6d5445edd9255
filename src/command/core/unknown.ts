// Redis's replies to an unknown command or subcommand. They echo the bytes of the request up to a
// bound; errorReply() replaces line breaks in them.

import { type ErrorReply, errorReply } from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "./command.ts";
import { lookup } from "./registry.ts";
import { argumentIs } from "./words.ts";

const echoedBytesMax = 128;

/** Names the command, with the beginning of its arguments. */
export function unknownCommand(request: Request): ErrorReply {
  const container = lookup(request.buf, request.start[0], request.end[0]);
  if (container !== undefined) return unknownSubcommand(container, request);
  let args = "";
  for (let i = 1; i < request.argc && args.length < echoedBytesMax; i++) {
    args += `'${request.echo(i).slice(0, echoedBytesMax - args.length)}' `;
  }
  const name = request.echo(0).slice(0, echoedBytesMax);
  return errorReply(`unknown command '${name}', with args beginning with: ${args}`);
}

function unknownSubcommand(container: Command, request: Request): ErrorReply {
  const word = request.echo(1).slice(0, echoedBytesMax);
  return errorReply(`unknown subcommand '${word}'. Try ${container.name.toUpperCase()} HELP.`);
}

/** The first line of an HTTP POST, or the Host header that follows it. */
export function isHttp(request: Request): boolean {
  return argumentIs(request, 0, "POST") || /^host:$/i.test(request.echo(0));
}
