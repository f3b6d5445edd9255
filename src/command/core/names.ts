// Arguments that are stored as names: of clients, their libraries and hosts. INFO and CLIENT LIST
// print them unescaped, line by line, so only printable ASCII without spaces is accepted, up to a
// bound.

import { isHost } from "../../base/address.ts";
import { type ErrorReply, errorReply } from "../../base/errors.ts";
import { clientNameBytesMax, hostBytesMax } from "../../base/limits.ts";
import type { Request } from "../../protocol/request.ts";

const nameTooLong = errorReply(`names are at most ${clientNameBytesMax} bytes long`);
const invalidHost = errorReply(
  `a host is a name or an IP address of at most ${hostBytesMax} characters`,
);

/** Whether Redis accepts this as a client name: printable ASCII without spaces. */
function isCleanName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

/** The name at `index`, or an error: `unclean`, or one about its length. */
export function readName(
  request: Request,
  index: number,
  unclean: ErrorReply,
): string | ErrorReply {
  if (request.length(index) > clientNameBytesMax) return nameTooLong;
  const name = request.text(index);
  return isCleanName(name) ? name : unclean;
}

/** The host at `index`, or an error. */
export function readHost(request: Request, index: number): string | ErrorReply {
  const host = request.text(index);
  return !request.isLong(index) && isHost(host) ? host : invalidHost;
}
