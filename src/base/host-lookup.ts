// Names of hosts to addresses, by the system's own way (files, DNS), asked anew each time: Bun.connect()
// would remember an answer for half a minute, and Bun.listen() would take whichever address is free.
// It connects to nothing. Rejects for a name that has no address.

import { isIP } from "node:net";

/** All addresses of a host in the system's order, each once; an address is its own. */
export type Lookup = (host: string) => Promise<readonly string[]>;

export async function lookUp(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await Bun.dns.lookup(host, { backend: "system" });
  return [...new Set(found.map(({ address }) => address))];
}
