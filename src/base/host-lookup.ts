// Resolves host names with the system's resolver (files, DNS), without a cache: Bun.connect() would
// cache an answer for half a minute, and Bun.listen() would use whichever address is free. Does not
// connect. Rejects if a name has no address.

import { isIpAddress } from "./address.ts";

/**
 * All addresses of a host in the system's order, without duplicates; an address resolves to itself.
 */
export type Lookup = (host: string) => Promise<readonly string[]>;

export async function lookUp(host: string): Promise<readonly string[]> {
  if (isIpAddress(host)) return [host];
  const found = await Bun.dns.lookup(host, { backend: "system" });
  return [...new Set(found.map(({ address }) => address))];
}
