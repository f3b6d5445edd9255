// Where a node listens, from its configuration: plain addresses, the same hosts at the port for
// TLS, and a Unix socket. Names are resolved and the socket's path is judged; nothing is bound yet.

import { type Address, formatAddress } from "../../base/address.ts";
import type { Lookup } from "../../base/host-lookup.ts";
import type { Config } from "../../config/config.ts";
import { anyTlsPort } from "../../config/tls-options.ts";
import type { ServerTls } from "../connection/listener.ts";
import type { Bound, Endpoints } from "../connection/listeners.ts";
import { assertReplaceable } from "../connection/unix-socket.ts";
import { listenAddresses } from "./listen-addresses.ts";

/** Rejects with a ListenError if it is certain that the node cannot listen there. */
export async function endpointsOf(
  config: Config,
  tls: ServerTls | null,
  lookup: Lookup,
): Promise<Endpoints> {
  const { unixSocket: path, unixSocketPerm: mode } = config;
  const addresses = config.tlsOnly ? [] : await listenAddresses(config.listenAddr, lookup);
  const tlsAddresses = tls === null ? [] : await listenAddresses(tlsWanted(config), lookup);
  if (path !== "") await assertReplaceable(path);
  return { addresses, tlsAddresses, tls, unix: path === "" ? null : { path, mode } };
}

/** The hosts of the plain addresses, each once. */
function tlsWanted({ listenAddr, tlsPort }: Config): Address[] {
  const port = tlsPort === anyTlsPort ? 0 : tlsPort;
  const hosts = new Set(listenAddr.map(({ host }) => host));
  return [...hosts].map((host) => ({ host, port }));
}

/** What is bound, with the ports that the system chose; CONFIG SET may change it. */
export interface Places {
  addresses: readonly Address[];
  tlsAddresses: readonly Address[];
  readonly unixSocket: string;
}

export function placesOf({ addresses, tlsAddresses, unix }: Endpoints, bound: Bound): Places {
  return {
    addresses: addresses.map(({ host }, index) => ({ host, port: bound.ports[index] })),
    tlsAddresses: tlsAddresses.map(({ host }, index) => ({ host, port: bound.tlsPorts[index] })),
    unixSocket: unix?.path ?? "",
  };
}

/** As the log shows them. */
export function shownPlaces({ addresses, tlsAddresses, unixSocket }: Places): string[] {
  return [
    ...addresses.map(formatAddress),
    ...tlsAddresses.map((address) => `${formatAddress(address)} (TLS)`),
    ...(unixSocket === "" ? [] : [unixSocket]),
  ];
}
