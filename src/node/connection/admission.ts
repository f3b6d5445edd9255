// Whether a new connection may stay: there must be room for one more client, and a node without a
// password admits only this machine while its protected mode is on. Says why not; connections.ts
// refuses. Redis refuses at once as well, before it has read anything, so the words are RESP.

import { isLoopback } from "../../base/address.ts";
import type { SharedStanding } from "../shared/standing.ts";

export interface Refusal {
  /** For the log, as the start of a sentence. */
  readonly reason: string;
  /** The line that the client gets. */
  readonly line: string;
}

const tooMany = "-ERR max number of clients reached\r\n";

/** What those of other machines are told in protected mode. */
export const protectedText =
  "MSCache is running in protected mode because protected mode is enabled and no password " +
  "is set for the default user. In this mode connections are only accepted from the loopback " +
  "interface. If you want to connect from external computers you may adopt one of the following " +
  "solutions: 1) Set a password: restart the node with '--password', or send the command 'CONFIG " +
  "SET requirepass' from the host that the node runs on. 2) Disable protected mode with the " +
  "command 'CONFIG SET protected-mode no' from that host, or restart the node with " +
  "'--protected-mode no'; however MAKE SURE the node is not accessible from networks that you do " +
  "not trust if you do so. Use CONFIG REWRITE to make a change permanent.";

const denied: Refusal = {
  reason: "protected mode is on and no password is set",
  line: `-DENIED ${protectedText}\r\n`,
};

/** Null: it may stay. `open` counts it; a peer without an address came by a Unix socket. */
export function refusalOf(
  standing: SharedStanding,
  peer: string | undefined,
  open: number,
  isOutOfDescriptors: boolean,
): Refusal | null {
  const { maxClients } = standing;
  if (open > maxClients) return { reason: `max-clients (${maxClients}) is reached`, line: tooMany };
  if (isOutOfDescriptors) return { reason: "no descriptors are left", line: tooMany };
  return peer !== undefined && isOutsider(standing, peer) ? denied : null;
}

/** Whether protected mode keeps this address out. */
export function isOutsider(standing: SharedStanding, peer: string): boolean {
  return standing.isProtected && !standing.needsLogin && !isLoopback(peer);
}
