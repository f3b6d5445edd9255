// The protocols that share a port. A new connection speaks the first protocol in the list that
// accepts its first byte. RESP comes last and accepts any byte; its decoder reports the errors.

import { memcacheBinary, tls } from "./foreign.ts";
import { mscache } from "./mscache/protocol.ts";
import type { ForeignProtocol, Protocol } from "./protocol.ts";
import { resp } from "./resp/protocol.ts";

export const protocols: readonly Protocol[] = [mscache, resp];
const known: readonly (Protocol | ForeignProtocol)[] = [tls, memcacheBinary, ...protocols];

/** The protocol of a connection that begins with this byte. */
export function detect(firstByte: number): Protocol | ForeignProtocol {
  return known.find((protocol) => protocol.speaks(firstByte)) ?? resp;
}

/** The protocol with this name, which another thread has detected. */
export function protocolNamed(name: string): Protocol {
  const found = protocols.find((protocol) => protocol.name === name);
  if (found === undefined) throw new Error(`there is no protocol "${name}"`);
  return found;
}
