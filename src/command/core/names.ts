// Arguments that name somebody and are kept: clients, their libraries, hosts. INFO and CLIENT LIST print
// them as they are, line by line, so only printable ASCII without spaces is let in, and not much of it.

import { isHost } from "../../base/address.ts";
import { type ErrorReply, errorReply } from "../../base/errors.ts";
import { clientNameBytesMax, hostBytesMax } from "../../base/limits.ts";
import type { Request } from "../../protocol/request.ts";

const nameTooLong = errorReply(`names are at most ${clientNameBytesMax} bytes long`);
const invalidHost = errorReply(
  `a host is a name or an IP address of at most ${hostBytesMax} characters`,
);

/** Whether Redis takes this for a client's name: printable ASCII without spaces. */
function isCleanName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

/** The name at `index`, or what is wrong with it: `unclean`, or its length. */
export function readName(
  request: Request,
  index: number,
  unclean: ErrorReply,
): string | ErrorReply {
  if (request.length(index) > clientNameBytesMax) return nameTooLong;
  const name = request.text(index);
  return isCleanName(name) ? name : unclean;
}

/** The host at `index`, or what is wrong with it. */
export function readHost(request: Request, index: number): string | ErrorReply {
  const host = request.text(index);
  return !request.isLong(index) && isHost(host) ? host : invalidHost;
}
